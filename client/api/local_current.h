// The task that this thread runs for local_mode.
#pragma once

#include "client/api/local_state.h"

namespace ray::internal {

/// Null on threads that run none, which count as the driver.
extern constinit thread_local LocalTask* current_local_task;

/// For the time that a thread runs a task; they nest when a blocked task runs another inline.
class CurrentTask {
 public:
  explicit CurrentTask(LocalTask& task) : outer_(current_local_task) { current_local_task = &task; }
  ~CurrentTask() { current_local_task = outer_; }
  CurrentTask(const CurrentTask&) = delete;

 private:
  LocalTask* outer_;
};

}  // namespace ray::internal
