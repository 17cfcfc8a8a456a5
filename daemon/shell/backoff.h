// Pauses between attempts to connect: each twice the one before, from 50 ms to 2 s.
#pragma once

#include <algorithm>
#include <chrono>

namespace rayd::shell {

class Backoff {
 public:
  std::chrono::milliseconds next() {
    pause_ = pause_.count() == 0 ? std::chrono::milliseconds{50}
                                 : std::min(pause_ * 2, std::chrono::milliseconds{2000});
    return pause_;
  }
  void reset() { pause_ = std::chrono::milliseconds{0}; }

 private:
  std::chrono::milliseconds pause_{0};
};

}  // namespace rayd::shell
