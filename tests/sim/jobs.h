// Jobs: workloads that somebody submits to the head. Their roots run in the cluster and begin
// things as drivers do; what the head says of each is compared with what its root must give.
#pragma once

#include <string>
#include <vector>

#include "common/types/head_io.h"
#include "tests/sim/script.h"

namespace rayd::sim {

class World;

class Jobs {
 public:
  explicit Jobs(World& world) : world_(world) {}

  void submit(const ScriptSpec& root, int32_t retries);
  /// Some running one; false: there is none.
  bool cancel_one();
  size_t count() const { return jobs_.size(); }
  bool are_done() const;
  std::string state_text() const;

  // ---- what the head says ---------------------------------------------------------------------
  void on_reply(const RequestReply& reply);
  void on_changed(const JobRow& row);
  /// A new head does not know them: they have ended, or are asked for again.
  void on_head_restart();

 private:
  struct Job {
    ScriptSpec root;
    int32_t retries = 0;
    uint64_t request = 0;
    JobId id;  // 0: not answered yet
    bool is_cancelled = false;
    enum class State : uint8_t { kAsked, kKnown, kEnded, kLost } state = State::kAsked;
    JobState end = JobState::kPending;
  };

  void ask(const Job& job);
  void judge(const Job& job, const JobRow& row);
  Job* find(JobId id);

  World& world_;
  std::vector<Job> jobs_;
  static constexpr uint64_t kCancels = 1'000'000;  // requests from here on
};

}  // namespace rayd::sim
