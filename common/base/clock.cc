#include "common/base/clock.h"

#include <ctime>

namespace rayd {

Time now_boottime() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return {now.tv_sec * 1'000'000'000 + now.tv_nsec};
}

int64_t now_unix_ms() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * 1'000 + now.tv_nsec / 1'000'000;
}

}  // namespace rayd
