#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "common/base/random.h"
#include "common/shm/channel.h"
#include "tests/unit/catch.h"

using namespace rayd;
using namespace rayd::shm;

namespace {

const ChannelOptions kSmall{
    .sizes = {.out_bytes = 16384, .answers_bytes = 8192, .work_bytes = 8192},
    .spin_budget = Duration::micros(50)};

/// Message n: its number, then a length and bytes that follow from it.
ByteSpan numbered(uint64_t number, MessageBuffer& buffer) {
  Random random{number};
  const size_t size = 8 + random.below(random.chance(1, 8) ? 4000 : 200);
  std::memcpy(buffer.bytes, &number, 8);
  std::memset(buffer.bytes + 8, static_cast<int>(number & 0xFF), size - 8);
  return {buffer.bytes, size};
}

/// A process that runs `body` on its end of the channel until it is killed.
class Victim {
 public:
  template <class Body>
  Victim(ChannelHost& host, Body body) {
    ChannelFds fds = host.take_peer_fds();
    pid_ = ::fork();
    if (pid_ != 0) return;
    auto peer = ChannelPeer::open(std::move(fds));
    if (peer) body(*peer);
    ::_exit(1);
  }
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;
  ~Victim() { kill_and_reap(); }

  void kill_and_reap() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    int status = 0;
    REQUIRE(::waitpid(pid_, &status, 0) == pid_);
    REQUIRE(WIFSIGNALED(status));  // it had not given up by itself
    pid_ = -1;
  }

 private:
  pid_t pid_ = -1;
};

[[noreturn]] void push_for_ever(ChannelPeer& peer) {
  MessageBuffer buffer;
  for (uint64_t number = 0;; ++number) {
    const ByteSpan message = numbered(number, buffer);
    while (peer.out().try_push(message) == Push::kNoRoom) {
      peer.wait([&] { return peer.out().has_room(message.size()); },
                {.spin_budget = peer.spin_budget(), .wake_for = WakeFor::kMessagesOrCredit});
    }
    peer.ring();
  }
}

[[noreturn]] void work_for_ever(ChannelPeer& peer) {
  MessageBuffer buffer;
  for (;;) {
    const Popped work = peer.work().try_claim(buffer.span());
    if (work.state == Pop::kMessage) {
      while (peer.out().try_push(work.bytes) == Push::kNoRoom) sched_yield();
      continue;
    }
    peer.ring();
    peer.wait({.spin_budget = peer.spin_budget()});
  }
}

}  // namespace

TEST_CASE("a client killed while it speaks leaves whole messages in order, then silence") {
  Random random{11};
  uint64_t received_in_all = 0;
  for (int round = 0; round < 60; ++round) {
    auto host = ChannelHost::create(kSmall);
    REQUIRE(host);
    Victim client{*host, push_for_ever};
    MessageBuffer buffer, expected;
    uint64_t received = 0;
    const auto take_one = [&] {
      const Popped popped = host->out().try_pop(buffer.span());
      if (popped.state == Pop::kEmpty) return false;
      REQUIRE(popped.state == Pop::kMessage);
      const ByteSpan wanted = numbered(received++, expected);
      REQUIRE(popped.bytes.size() == wanted.size());
      REQUIRE(std::memcmp(popped.bytes.data(), wanted.data(), wanted.size()) == 0);
      return true;
    };
    const uint64_t enough = random.below(600);
    while (received < enough) {
      if (take_one()) continue;
      host->ring();
      sched_yield();
    }
    client.kill_and_reap();
    while (take_one()) {
    }
    CHECK_FALSE(host->out().corrupt());
    CHECK_FALSE(host->pending());
    received_in_all += received;
  }
  CHECK(received_in_all > 5'000);
}

TEST_CASE("of a killed worker's work one message at most was begun and not answered") {
  Random random{12};
  for (int round = 0; round < 40; ++round) {
    auto host = ChannelHost::create(kSmall);
    REQUIRE(host);
    Victim worker{*host, work_for_ever};
    MessageBuffer buffer;
    std::vector<uint64_t> queued;
    uint64_t answered = 0;
    const auto drain = [&] {
      while (host->out().try_pop(buffer.span()).state == Pop::kMessage) ++answered;
    };
    const uint64_t enough = random.below(300);
    while (answered < enough) {
      const uint64_t sequence = host->work().next_sequence();
      const uint8_t message[8] = {};
      if (host->work().try_push(message) == Push::kDone) queued.push_back(sequence);
      host->ring();
      drain();
      sched_yield();
    }
    worker.kill_and_reap();
    drain();
    uint64_t started = 0;
    while (started < queued.size() && host->work().state(queued[started]) == ClaimState::kStarted) {
      ++started;
    }
    CHECK(started >= answered);
    CHECK(started <= answered + 1);
    for (size_t i = started; i < queued.size(); ++i) {
      REQUIRE(host->work().state(queued[i]) == ClaimState::kQueued);
      REQUIRE(host->work().revoke(queued[i]) == Revoke::kRevoked);
    }
  }
}
