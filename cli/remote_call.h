// One call on the hot lane from the shell: submitted, its worker's lines shown, its value or error
// as an outcome.
#pragma once

#include <optional>
#include <string>

#include "cli/command_line.h"
#include "cli/interrupts.h"
#include "cli/job_screen.h"
#include "cli/outcome.h"
#include "common/types/call.h"

namespace rayd::cli {

/// What the flags demand; with none of them this many CPUs.
Result<ResourceSet> demand_of(const ParsedCommand& command, Quantity default_cpu);

/// Where --label says that it may run. kInvalidArgument: no label selector.
Result<Placement> placement_of(const ParsedCommand& command);

/// --env K=V and K, sorted; the last of a name wins. kInvalidArgument: a name that is none, or one
/// without a value here.
Result<std::vector<std::pair<std::string, std::string>>> environment_of(
    const ParsedCommand& command, const Environment& here);

/// Why this task can never run on the nodes there are; nothing if it can, or if nobody knows.
std::optional<std::string> infeasible_reason(DaemonClient& client, TaskId task);

struct CallOptions {
  std::optional<Duration> timeout;
  enum class Infeasible : uint8_t { kEnd, kWait };
  Infeasible infeasible = Infeasible::kEnd;
};

class RemoteCall {
 public:
  /// All of them outlive this.
  RemoteCall(DaemonClient& client, TaskSession& session, const Output& output, CallOptions options);
  ~RemoteCall() { client_.set_interrupt(-1); }
  RemoteCall(const RemoteCall&) = delete;
  RemoteCall& operator=(const RemoteCall&) = delete;

  /// Waits for return value 1 of the call that was sent. Ctrl-C and the timeout cancel it.
  Result<Outcome> wait(TaskId task);

 private:
  Result<std::optional<Value>> receive(ObjectId object);
  void show_lines();
  Status want(ObjectId object);
  Status cancel(TaskId task, Cancel::Force force);
  Result<std::optional<Outcome>> cut_short(TaskId task);
  Outcome cut_outcome(Outcome::Cut cut) const;
  Outcome outcome_of(const Value& value) const;

  DaemonClient& client_;
  TaskSession& session_;
  CallOptions options_;
  Interrupts interrupts_;
  JobScreen screen_;
  uint64_t cursor_ = 0;
  Duration patience_;
  Time started_;
  std::optional<Time> deadline_;
  Outcome::Cut cut_ = Outcome::Cut::kNo;
};

}  // namespace rayd::cli
