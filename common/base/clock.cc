#include "common/base/clock.h"

#include <ctime>

namespace rayd {

Time now_boottime() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return {now.tv_sec * 1'000'000'000 + now.tv_nsec};
}

}  // namespace rayd
