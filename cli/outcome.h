// What became of work, as submit, task, actor call and wait tell it.
#pragma once

#include <optional>
#include <string>

#include "common/config/json.h"
#include "common/types/head_messages.h"
#include "common/types/value.h"

namespace rayd::cli {

struct Outcome {
  JobId job;
  JobState state = JobState::kSucceeded;
  Json result;
  std::optional<ErrorInfo> error;
  /// Why the wait ended before the work did, or why the work was ended by us.
  enum class Cut : uint8_t { kNo, kTimedOut, kInterrupted, kInfeasible };
  Cut cut = Cut::kNo;
  std::string infeasible_reason;
};

std::string_view state_name(JobState state);

/// {"v":1,"job":…,"state":…,"result":…,"error":null|{"code","message"}}
Json to_json(const Outcome& outcome);

/// The inverse, for one that was kept. `outcome` has at least the job.
void read_outcome(const Json& json, Outcome& outcome);

/// What stands in "error", and is said to people; nothing where all went well.
std::optional<Error> error_of(const Outcome& outcome);

int exit_status(const Outcome& outcome);

}  // namespace rayd::cli
