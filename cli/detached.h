// Work that goes on when the shell has its answer: a process of its own that holds a task's session
// (the daemon ends a session's tasks with its client).
#pragma once

#include <functional>
#include <string>

#include "common/base/ids.h"
#include "common/base/result.h"

namespace rayd::cli {

struct DetachedJob {
  JobId job;
  std::string waits_for;  // why it cannot run as things are; empty: it can
};
using Report = std::function<void(const Result<DetachedJob>&)>;

/// Runs `work` in a new process, without a terminal, and returns what it reports: the job, or why
/// there is none. `work` reports once and may then go on for as long as it likes.
Result<DetachedJob> run_detached(const std::function<void(const Report&)>& work);

}  // namespace rayd::cli
