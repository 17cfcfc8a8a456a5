// A task that waits lends its CPUs. Made and ended with the lock held.
#pragma once

#include "client/api/local_current.h"
#include "client/api/local_runtime.h"

namespace ray::internal {

class LocalRuntime::Blocking {
 public:
  explicit Blocking(LocalRuntime& runtime) : runtime_(runtime), task_(current_local_task) {
    if (task_ == nullptr) return;
    lent_ = lendable_part(task_->held);
    runtime_.resources_.give(lent_);
    ++runtime_.blocked_threads_;
    runtime_.dispatch();
  }
  ~Blocking() {
    if (task_ == nullptr) return;
    runtime_.resources_.take(lent_);
    --runtime_.blocked_threads_;
  }
  Blocking(const Blocking&) = delete;

 private:
  LocalRuntime& runtime_;
  LocalTask* task_;
  Demand lent_;
};

}  // namespace ray::internal
