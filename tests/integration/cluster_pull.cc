// Objects that travel between two machines: a driver beside a head, and tasks that only a node with
// the resource "far" can run. Cases of their own:
//
//   [.rounds]   values both ways again and again, until standard input ends; machines may die
//   [.measure]  how fast a large object travels, and TCP alone beside it
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <numeric>
#include <string>
#include <thread>

#include "ray/api.h"
#include "tests/unit/catch.h"

namespace cluster_pull {

using Numbers = std::vector<uint32_t>;
constexpr uint32_t kMiB = (1U << 20) / sizeof(uint32_t);

Numbers make(uint32_t count, uint32_t seed) {
  Numbers numbers(count);
  for (uint32_t& number : numbers) number = seed = seed * 1664525U + 1013904223U;
  return numbers;
}
/// Depends on every number and its place.
uint64_t digest(std::span<const uint32_t> numbers) {
  uint64_t sum = numbers.size();
  for (const uint32_t number : numbers) sum = sum * 31 + number;
  return sum;
}
uint64_t count(std::span<const uint32_t> numbers) { return numbers.size(); }
uint64_t digest_all(std::vector<ray::ObjectRef<Numbers>> refs) {
  uint64_t sum = 0;
  for (const auto& ref : refs) sum += digest(ray::GetView(ref));
  return sum;
}
RAY_REMOTE(make, digest, count, digest_all);

class Driver {
 public:
  Driver() { ray::Init(); }
  ~Driver() { ray::Shutdown(); }
  Driver(const Driver&) = delete;
};

template <class F>
auto far(F function) {
  auto task = ray::Task(function);
  task.SetResource("far", 1).SetMaxRetries(-1);
  return task;
}

bool standard_input_ended() {
  pollfd polled{STDIN_FILENO, POLLIN, 0};
  return poll(&polled, 1, 0) > 0;
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// MB/s of one TCP connection of this machine with itself: from memory to memory.
double measure_tcp(size_t bytes) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(bind(listener, reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(listen(listener, 1) == 0);
  REQUIRE(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  std::thread sender{[&] {
    const int out = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(out, reinterpret_cast<sockaddr*>(&address), size) != 0) std::abort();
    const std::vector<char> piece(1 << 20, 'x');
    for (size_t left = bytes; left > 0;) {
      const ssize_t sent = send(out, piece.data(), std::min(piece.size(), left), 0);
      if (sent <= 0) std::abort();
      left -= static_cast<size_t>(sent);
    }
    close(out);
  }};
  const int in = accept(listener, nullptr, nullptr);
  std::vector<char> space(bytes);
  const auto begin = std::chrono::steady_clock::now();
  size_t got = 0;
  while (got < bytes) {
    const ssize_t n = recv(in, space.data() + got, bytes - got, 0);
    if (n <= 0) break;
    got += static_cast<size_t>(n);
  }
  const double seconds = seconds_since(begin);
  sender.join();
  close(in);
  close(listener);
  CHECK(got == bytes);
  return static_cast<double>(bytes) / 1e6 / seconds;
}

}  // namespace cluster_pull
using namespace cluster_pull;

TEST_CASE_METHOD(Driver, "what is put here is read there, and what is made there is read here") {
  const uint32_t bytes[] = {1 << 10, 64 << 10, (64 << 10) + 4, 300 << 10, 1 << 20, 64 << 20};
  for (const uint32_t size : bytes) {
    INFO("bytes: " << size);
    const uint32_t numbers = size / sizeof(uint32_t);
    const Numbers here = make(numbers, 7);
    const uint64_t wanted = digest(here);
    const auto put = ray::Put(here);
    CHECK(*far(digest).Remote(put).Get() == wanted);
    CHECK(*far(digest).Remote(here).Get() == wanted);
    const auto there = far(make).Remote(numbers, 7U);
    CHECK(digest(ray::GetView(there)) == wanted);
    CHECK(*far(digest).Remote(there).Get() == wanted);
  }
}

TEST_CASE_METHOD(Driver, "many objects travel at once, small beside large") {
  std::vector<ray::ObjectRef<Numbers>> refs;
  uint64_t wanted = 0;
  for (uint32_t i = 0; i < 200; ++i) {
    const Numbers numbers = make(i % 50 == 0 ? 5 * kMiB : 20'000 + i, i);
    wanted += digest(numbers);
    refs.push_back(ray::Put(numbers));
  }
  CHECK(*far(digest_all).Remote(refs).Get() == wanted);
  std::vector<ray::ObjectRef<Numbers>> made;
  for (uint32_t i = 0; i < 100; ++i) made.push_back(far(make).Remote(20'000 + i, i));
  for (uint32_t i = 0; i < 100; ++i)
    CHECK(digest(ray::GetView(made[i])) == digest(make(20'000 + i, i)));
}

TEST_CASE_METHOD(Driver, "a copy that was let go is fetched again") {
  const Numbers numbers = make(30 * kMiB, 3);
  const uint64_t wanted = digest(numbers);
  const auto put = ray::Put(numbers);
  for (int i = 0; i < 3; ++i) {  // more than the other node's store has room for
    CHECK(*far(digest).Remote(put).Get() == wanted);
    CHECK(*far(count).Remote(ray::Put(make(30 * kMiB, 4))).Get() == 30 * kMiB);
  }
}

TEST_CASE_METHOD(Driver, "values travel while machines die", "[.rounds]") {
  const Numbers numbers = make(24 * kMiB, 5);
  const uint64_t wanted = digest(numbers);
  const auto put = ray::Put(numbers);
  while (!standard_input_ended()) {
    const auto read = far(digest).Remote(put);
    const auto made = far(make).Remote(24 * kMiB, 5U);
    REQUIRE(*read.Get() == wanted);
    REQUIRE(digest(ray::GetView(made)) == wanted);
    std::puts("a round");
    std::fflush(stdout);
  }
}

TEST_CASE_METHOD(Driver, "what is lost with its machine is an error", "[.lost]") {
  auto task = ray::Task(make);
  task.SetResource("far", 1).SetMaxRetries(0);
  const auto made = task.Remote(kMiB, 1U);
  REQUIRE(ray::Wait(std::vector{made}, 1, -1).ready.size() == 1);
  std::puts("made");
  std::fflush(stdout);
  while (!standard_input_ended()) usleep(1000);
  try {
    made.Get();
    FAIL("no exception");
  } catch (const ray::RayException& error) {
    std::printf("lost: %s\n", error.what());
  }
}

TEST_CASE_METHOD(Driver, "how fast objects travel", "[.measure]") {
  constexpr uint32_t kNumbers = 512 * kMiB;
  constexpr double kMegabytes = 4e-6 * kNumbers;
  CHECK(*far(count).Remote(Numbers(4)).Get() == 4);  // the worker is there
  for (int i = 0; i < 3; ++i) {
    const auto put = ray::Put(Numbers(kNumbers, 7));
    const auto begin = std::chrono::steady_clock::now();
    CHECK(*far(count).Remote(put).Get() == kNumbers);
    std::printf("pull of 512 MiB: %.0f MB/s\n", kMegabytes / seconds_since(begin));
  }
  std::printf("one TCP connection: %.0f MB/s\n", measure_tcp(size_t{4} * kNumbers));
  const auto small = [] {
    const auto put = ray::Put(make(20'000, 1));
    const auto begin = std::chrono::steady_clock::now();
    CHECK(*far(count).Remote(put).Get() == 20'000);
    return seconds_since(begin);
  };
  double best = small();
  for (int i = 0; i < 20; ++i) best = std::min(best, small());
  std::printf("80 kB put here and read there: %.2f ms at best\n", best * 1e3);
}
