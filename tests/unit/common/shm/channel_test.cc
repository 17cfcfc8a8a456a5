#include "common/shm/channel.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "tests/unit/catch.h"

using namespace rayd;
using namespace rayd::shm;

namespace {

const ChannelOptions kWorker{.spin_budget = Duration::micros(50), .id = 9};
const ChannelOptions kClient{.sizes = {.work_bytes = 0}, .id = 8};

ByteSpan text(const char* words) {
  return {reinterpret_cast<const uint8_t*>(words), std::strlen(words)};
}
std::string text(ByteSpan bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Why a peer refuses the descriptors, or "".
std::string refusal(ChannelFds fds) {
  const auto peer = ChannelPeer::open(std::move(fds));
  if (peer) return "";
  CHECK(peer.error().code == ErrorCode::kCorrupt);
  return peer.error().message;
}

bool contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

void overwrite_header(int fd, const ChannelHeader& header) {
  auto memory = Mapping::map(fd, {0, kPageBytes}, Access::kReadWrite);
  REQUIRE(memory);
  write_channel_header(header, memory->data());
}

ChannelHeader header_in(int fd, ChannelFile file) {
  auto memory = Mapping::map(fd, {0, kPageBytes}, Access::kReadOnly);
  REQUIRE(memory);
  auto header = read_channel_header({memory->data(), kPageBytes}, file);
  REQUIRE(header);
  return *header;
}

}  // namespace

TEST_CASE("a worker and its daemon speak over three rings") {
  auto host = ChannelHost::create(kWorker);
  REQUIRE(host);
  auto peer = ChannelPeer::open(host->take_peer_fds());
  REQUIRE(peer);
  CHECK(peer->spin_budget() == Duration::micros(50));
  MessageBuffer buffer;

  REQUIRE(peer->out().try_push(text("submit")) == Push::kDone);
  CHECK(host->pending());
  CHECK(text(host->out().try_pop(buffer.span()).bytes) == "submit");
  CHECK(host->out().try_pop(buffer.span()).state == Pop::kEmpty);

  REQUIRE(host->answers().try_push(text("done")) == Push::kDone);
  CHECK(peer->pending());
  CHECK(text(peer->answers().try_pop(buffer.span()).bytes) == "done");
  CHECK_FALSE(peer->pending());

  const uint64_t sequence = host->work().next_sequence();
  REQUIRE(host->work().try_push(text("run")) == Push::kDone);
  CHECK(peer->pending());
  CHECK(text(peer->work().try_claim(buffer.span()).bytes) == "run");
  CHECK(host->work().revoke(sequence) == Revoke::kTooLate);
  host->work().cancel(sequence);
  CHECK(peer->work().cancelled(sequence));

  host->set_finished_tasks(77);
  host->set_lease_deadline(Time{123});
  CHECK(peer->finished_tasks() == 77);
  CHECK(peer->lease_deadline() == Time{123});
}

TEST_CASE("a client has no work ring and no claim memory") {
  auto host = ChannelHost::create(kClient);
  REQUIRE(host);
  CHECK_FALSE(host->has_work());
  ChannelFds fds = host->take_peer_fds();
  CHECK_FALSE(static_cast<bool>(fds.claim_memory));
  auto peer = ChannelPeer::open(std::move(fds));
  REQUIRE(peer);
  CHECK_FALSE(peer->has_work());
  CHECK(peer->wait({.deadline = Time{}}) == WaitEnd::kDeadline);
}

TEST_CASE("each side wakes the other when it sleeps, and the daemon re-checks before it does") {
  auto host = ChannelHost::create(kWorker);
  REQUIRE(host);
  auto peer = ChannelPeer::open(host->take_peer_fds());
  REQUIRE(peer);
  constexpr int kRounds = 1000;
  std::thread daemon{[&] {
    const Doorbell epoll{UniqueFd{::dup(host->doorbell_fd())}};
    MessageBuffer buffer;
    for (int served = 0; served < kRounds;) {
      if (host->try_arm(WakeFor::kMessages)) {
        (void)epoll.sleep(-1, kNoDeadline);
        host->wake();
      }
      for (Popped got; (got = host->out().try_pop(buffer.span())).state == Pop::kMessage;) {
        RAY_CHECK(host->answers().try_push(got.bytes) == Push::kDone);
        ++served;
      }
      host->ring();
    }
  }};
  MessageBuffer buffer;
  for (int round = 0; round < kRounds; ++round) {
    const std::string question = std::to_string(round);
    REQUIRE(peer->out().try_push(text(question.c_str())) == Push::kDone);
    const Duration budget = round % 2 == 0 ? Duration{} : Duration::micros(50);
    REQUIRE(peer->wait({.spin_budget = budget}) == WaitEnd::kReady);
    REQUIRE(text(peer->answers().try_pop(buffer.span()).bytes) == question);
    REQUIRE(peer->answers().try_pop(buffer.span()).state == Pop::kEmpty);
  }
  daemon.join();
  CHECK_FALSE(peer->pending());
}

TEST_CASE("a producer that waits for credit is woken by it") {
  auto host = ChannelHost::create({.sizes = {.out_bytes = 8192, .work_bytes = 0}});
  REQUIRE(host);
  auto peer = ChannelPeer::open(host->take_peer_fds());
  REQUIRE(peer);
  constexpr uint64_t kMessages = 5000;
  std::thread daemon{[&] {
    const Doorbell epoll{UniqueFd{::dup(host->doorbell_fd())}};
    MessageBuffer buffer;
    for (uint64_t served = 0; served < kMessages;) {
      if (host->try_arm(WakeFor::kMessages)) {
        (void)epoll.sleep(-1, kNoDeadline);
        host->wake();
      }
      while (host->out().try_pop(buffer.span()).state == Pop::kMessage) ++served;
      host->ring();
    }
  }};
  for (uint64_t sent = 0; sent < kMessages;) {
    const Push push = peer->out().try_push(text("0123456789"));
    REQUIRE(push != Push::kCorrupt);
    if (push == Push::kDone) {
      ++sent;
      continue;
    }
    const auto has_room = [&] { return peer->out().has_room(10); };
    REQUIRE(peer->wait(has_room, {.wake_for = WakeFor::kMessagesOrCredit}) == WaitEnd::kReady);
  }
  peer->ring();
  daemon.join();
  CHECK(host->out().consumed() == kMessages);
}

TEST_CASE("the daemon's memory cannot be mapped writable by the client") {
  auto host = ChannelHost::create(kWorker);
  REQUIRE(host);
  ChannelFds fds = host->take_peer_fds();
  CHECK_FALSE(Mapping::map(fds.daemon_memory.get(), {0, kPageBytes}, Access::kReadWrite));
  auto memory = Mapping::map(fds.daemon_memory.get(), {0, kPageBytes}, Access::kReadOnly);
  REQUIRE(memory);
  CHECK(::mprotect(memory->data(), kPageBytes, PROT_READ | PROT_WRITE) != 0);
}

TEST_CASE("the memory of a channel cannot be shrunk, grown or unsealed by the client") {
  auto host = ChannelHost::create(kWorker);
  REQUIRE(host);
  const ChannelFds fds = host->take_peer_fds();
  CHECK(::ftruncate(fds.client_memory.get(), 0) != 0);
  CHECK(::ftruncate(fds.client_memory.get(), 1 << 30) != 0);
  CHECK(::fcntl(fds.client_memory.get(), F_ADD_SEALS, F_SEAL_WRITE) != 0);
}

TEST_CASE("a client refuses channel memory that is not what it claims to be") {
  auto host = ChannelHost::create(kWorker);
  REQUIRE(host);
  ChannelFds fds = host->take_peer_fds();
  const int client = fds.client_memory.get();
  ChannelHeader header = header_in(client, ChannelFile::kClient);

  SECTION("no header") {
    header.magic = 0;
    overwrite_header(client, header);
    CHECK(contains(refusal(std::move(fds)), "no channel header"));
  }
  SECTION("another version") {
    header.version = 2;
    overwrite_header(client, header);
    CHECK(contains(refusal(std::move(fds)), "version 2"));
  }
  SECTION("another slot size") {
    header.slot_bytes = 64;
    overwrite_header(client, header);
    CHECK(contains(refusal(std::move(fds)), "slot size"));
  }
  SECTION("a ring that is no power of two") {
    header.out_bytes = 3 << 16;
    overwrite_header(client, header);
    CHECK(contains(refusal(std::move(fds)), "powers of two"));
  }
  SECTION("rings longer than the file") {
    header.out_bytes *= 2;
    overwrite_header(client, header);
    CHECK(contains(refusal(std::move(fds)), "bytes instead of"));
  }
  SECTION("files of two channels") {
    auto other = ChannelHost::create(kClient);
    REQUIRE(other);
    fds.daemon_memory = std::move(other->take_peer_fds().daemon_memory);
    CHECK(contains(refusal(std::move(fds)), "different channels"));
  }
  SECTION("files in the wrong order") {
    std::swap(fds.client_memory, fds.daemon_memory);
    CHECK(contains(refusal(std::move(fds)), "wrong order"));
  }
  SECTION("a file that can shrink") {
    fds.client_memory = UniqueFd{::memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
    REQUIRE(::ftruncate(fds.client_memory.get(), 1 << 20) == 0);
    CHECK(contains(refusal(std::move(fds)), "can shrink"));
  }
  SECTION("a missing bell") {
    fds.client_bell = UniqueFd{};
    CHECK(contains(refusal(std::move(fds)), "bell"));
  }
}

TEST_CASE("ring sizes that cannot work are refused by the host") {
  for (const ChannelSizes& sizes :
       {ChannelSizes{.out_bytes = 4096}, ChannelSizes{.answers_bytes = 100'000},
        ChannelSizes{.work_bytes = 1}, ChannelSizes{.out_bytes = 128 << 20}}) {
    const auto host = ChannelHost::create({.sizes = sizes});
    REQUIRE_FALSE(host);
    CHECK(host.error().code == ErrorCode::kInvalidArgument);
  }
}
