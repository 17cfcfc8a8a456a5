// The bell: how a side that may sleep is woken, at the price of one load while it is awake.
//
// The sleeper owns a word `armed`, in a page that it writes and its peer maps read-only:
//
//   epoch << 2 | wants credit << 1 | armed
//
//   sleeper:  arm (word = next epoch | armed; fence) → look again → sleep → clear → disarm
//   ringer:   publish (ring.h) → fence → load word; armed? → write to the doorbell
//
// Both fences are sequentially consistent, so at least one side sees the other's store: either the
// ringer sees the flag or the sleeper's second look sees the message. Whoever removes one of them
// breaks tests/unit/common/shm/interleaving_test.cc.
// The ringer rings once per epoch, whatever it publishes meanwhile: it cannot lower the flag, which
// is not its to write, and the sleeper looks again after it has raised it for the next epoch.
// A sleeper waits for messages, or also for credit (room in a ring it produces into); news of
// credit alone wakes only the latter.
//
// The daemon sleeps in epoll: it calls arm(), looks, waits for its doorbells there, then clears and
// disarms. Clients call wait().
#pragma once

#include <sched.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "common/base/clock.h"
#include "common/shm/atomics.h"
#include "common/shm/doorbell.h"

namespace rayd::shm {

enum class WakeFor : uint8_t { kMessages, kMessagesOrCredit };

/// What a ringer has published since it last rang.
struct News {
  bool messages = false;
  bool credit = false;
};

namespace armed_word {
inline constexpr uint64_t kArmed = 1;
inline constexpr uint64_t kWantsCredit = 2;
inline constexpr uint64_t kEpoch = 4;
}  // namespace armed_word

template <class Atomics>
class BasicSleeper {
 public:
  /// `armed` is a word of zero that only this object writes.
  explicit BasicSleeper(uint64_t* armed) : armed_(armed) {}

  /// From here on the peer rings. The caller looks once more before it sleeps.
  void arm(WakeFor wake_for) {
    epoch_ += armed_word::kEpoch;
    const uint64_t credit = wake_for == WakeFor::kMessagesOrCredit ? armed_word::kWantsCredit : 0;
    Atomics::store_relaxed(armed_, epoch_ | armed_word::kArmed | credit);
    Atomics::fence();
    is_armed_ = true;
  }
  void disarm() {
    if (!is_armed_) return;
    Atomics::store_relaxed(armed_, epoch_);
    is_armed_ = false;
  }
  bool is_armed() const { return is_armed_; }
  /// All that it knows beside its word, for tests.
  std::array<uint64_t, 2> state() const { return {epoch_, is_armed_ ? 1u : 0u}; }

 private:
  uint64_t* armed_;
  uint64_t epoch_ = 0;
  bool is_armed_ = false;
};

/// Signal: anything with ring().
template <class Atomics, class Signal>
class BasicRinger {
 public:
  BasicRinger(const uint64_t* armed, Signal signal) : armed_(armed), signal_(std::move(signal)) {}

  /// Wakes the sleeper if it asked for this kind of news and was not rung in this epoch.
  /// Call it once per batch, after publishing and before blocking.
  void ring(News news) {
    if (!news.messages && !news.credit) return;
    Atomics::fence();
    const uint64_t word = Atomics::load_relaxed(armed_);
    if ((word & armed_word::kArmed) == 0 || word == rung_) return;
    if (!news.messages && (word & armed_word::kWantsCredit) == 0) return;
    rung_ = word;
    signal_.ring();
  }
  /// All that it knows, for tests.
  uint64_t state() const { return rung_; }

 private:
  const uint64_t* armed_;
  uint64_t rung_ = 0;
  Signal signal_;
};

/// One sleep: arm, look again, sleep, disarm. `sleep()` blocks until the doorbell was rung and
/// cleared, or something else happened; kReady from it only means "look".
template <class Atomics, class Ready, class Sleep>
WaitEnd sleep_armed(BasicSleeper<Atomics>& sleeper, WakeFor wake_for, Ready&& ready,
                    Sleep&& sleep) {
  sleeper.arm(wake_for);
  const WaitEnd end = ready() ? WaitEnd::kReady : sleep();
  sleeper.disarm();
  return end;
}

/// Pauses before the first sched_yield; a reply from a peer on another core comes within these.
inline constexpr int kPauses = 64;

struct WaitOptions {
  Time deadline = kNoDeadline;
  Duration spin_budget;  // how long to poll and yield before sleeping; 0: sleep at once
  int other_fd = -1;     // also wake when this one is readable
  WakeFor wake_for = WakeFor::kMessages;
};

inline void cpu_pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Polls for the budget: pauses a little, then always yields, because the peer may need this core.
template <class Ready>
bool spin_until(Ready&& ready, const WaitOptions& options) {
  if (ready()) return true;
  if (options.spin_budget <= Duration{}) return false;
  for (int i = 0; i < kPauses; ++i) {
    cpu_pause();
    if (ready()) return true;
  }
  const Time end = std::min(now_boottime() + options.spin_budget, options.deadline);
  while (now_boottime() < end) {
    sched_yield();
    if (ready()) return true;
  }
  return false;
}

/// The hybrid wait: spins for the budget, then sleeps on the doorbell. `ready` is called often and
/// must be cheap. Returns kReady only when it said true.
template <class Ready>
WaitEnd wait(BasicSleeper<HardwareAtomics>& sleeper, const Doorbell& bell, Ready&& ready,
             const WaitOptions& options) {
  if (spin_until(ready, options)) return WaitEnd::kReady;
  for (;;) {
    const WaitEnd end = sleep_armed(sleeper, options.wake_for, ready,
                                    [&] { return bell.sleep(options.other_fd, options.deadline); });
    if (ready()) return WaitEnd::kReady;
    if (end != WaitEnd::kReady) return end;
  }
}

/// Half a round trip between two sleeping threads, the median of some: 4 µs on one core, 25–50 µs
/// across cores of a virtual machine. Starts a thread and joins it; takes a few milliseconds.
Duration measure_wake_latency();

/// The default spin budget for a machine with this wake latency.
constexpr Duration default_spin_budget(Duration wake_latency) {
  const int64_t ns = wake_latency.ns * 5 / 2;
  return Duration{ns < 20'000 ? 20'000 : ns > 200'000 ? 200'000 : ns};
}

using Sleeper = BasicSleeper<HardwareAtomics>;
using Ringer = BasicRinger<HardwareAtomics, BellRope>;

}  // namespace rayd::shm
