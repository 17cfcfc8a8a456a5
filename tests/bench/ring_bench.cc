// What shared memory allows on this machine: the limits that bench.md's figures are held against.
//
//   ring_bench [--json] [--quick]
//
// Ping-pong: two processes over a channel, as a client and its daemon would; on two cores and on
// one; hot (peers poll and yield), parked (both sleep at once), gaps (1 ms between calls, hot
// budget). One thread and pipeline: messages through one ring, by size and slot size. Memory:
// writing objects to warm and to fresh pages. Figures of a run; nothing here passes or fails.
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "common/shm/arena.h"
#include "common/shm/channel.h"
#include "common/shm/extents.h"
#include "common/shm/segment.h"

using namespace rayd;
using namespace rayd::shm;

namespace {

enum class Output { kTable, kJson } output = Output::kTable;
int scale = 10;  // --quick: 1

struct Row {
  std::string name;
  std::string mode;
  double per_s = 0;
  double p50_us = 0;
  double p99_us = 0;
  double p999_us = 0;
  double cpu_s = 0;
};

void print(const Row& row) {
  if (output == Output::kJson) {
    std::printf(
        "{\"case\":\"%s\",\"mode\":\"%s\",\"per_s\":%.0f,\"p50_us\":%.3f,\"p99_us\":%.3f,"
        "\"p999_us\":%.3f,\"cpu_s\":%.3f}\n",
        row.name.c_str(), row.mode.c_str(), row.per_s, row.p50_us, row.p99_us, row.p999_us,
        row.cpu_s);
  } else {
    std::printf("%-15s %-29s %13.0f", row.name.c_str(), row.mode.c_str(), row.per_s);
    if (row.p999_us > 0) {
      std::printf(" %9.3f %9.3f %9.3f", row.p50_us, row.p99_us, row.p999_us);
    } else {
      std::printf(" %9s %9s %9s", "", "", "");
    }
    std::printf(" %7.2f\n", row.cpu_s);
  }
  std::fflush(stdout);
}

double cpu_seconds() {
  double seconds = 0;
  for (const auto who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage{};
    getrusage(who, &usage);
    seconds += static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  }
  return seconds;
}

void pin_to(int core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(static_cast<size_t>(core) % static_cast<size_t>(sysconf(_SC_NPROCESSORS_ONLN)), &cores);
  sched_setaffinity(0, sizeof cores, &cores);
}

template <class T>
T* share(size_t count) {
  void* memory =
      ::mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  RAY_CHECK(memory != MAP_FAILED);
  return static_cast<T*>(memory);
}

void fill_percentiles(Row& row, int64_t* ns, size_t count) {
  std::sort(ns, ns + count);
  const auto at = [&](double part) {
    return static_cast<double>(ns[static_cast<size_t>(part * static_cast<double>(count - 1))]) /
           1e3;
  };
  row.p50_us = at(0.5);
  row.p99_us = at(0.99);
  row.p999_us = at(0.999);
}

struct PingPong {
  const char* mode;
  int client_core;
  int daemon_core;
  Duration spin_budget;
  useconds_t gap_us;
  int rounds;
};

/// The daemon's side: echoes until the client says it is done with an empty message.
void serve(ChannelHost& host, Duration spin_budget) {
  const Doorbell epoll{UniqueFd{::dup(host.doorbell_fd())}};
  MessageBuffer buffer;
  for (;;) {
    const Popped got = host.out().try_pop(buffer.span());
    if (got.state == Pop::kMessage) {
      if (got.bytes.empty()) return;
      RAY_CHECK(host.answers().try_push(got.bytes) == Push::kDone);
      continue;
    }
    RAY_CHECK(got.state == Pop::kEmpty);
    host.ring();
    const auto pending = [&] { return host.pending(); };
    if (spin_until(pending, {.spin_budget = spin_budget})) continue;
    if (!host.try_arm(WakeFor::kMessages)) continue;
    (void)epoll.sleep(-1, kNoDeadline);
    host.wake();
  }
}

void ask(ChannelPeer& peer, const PingPong& game, int64_t* ns) {
  MessageBuffer buffer;
  const uint8_t message[64] = {1};
  for (int round = 0; round < game.rounds; ++round) {
    if (game.gap_us > 0) ::usleep(game.gap_us);
    const Time start = now_boottime();
    RAY_CHECK(peer.out().try_push(message) == Push::kDone);
    (void)peer.wait({.spin_budget = game.spin_budget});
    RAY_CHECK(peer.answers().try_pop(buffer.span()).state == Pop::kMessage);
    ns[round] = (now_boottime() - start).ns;
    (void)peer.answers().try_pop(buffer.span());  // empty: gives the credit back
  }
  RAY_CHECK(peer.out().try_push({}) == Push::kDone);
  peer.ring();
}

void ping_pong(const PingPong& game) {
  auto host = ChannelHost::create({.sizes = {.work_bytes = 0}});
  RAY_CHECK(host);
  int64_t* ns = share<int64_t>(static_cast<size_t>(game.rounds));
  const double cpu = cpu_seconds();
  ChannelFds fds = host->take_peer_fds();
  const pid_t client = ::fork();
  if (client == 0) {
    pin_to(game.client_core);
    auto peer = ChannelPeer::open(std::move(fds));
    RAY_CHECK(peer);
    ask(*peer, game, ns);
    ::_exit(0);
  }
  pin_to(game.daemon_core);
  serve(*host, game.spin_budget);
  ::waitpid(client, nullptr, 0);
  double total_ns = 0;
  for (int i = 0; i < game.rounds; ++i) total_ns += static_cast<double>(ns[i]);
  Row row{.name = "ring_ping_pong", .mode = game.mode, .per_s = game.rounds / (total_ns / 1e9)};
  fill_percentiles(row, ns, static_cast<size_t>(game.rounds));
  row.cpu_s = cpu_seconds() - cpu;
  print(row);
  ::munmap(ns, static_cast<size_t>(game.rounds) * sizeof(int64_t));
}

/// One process pushes, the other pops; both poll as the hybrid wait does when they cannot.
enum class Cores { kOne, kTwo };

/// One process pushes, the other pops; both poll as the hybrid wait does when they cannot.
template <size_t kBytes>
void pipeline(size_t size, int messages, Cores cores) {
  constexpr uint32_t kSlots = std::bit_floor((uint32_t{256} << 10) / uint32_t{kBytes});
  auto* slots = share<uint8_t>(kSlots * kBytes);
  auto* consumed = share<uint64_t>(1);
  const double cpu = cpu_seconds();
  const Time start = now_boottime();
  const pid_t child = ::fork();
  if (child == 0) {
    pin_to(cores == Cores::kOne ? 0 : 1);
    BasicRingProducer<HardwareAtomics, kBytes> ring{{slots, kSlots, consumed}};
    const std::vector<uint8_t> message(size, 1);
    for (int sent = 0; sent < messages;) {
      const auto has_room = [&] { return ring.has_room(size); };
      if (ring.try_push(message) == Push::kDone)
        ++sent;
      else
        spin_until(has_room, {.spin_budget = Duration::seconds(1)});
    }
    ::_exit(0);
  }
  pin_to(0);
  BasicRingConsumer<HardwareAtomics, kBytes> ring{{slots, kSlots, consumed}};
  MessageBuffer buffer;
  for (int received = 0; received < messages;) {
    const auto ready = [&] { return ring.peek_ready(); };
    if (ring.try_pop(buffer.span()).state == Pop::kMessage)
      ++received;
    else
      spin_until(ready, {.spin_budget = Duration::seconds(1)});
  }
  const double seconds = static_cast<double>((now_boottime() - start).ns) / 1e9;
  ::waitpid(child, nullptr, 0);
  print({.name = "ring_pipeline",
         .mode = std::to_string(size) + " B, slots " + std::to_string(kBytes) +
                 (cores == Cores::kOne ? ", one core" : ", two cores"),
         .per_s = messages / seconds,
         .cpu_s = cpu_seconds() - cpu});
  ::munmap(slots, kSlots * kBytes);
  ::munmap(consumed, sizeof(uint64_t));
}

/// Push and pop by one thread, a ring's worth at a time: what the format itself costs, whatever the
/// machine is busy with. The fastest of some rounds.
template <size_t kBytes>
void one_thread(size_t size) {
  constexpr uint32_t kSlots = std::bit_floor((uint32_t{256} << 10) / uint32_t{kBytes});
  auto* slots = share<uint8_t>(kSlots * kBytes);
  uint64_t consumed = 0;
  BasicRingProducer<HardwareAtomics, kBytes> producer{{slots, kSlots, &consumed}};
  BasicRingConsumer<HardwareAtomics, kBytes> consumer{{slots, kSlots, &consumed}};
  const std::vector<uint8_t> message(size, 1);
  MessageBuffer buffer;
  const double cpu = cpu_seconds();
  double best = 0;
  for (int round = 0; round < 20 * scale; ++round) {
    int pushed = 0;
    const Time start = now_boottime();
    while (producer.try_push(message) == Push::kDone) ++pushed;
    while (consumer.try_pop(buffer.span()).state == Pop::kMessage) continue;
    best = std::max(best, pushed / (static_cast<double>((now_boottime() - start).ns) / 1e9));
  }
  print({.name = "ring_one_thread",
         .mode = std::to_string(size) + " B, slots " + std::to_string(kBytes),
         .per_s = best,
         .cpu_s = cpu_seconds() - cpu});
  ::munmap(slots, kSlots * kBytes);
}

template <size_t kBytes>
void pipelines() {
  for (const size_t size : {56, 136, 1024}) {
    const int messages = (size > 200 ? 5'000 : 50'000) * scale;
    pipeline<kBytes>(size, messages, Cores::kOne);
    pipeline<kBytes>(size, messages, Cores::kTwo);
  }
}

template <class Act>
void measure(const char* name, const char* mode, int times, Act act) {
  const double cpu = cpu_seconds();
  std::vector<int64_t> ns;
  double total_ns = 0;
  for (int batch = 0; batch < 200; ++batch) {
    const Time start = now_boottime();
    for (int i = 0; i < times; ++i) act();
    const int64_t taken = (now_boottime() - start).ns;
    total_ns += static_cast<double>(taken);
    ns.push_back(taken / times);
  }
  Row row{.name = name, .mode = mode, .per_s = 200.0 * times / (total_ns / 1e9)};
  fill_percentiles(row, ns.data(), ns.size());
  row.cpu_s = cpu_seconds() - cpu;
  print(row);
}

void allocation() {
  uint64_t sum = 0;
  Arena arena{Extent{0, uint64_t{1} << 40}};
  measure("arena", "allocate 100 B", 1000 * scale, [&] { sum += arena.allocate(100)->offset; });
  RAY_CHECK(sum > 0);
  ExtentTable table{{.address_bytes = uint64_t{16} << 30, .capacity_bytes = uint64_t{1} << 30}};
  measure("extents", "grant and release 1 MiB", 100 * scale, [&] {
    const auto granted = table.grant({1, 1}, 1 << 20);
    table.release(granted->extent);
  });
}

/// Objects of 16 MiB: written to pages that exist, and to pages that were punched.
void memory() {
  constexpr uint64_t kObject = 16 << 20;
  auto segment = Segment::create(uint64_t{1} << 30);
  RAY_CHECK(segment);
  auto mapping = map_range_writable(segment->writable_fd(), {0, kObject});
  RAY_CHECK(mapping);
  const std::vector<uint8_t> source(kObject, 1);
  enum class Pages { kWarm, kFresh, kReserved };
  for (const auto& [pages, mode] : {std::pair{Pages::kFresh, "16 MiB, fresh pages"},
                                    {Pages::kReserved, "16 MiB, fresh, reserved"},
                                    {Pages::kWarm, "16 MiB, warm pages"}}) {
    const double cpu = cpu_seconds();
    double seconds = 0;
    for (int i = 0; i < 2 * scale; ++i) {
      if (pages != Pages::kWarm) RAY_CHECK(segment->punch({0, kObject}));
      const Time start = now_boottime();
      if (pages == Pages::kReserved) RAY_CHECK(segment->reserve({0, kObject}));
      std::memcpy(mapping->data(), source.data(), kObject);
      seconds += static_cast<double>((now_boottime() - start).ns) / 1e9;
    }
    print({.name = "write_bytes",
           .mode = mode,
           .per_s = 2.0 * scale * static_cast<double>(kObject) / seconds,
           .cpu_s = cpu_seconds() - cpu});
  }
}

}  // namespace

int main(int count, char** words) {
  for (int i = 1; i < count; ++i) {
    if (std::string{words[i]} == "--json") output = Output::kJson;
    if (std::string{words[i]} == "--quick") scale = 1;
  }
  const Duration latency = measure_wake_latency();
  const Duration budget = default_spin_budget(latency);
  if (output == Output::kTable) {
    std::printf("wake latency %.1f us, spin budget %.1f us\n\n",
                static_cast<double>(latency.ns) / 1e3, static_cast<double>(budget.ns) / 1e3);
    std::printf("%-15s %-29s %13s %9s %9s %9s %7s\n", "case", "mode", "per second", "p50 us",
                "p99 us", "p99.9 us", "cpu s");
  }
  ping_pong({"hot, two cores", 1, 0, budget, 0, 20'000 * scale});
  ping_pong({"hot, one core", 0, 0, budget, 0, 5'000 * scale});
  ping_pong({"parked, two cores", 1, 0, Duration{}, 0, 200 * scale});
  ping_pong({"parked, one core", 0, 0, Duration{}, 0, 1'000 * scale});
  ping_pong({"1 ms gaps, two cores", 1, 0, budget, 1000, 50 * scale});
  for (const size_t size : {56, 136, 400, 1024, 4096}) {
    one_thread<64>(size);
    one_thread<128>(size);
    one_thread<192>(size);
    one_thread<256>(size);
  }
  pipelines<64>();
  pipelines<128>();
  pipelines<kSlotBytes>();
  allocation();
  memory();
  return 0;
}
