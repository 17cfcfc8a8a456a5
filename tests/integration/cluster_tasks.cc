// Tasks and objects of a real cluster, as api.md §1 has them: run beside a started head and alone.
// Cases tagged [full] want a head with a store of 64 MiB that tells of being full after 500 ms,
// those tagged [few] one with one CPU and at most four workers.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <numeric>
#include <stdexcept>
#include <string>

#include "ray/api.h"
#include "tests/unit/catch.h"

namespace cluster_tasks {

using Numbers = std::vector<uint32_t>;

struct Broken : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct Pair {
  ray::ObjectRef<int> left;
  std::vector<ray::ObjectRef<int>> more;
  MSGPACK_DEFINE(left, more)
};

int one() { return 1; }
int plus(int x, int y) { return x + y; }
int fibonacci(int n) {
  if (n < 2) return n;
  const auto a = ray::Task(fibonacci).Remote(n - 1);
  const auto b = ray::Task(fibonacci).Remote(n - 2);
  return *a.Get() + *b.Get();
}
Numbers make(uint32_t count, uint32_t seed) {
  Numbers numbers(count);
  for (uint32_t& number : numbers) number = seed = seed * 1664525U + 1013904223U;
  return numbers;
}
uint64_t sum(std::span<const uint32_t> numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), uint64_t{0});
}
uint64_t sum_in_place(ray::ObjectRef<Numbers> numbers) { return sum(ray::GetView(numbers)); }
int sum_refs(std::vector<ray::ObjectRef<int>> refs) {
  int total = 0;
  for (const auto& value : ray::Get(refs)) total += *value;
  return total;
}
int sum_pair(Pair pair) { return *pair.left.Get() + sum_refs(std::move(pair.more)); }
ray::ObjectRef<int> promise(int x) { return ray::Task(plus).Remote(x, 1); }
int throw_broken(int x) { throw Broken("broken by " + std::to_string(x)); }

/// How many bytes a file has after one more: the attempts of a task, whatever process runs them.
int count_in(const std::string& path) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  struct stat now {};
  if (fd < 0 || write(fd, "x", 1) != 1 || fstat(fd, &now) != 0) std::abort();
  close(fd);
  return static_cast<int>(now.st_size);
}
int die_until(const std::string& path, int attempt_that_lives) {
  const int attempt = count_in(path);
  if (attempt < attempt_that_lives) kill(getpid(), SIGKILL);
  return attempt;
}
int leave_with(int status) {
  std::cerr << "the last words" << std::endl;
  _exit(status);
}
int wait_for_cancel(const std::string& path) {
  count_in(path);
  while (!ray::IsCancelled()) usleep(1000);
  return 1;
}
int hang(const std::string& path) {
  count_in(path);
  for (;;) pause();
}
int deep(int below) { return below == 0 ? 0 : 1 + *ray::Task(deep).Remote(below - 1).Get(); }
/// The one at the end dies in its first attempt, with all whose waits it runs inside of.
int deep_until(const std::string& path, int below) {
  if (below == 0) return die_until(path, 2);
  return 1 + *ray::Task(deep_until).SetMaxRetries(-1).Remote(path, below - 1).Get();
}
int deep_and_wait(const std::string& path, int below) {
  if (below == 0) return wait_for_cancel(path);
  return *ray::Task(deep_and_wait).Remote(path, below - 1).Get();
}
/// Waits for one to be ready before it gets it.
int deep_by_wait(int below) {
  if (below == 0) return 0;
  const std::vector next{ray::Task(deep_by_wait).Remote(below - 1)};
  ray::Wait(next, 1, -1);
  return 1 + *next.front().Get();
}
int submit_and_hang(const std::string& path) { return *ray::Task(hang).Remote(path).Get(); }
/// Makes several at once.
class Maker {
 public:
  static Maker* Create() { return new Maker; }
  Numbers Make(uint32_t count, uint32_t seed) { return make(count, seed); }
};
RAY_REMOTE(one, plus, fibonacci, make, sum, sum_in_place, sum_refs, sum_pair, promise, throw_broken,
           die_until, deep, deep_until, deep_and_wait, deep_by_wait, leave_with, wait_for_cancel,
           hang, submit_and_hang, Maker::Create, &Maker::Make);

/// Every case is a driver of its own, of the head that runs here or of a private one.
class Driver {
 public:
  Driver() {
    ray::RayConfig config;
    config.head_args = {"--num-cpus", "2"};
    ray::Init(config);
  }
  ~Driver() { ray::Shutdown(); }
  Driver(const Driver&) = delete;
};

/// A file that tasks count in, which is not there yet and does not stay.
class CountFile {
 public:
  CountFile() {
    static int number = 0;
    const char* folder = std::getenv("TMPDIR");
    path_ = std::string(folder == nullptr ? "/tmp" : folder) + "/cluster_tasks-" +
            std::to_string(getpid()) + "-" + std::to_string(++number);
  }
  ~CountFile() { unlink(path_.c_str()); }
  CountFile(const CountFile&) = delete;

  const std::string& path() const { return path_; }
  int count() const {
    struct stat now {};
    return stat(path_.c_str(), &now) == 0 ? static_cast<int>(now.st_size) : 0;
  }
  void wait_for(int count_wanted) const {
    while (count() < count_wanted) usleep(1000);
  }

 private:
  std::string path_;
};

template <class T>
ray::ErrorCode error_of(const ray::ObjectRef<T>& ref) {
  try {
    ref.Get();
    return ray::ErrorCode::kOk;
  } catch (const ray::RayException& error) {
    return error.code();
  }
}

constexpr uint32_t kMiB = (1U << 20) / sizeof(uint32_t);

}  // namespace cluster_tasks
using namespace cluster_tasks;

TEST_CASE_METHOD(Driver, "a value of any size is put, got, viewed, passed and returned") {
  const uint32_t bytes[] = {0, 4, 1024, 1024 + 4, 64 << 10, 300 << 10, 40 << 20};
  for (const uint32_t size : bytes) {
    INFO("bytes: " << size);
    const uint32_t count = size / sizeof(uint32_t);
    const Numbers numbers = make(count, 7);
    const uint64_t total = sum(numbers);
    const auto stored = ray::Put(numbers);
    CHECK(*stored.Get() == numbers);
    CHECK(sum(ray::GetView(stored)) == total);
    CHECK(*ray::Task(sum).Remote(numbers).Get() == total);
    CHECK(*ray::Task(sum).Remote(stored).Get() == total);
    CHECK(*ray::Task(sum_in_place).Remote(stored).Get() == total);
    const auto made = ray::Task(make).Remote(count, 7U);
    CHECK(*made.Get() == numbers);
    CHECK(*ray::Task(sum).Remote(made).Get() == total);
  }
}

TEST_CASE_METHOD(Driver, "tasks nested deeper than there are CPUs end") {
  CHECK(*ray::Task(fibonacci).Remote(12).Get() == 144);
}

TEST_CASE_METHOD(Driver, "refs are arguments, parameters, parts of values and results") {
  auto chained = ray::Put(0);
  for (int i = 0; i < 200; ++i) chained = ray::Task(plus).Remote(chained, 1);
  CHECK(*chained.Get() == 200);
  const auto ones = std::vector<ray::ObjectRef<int>>(3, ray::Task(one).Remote());
  CHECK(*ray::Task(sum_refs).Remote(ones).Get() == 3);
  CHECK(*ray::Task(sum_pair).Remote(Pair{chained, ones}).Get() == 203);
  CHECK(*ray::Task(promise).Remote(41).Get()->Get() == 42);
}

TEST_CASE_METHOD(Driver, "two thousand refs are one argument") {
  std::vector<ray::ObjectRef<int>> refs;
  for (int i = 0; i < 1000; ++i) refs.push_back(ray::Put(i));
  for (int i = 0; i < 1000; ++i) refs.push_back(ray::Task(plus).Remote(i, 1));
  CHECK(*ray::Task(sum_refs).Remote(refs).Get() == 999'000 + 1000);
}

TEST_CASE_METHOD(Driver, "several threads of one driver are served at once") {
  std::array<int, 4> totals{};
  std::vector<std::thread> threads;
  for (int& total : totals) {
    threads.emplace_back([&total] {
      for (int i = 0; i < 100; ++i) total += *ray::Task(plus).Remote(i, 1).Get();
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(totals == std::array<int, 4>{5050, 5050, 5050, 5050});
}

TEST_CASE_METHOD(Driver, "Wait and Get end when their time is over") {
  const CountFile file;
  const auto waiting = ray::Task(wait_for_cancel).Remote(file.path());
  const auto ready = ray::Put(1);
  for (const int timeout_ms : {0, 30}) {
    const auto none = ray::Wait(std::vector{waiting}, 1, timeout_ms);
    CHECK(none.ready.empty());
    CHECK(none.unready.size() == 1);
    CHECK_THROWS_AS(waiting.Get(timeout_ms), ray::RayTimeoutException);
  }
  const auto some = ray::Wait(std::vector{waiting, ready}, 1, -1);
  REQUIRE(some.ready.size() == 1);
  CHECK(some.ready.front() == ready);
  CHECK(some.unready.front() == waiting);
  CHECK_THROWS_AS(ray::Wait(std::vector{ready, ready}, 1, 0), ray::RayException);
  ray::Cancel(waiting);
  CHECK(ray::Wait(std::vector{waiting, ready}, 2, -1).ready.size() == 2);  // an error is ready too
}

TEST_CASE_METHOD(Driver, "what a task throws has its type, its text and its place") {
  const auto failed = ray::Task(throw_broken).Remote(7);
  for (const auto& ref : {failed, ray::Task(plus).Remote(failed, 1)}) {
    try {
      ref.Get();
      FAIL("no exception");
    } catch (const ray::RayTaskException& error) {
      CHECK(error.code() == ray::ErrorCode::kTaskThrew);
      CHECK(error.remote_type() == "cluster_tasks::Broken");
      CHECK(error.message() == "broken by 7");
      CHECK_THAT(error.function(), Catch::Contains("throw_broken"));
      CHECK_THAT(error.node(), Catch::StartsWith("node-"));
    }
  }
}

TEST_CASE_METHOD(Driver, "a task whose worker dies is run again, as often as it may be") {
  const CountFile twice;
  CHECK(*ray::Task(die_until).Remote(twice.path(), 3).Get() == 3);
  const CountFile once;
  const auto refused = ray::Task(die_until).SetMaxRetries(0).Remote(once.path(), 3);
  CHECK_THROWS_AS(refused.Get(), ray::RayWorkerException);
  CHECK(once.count() == 1);
  const CountFile always;
  CHECK_THROWS_AS(ray::Task(die_until).SetMaxRetries(1).Remote(always.path(), 100).Get(),
                  ray::RayWorkerException);
  CHECK(always.count() == 2);
}

TEST_CASE_METHOD(Driver, "a worker's end is told with its status and its last words") {
  try {
    ray::Task(leave_with).SetMaxRetries(0).Remote(3).Get();
    FAIL("no exception");
  } catch (const ray::RayWorkerException& error) {
    CHECK(error.code() == ray::ErrorCode::kWorkerDied);
    CHECK_THAT(error.what(), Catch::Contains("3"));
    CHECK_THAT(error.what(), Catch::Contains("the last words"));
  }
}

TEST_CASE_METHOD(Driver, "a task that is cancelled before it starts never does") {
  const CountFile file;
  const CountFile never;
  const std::vector running{ray::Task(wait_for_cancel).Remote(file.path()),
                            ray::Task(wait_for_cancel).Remote(file.path())};
  file.wait_for(2);  // both CPUs
  const auto pending = ray::Task(wait_for_cancel).Remote(never.path());
  ray::Cancel(pending);
  CHECK(error_of(pending) == ray::ErrorCode::kCancelled);
  for (const auto& ref : running) ray::Cancel(ref);
  for (const auto& ref : running) CHECK(error_of(ref) == ray::ErrorCode::kCancelled);
  CHECK(*ray::Task(one).Remote().Get() == 1);
  CHECK(never.count() == 0);
}

TEST_CASE_METHOD(Driver, "a task that does not listen is ended by force, with what it submitted") {
  const CountFile file;
  const auto deaf = ray::Task(hang).Remote(file.path());
  file.wait_for(1);
  ray::Cancel(deaf, true);
  CHECK(error_of(deaf) == ray::ErrorCode::kCancelled);
  const auto parent = ray::Task(submit_and_hang).Remote(file.path());
  file.wait_for(2);
  ray::Cancel(parent, true);
  CHECK(error_of(parent) == ray::ErrorCode::kCancelled);
  // Both CPUs are free again.
  const CountFile both;
  const std::vector after{ray::Task(wait_for_cancel).Remote(both.path()),
                          ray::Task(wait_for_cancel).Remote(both.path())};
  both.wait_for(2);
  for (const auto& ref : after) ray::Cancel(ref);
  CHECK(file.count() == 2);
}

TEST_CASE_METHOD(Driver, "results of calls that run at once are all kept") {
  const auto maker = ray::Actor(Maker::Create).SetMaxConcurrency(4).Remote();
  std::vector<ray::ObjectRef<Numbers>> made;
  for (uint32_t i = 0; i < 200; ++i) {  // each call fills half an arena, or more
    made.push_back(maker.Task(&Maker::Make).Remote(kMiB / 8, i));
  }
  for (uint32_t i = 0; i < 200; ++i) CHECK(*made[i].Get() == make(kMiB / 8, i));
}

TEST_CASE_METHOD(Driver, "results that nobody waits for are given back") {
  for (int i = 0; i < 500; ++i) ray::Task(make).Remote(kMiB / 64, static_cast<uint32_t>(i));
  CHECK(*ray::Task(one).Remote().Get() == 1);
}

TEST_CASE_METHOD(Driver, "a full store is an error with sizes, until refs are dropped", "[.full]") {
  for (int round = 0; round < 3; ++round) {
    std::vector<ray::ObjectRef<Numbers>> held;
    try {
      for (int i = 0; i < 8; ++i) held.push_back(ray::Put(make(16 * kMiB, 1)));
      FAIL("8 × 16 MiB went into 64 MiB");
    } catch (const ray::RayException& error) {
      CHECK(error.code() == ray::ErrorCode::kStoreFull);
      CHECK_THAT(error.what(), Catch::Contains("MiB") || Catch::Contains("bytes"));
    }
    CHECK(held.size() >= 2);
    const auto result = ray::Task(make).Remote(30 * kMiB, 1U);  // a worker is told as well
    CHECK(error_of(result) == ray::ErrorCode::kStoreFull);
    held.clear();
    CHECK(ray::GetView(ray::Task(make).Remote(30 * kMiB, 1U)).size() == 30 * kMiB);
  }
}

TEST_CASE_METHOD(Driver, "a task that waits runs what it waits for when no worker is left",
                 "[.few]") {
  CHECK(*ray::Task(deep).Remote(60).Get() == 60);
  CHECK(*ray::Task(fibonacci).Remote(11).Get() == 89);
}

TEST_CASE_METHOD(Driver, "what dies inside of a wait is attempted again, and the wait too",
                 "[.few]") {
  const CountFile file;
  CHECK(*ray::Task(deep_until).SetMaxRetries(-1).Remote(file.path(), 12).Get() == 14);
  CHECK(file.count() >= 2);
}

TEST_CASE_METHOD(Driver, "a cancel reaches what runs inside of a wait", "[.few]") {
  const CountFile file;
  const auto first = ray::Task(deep_and_wait).Remote(file.path(), 12);
  file.wait_for(1);
  ray::Cancel(first);
  CHECK(error_of(first) == ray::ErrorCode::kCancelled);
  CHECK(*ray::Task(deep).Remote(8).Get() == 8);
}

TEST_CASE_METHOD(Driver, "other waits fail when no worker is left, and name the limit", "[.few]") {
  const auto first = ray::Task(deep_by_wait).Remote(12);
  try {
    first.Get();
    FAIL("it ended");
  } catch (const ray::RayException& error) {
    INFO(error.what());
    CHECK(std::string{error.what()}.find("max_workers") != std::string::npos);
  }
  CHECK(*ray::Task(deep).Remote(8).Get() == 8);
}
