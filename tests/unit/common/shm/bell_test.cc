#include "common/shm/bell.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <thread>

#include "tests/unit/catch.h"

using namespace rayd;
using namespace rayd::shm;

namespace {

bool readable(int fd) {
  pollfd entry{fd, POLLIN, 0};
  return ::poll(&entry, 1, 0) == 1 && (entry.revents & POLLIN) != 0;
}

struct CountingRope {
  int* rings;
  void ring() const { ++*rings; }
};

const WaitOptions kAtOnce{.deadline = Time{}, .spin_budget = {}};

}  // namespace

TEST_CASE("an awake peer is not rung, a sleeping one once") {
  uint64_t armed = 0;
  int rings = 0;
  Sleeper sleeper{&armed};
  BasicRinger<HardwareAtomics, CountingRope> ringer{&armed, CountingRope{&rings}};
  ringer.ring({.messages = true});
  CHECK(rings == 0);
  sleeper.arm(WakeFor::kMessages);
  ringer.ring({});
  CHECK(rings == 0);
  ringer.ring({.messages = true});
  ringer.ring({.messages = true});
  CHECK(rings == 1);
  sleeper.disarm();
  ringer.ring({.messages = true});
  CHECK(rings == 1);
  sleeper.arm(WakeFor::kMessages);
  ringer.ring({.messages = true});
  CHECK(rings == 2);
}

TEST_CASE("credit alone wakes only who waits for credit") {
  uint64_t armed = 0;
  int rings = 0;
  Sleeper sleeper{&armed};
  BasicRinger<HardwareAtomics, CountingRope> ringer{&armed, CountingRope{&rings}};
  sleeper.arm(WakeFor::kMessages);
  ringer.ring({.credit = true});
  CHECK(rings == 0);
  ringer.ring({.messages = true, .credit = true});
  CHECK(rings == 1);
  sleeper.disarm();
  sleeper.arm(WakeFor::kMessagesOrCredit);
  ringer.ring({.credit = true});
  CHECK(rings == 2);
}

TEST_CASE("a wait ends when ready, at its deadline, or by the other descriptor") {
  uint64_t armed = 0;
  Sleeper sleeper{&armed};
  auto pair = make_daemon_bell();
  REQUIRE(pair);
  const Doorbell bell{std::move(pair->doorbell)};
  const auto never = [] { return false; };
  CHECK(wait(
            sleeper, bell, [] { return true; }, kAtOnce) == WaitEnd::kReady);
  CHECK(wait(sleeper, bell, never, kAtOnce) == WaitEnd::kDeadline);
  CHECK(wait(sleeper, bell, never,
             {.deadline = now_boottime() + Duration::millis(1),
              .spin_budget = Duration::micros(200)}) == WaitEnd::kDeadline);
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  REQUIRE(::write(ends[1], "x", 1) == 1);
  CHECK(wait(sleeper, bell, never, {.other_fd = ends[0]}) == WaitEnd::kOther);
  CHECK_FALSE(sleeper.is_armed());
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_CASE("a ring for nothing does not end a wait") {
  uint64_t armed = 0;
  Sleeper sleeper{&armed};
  auto pair = make_daemon_bell();
  REQUIRE(pair);
  const Doorbell bell{std::move(pair->doorbell)};
  const BellRope rope{std::move(pair->rope)};
  rope.ring();
  int looks = 0;
  // It looks before it sleeps, armed, and after the stale ring; then armed again, or it would hang.
  const WaitEnd end = wait(sleeper, bell, [&] { return ++looks >= 4; }, {});
  CHECK(end == WaitEnd::kReady);
  CHECK_FALSE(readable(bell.fd()));
}

TEST_CASE("two threads that sleep at once pass a token back and forth") {
  struct Side {
    uint64_t armed = 0;
    uint64_t token = 0;
  } left, right;
  auto left_bell = make_daemon_bell();
  auto right_bell = make_client_bell();
  REQUIRE(left_bell);
  REQUIRE(right_bell);
  constexpr uint64_t kRounds = 2000;
  const auto play = [](Side& mine, Side& peer, Doorbell bell, BellRope rope, uint64_t first) {
    Sleeper sleeper{&mine.armed};
    Ringer ringer{&peer.armed, std::move(rope)};
    for (uint64_t round = first; round <= kRounds; round += 2) {
      const auto ready = [&] { return HardwareAtomics::load_acquire(&mine.token) + 1 == round; };
      const Duration budget = round % 3 == 0 ? Duration::micros(20) : Duration{};
      if (round > 1 && wait(sleeper, bell, ready, {.spin_budget = budget}) != WaitEnd::kReady)
        return;
      HardwareAtomics::store_release(&peer.token, round);
      ringer.ring({.messages = true});
    }
  };
  std::thread other{[&] {
    play(right, left, Doorbell{std::move(right_bell->doorbell)},
         BellRope{std::move(left_bell->rope)}, 2);
  }};
  play(left, right, Doorbell{std::move(left_bell->doorbell)}, BellRope{std::move(right_bell->rope)},
       1);
  other.join();
  CHECK(left.token == kRounds);
  CHECK(right.token == kRounds - 1);
}

TEST_CASE("a client that makes its doorbell blocking and fills it cannot stop the daemon") {
  auto bell = make_client_bell();
  REQUIRE(bell);
  const BellRope rope{std::move(bell->rope)};
  REQUIRE(::fcntl(bell->doorbell.get(), F_SETFL, 0) == 0);
  for (int i = 0; i < 100'000; ++i) rope.ring();  // far more than a pipe holds; returns
  const Doorbell doorbell{std::move(bell->doorbell)};
  CHECK(doorbell.sleep(-1, kNoDeadline) == WaitEnd::kReady);
}

TEST_CASE("a client that makes the daemon's doorbell blocking cannot stop the daemon") {
  auto bell = make_daemon_bell();
  REQUIRE(bell);
  const Doorbell doorbell{std::move(bell->doorbell)};
  REQUIRE(::fcntl(bell->rope.get(), F_SETFL, 0) == 0);
  doorbell.clear();  // nothing to read: a plain read() would block here
  BellRope{std::move(bell->rope)}.ring();
  CHECK(readable(doorbell.fd()));
  doorbell.clear();
  CHECK_FALSE(readable(doorbell.fd()));
}

TEST_CASE("ringing a client that is gone raises no signal") {
  auto bell = make_client_bell();
  REQUIRE(bell);
  const BellRope rope{std::move(bell->rope)};
  { const UniqueFd gone{bell->doorbell.release()}; }
  rope.ring();  // SIGPIPE would end the test
  CHECK(readable(bell->kept_doorbell.get()));
}

TEST_CASE("a sleeping client sees its daemon go") {
  auto bell = make_client_bell();
  REQUIRE(bell);
  const Doorbell doorbell{std::move(bell->doorbell)};
  { const UniqueFd gone{bell->rope.release()}; }
  CHECK(doorbell.sleep(-1, kNoDeadline) == WaitEnd::kPeerGone);
}

TEST_CASE("the spin budget follows the wake latency within bounds") {
  CHECK(default_spin_budget(Duration::micros(20)) == Duration::micros(50));
  CHECK(default_spin_budget(Duration::micros(1)) == Duration::micros(20));
  CHECK(default_spin_budget(Duration::millis(9)) == Duration::micros(200));
  CHECK(measure_wake_latency() > Duration{});
}
