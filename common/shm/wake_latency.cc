#include <algorithm>
#include <array>
#include <thread>

#include "common/shm/bell.h"
#include "common/shm/doorbell.h"

namespace rayd::shm {

Duration measure_wake_latency() {
  auto there = make_daemon_bell();
  auto back = make_daemon_bell();
  if (!there || !back) return Duration::micros(20);  // out of descriptors: the usual figure
  const Doorbell near{std::move(back->doorbell)};
  const Doorbell far{std::move(there->doorbell)};
  const BellRope to_far{std::move(there->rope)};
  const BellRope to_near{std::move(back->rope)};

  constexpr int kRounds = 31;
  // A signal may end a sleep early and let two rings fall into one; the deadline gets us past that.
  const auto patience = [] { return now_boottime() + Duration::millis(20); };
  std::thread echo([&] {
    for (int i = 0; i < kRounds; ++i) {
      far.sleep(-1, patience());
      to_near.ring();
    }
  });
  std::array<int64_t, kRounds> round_trips;
  for (int64_t& round_trip : round_trips) {
    const Time start = now_boottime();
    to_far.ring();
    near.sleep(-1, patience());
    round_trip = (now_boottime() - start).ns;
  }
  echo.join();
  std::nth_element(round_trips.begin(), round_trips.begin() + kRounds / 2, round_trips.end());
  return Duration{round_trips[kRounds / 2] / 2};
}

}  // namespace rayd::shm
