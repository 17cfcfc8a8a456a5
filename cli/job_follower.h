// Follows a job to its end: lines and progress to the screen, files into a folder, and what became
// of it as a value.
#pragma once

#include <optional>
#include <string>

#include "cli/interrupts.h"
#include "cli/job_files.h"
#include "cli/job_screen.h"
#include "cli/outcome.h"

namespace rayd::cli {

struct FollowOptions {
  ProgressStyle progress = ProgressStyle::kNone;
  enum class Lines : uint8_t { kShow, kHide };
  Lines lines = Lines::kShow;  // what its workers print
  std::optional<Duration> timeout;
  /// kCancel: Ctrl-C and the timeout cancel the job (submit). kLeave: they end the wait alone.
  enum class WhenCut : uint8_t { kCancel, kLeave };
  WhenCut when_cut = WhenCut::kCancel;
  /// kEnd: a job that can never be placed is cancelled (the foreground of cli.md §5).
  enum class Infeasible : uint8_t { kEnd, kWait };
  Infeasible infeasible = Infeasible::kEnd;
};

class JobFollower {
 public:
  JobFollower(DaemonClient& client, const Output& output, FollowOptions options);
  ~JobFollower() { client_.set_interrupt(-1); }
  JobFollower(const JobFollower&) = delete;
  JobFollower& operator=(const JobFollower&) = delete;

  /// What interrupted since the follower was made counts. Without `out_folder` files stay where
  /// they are. Errors: the job is not known, the daemon went away, a file could not be written.
  Result<Outcome> follow(JobId job, const std::string& out_folder = {});

 private:
  Result<JobUpdate> next();
  Error lost(const Error& error);
  Status take_news(const JobUpdate& update);
  /// Nothing: go on.
  std::optional<Outcome::Cut> cut_short(const JobUpdate& update);
  std::optional<Outcome::Cut> on_interrupts(int count);
  std::optional<Outcome::Cut> on_deadline();
  void cancel(Force force);
  Duration patience() const;

  DaemonClient& client_;
  FollowOptions options_;
  Interrupts interrupts_;
  JobScreen screen_;
  JobId job_;
  std::optional<JobFiles> files_;
  uint64_t cursor_ = 0;
  std::optional<Time> deadline_;
  Outcome::Cut cut_ = Outcome::Cut::kNo;  // what the job was cancelled for
};

}  // namespace rayd::cli
