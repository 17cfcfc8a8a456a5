// The control thread's clock: read once for a batch of ring messages, and directly between batches.
#pragma once

#include "common/base/clock.h"

namespace rayd::shell {

class BatchClock {
 public:
  Time now() const { return in_batch_ ? batch_ : now_boottime(); }

  /// While one lives, time stands still.
  class Batch {
   public:
    explicit Batch(BatchClock& clock) : clock_(clock) {
      clock_.batch_ = now_boottime();
      clock_.in_batch_ = true;
    }
    ~Batch() { clock_.in_batch_ = false; }
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;

   private:
    BatchClock& clock_;
  };

 private:
  Time batch_;
  bool in_batch_ = false;
};

}  // namespace rayd::shell
