// A job's progress for people and programs: done, total, rate and what is left; drawn over one line
// of a terminal, or a line every five seconds, or JSON lines.
#pragma once

#include <optional>
#include <string>

#include "cli/daemon_client.h"
#include "cli/output.h"
#include "common/base/clock.h"

namespace rayd::cli {

enum class ProgressStyle : uint8_t { kNone, kDrawn, kLines, kJson };

/// `flag` is --progress. With -q only what was asked for by it is shown.
ProgressStyle progress_style(const std::optional<std::string>& flag, const OutputOptions& options);

/// Pure: decides what is written to standard error at which time.
class Progress {
 public:
  Progress(ProgressStyle style, size_t columns, Time started)
      : style_(style), columns_(columns), started_(started), last_line_(started) {}

  /// What to write now that the job is so far; empty: nothing.
  std::string update(const JobProgress& progress, Time now);
  /// What to write before another line is shown (takes a drawn line away) …
  std::string hide();
  /// … and after it.
  std::string show();

 private:
  std::string line_of(const JobProgress& progress, Time now) const;
  std::string json_of(const JobProgress& progress, Time now) const;

  ProgressStyle style_;
  size_t columns_;
  Time started_;
  Time last_line_;
  std::string drawn_;      // the line that stands on the terminal
  std::string last_json_;  // not repeated
  bool is_shown_ = false;
};

/// "12s", "3m 05s", "2h 07m".
std::string short_duration(Duration duration);

}  // namespace rayd::cli
