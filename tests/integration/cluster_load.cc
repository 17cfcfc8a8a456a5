// A client under load for the tests that kill: rounds of tasks, and with the word "actors" calls of
// actors, each with results that are known; with "small", no value is larger than a message. It
// prints a line after every round and ends well when its standard input does; a wrong result, or an
// error that no death explains, ends it with 1.
#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <string>

#include "ray/api.h"

namespace cluster_load {

using Numbers = std::vector<uint32_t>;

int plus(int x, int y) { return x + y; }
int fibonacci(int n) {
  if (n < 2) return n;
  const auto a = ray::Task(fibonacci).SetMaxRetries(-1).Remote(n - 1);
  const auto b = ray::Task(fibonacci).SetMaxRetries(-1).Remote(n - 2);
  return *a.Get() + *b.Get();
}
Numbers count_up(uint32_t count) {
  Numbers numbers(count);
  std::iota(numbers.begin(), numbers.end(), 0U);
  return numbers;
}
uint64_t sum(std::span<const uint32_t> numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), uint64_t{0});
}

class Counter {
 public:
  static Counter* Create() { return new Counter; }
  int Next() { return ++count_; }
  int Twice(int x) { return 2 * x; }

 private:
  int count_ = 0;
};
RAY_REMOTE(plus, fibonacci, count_up, sum, Counter::Create, &Counter::Next, &Counter::Twice);

/// Wrong is wrong, whatever died.
void check(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "cluster_load: wrong: %s\n", what);
  std::exit(1);
}

std::vector<ray::ObjectRef<int>> start_sums() {
  std::vector<ray::ObjectRef<int>> sums;
  for (int i = 0; i < 50; ++i) sums.push_back(ray::Task(plus).SetMaxRetries(-1).Remote(i, 1));
  return sums;
}
void check_sums(const std::vector<ray::ObjectRef<int>>& sums) {
  for (size_t i = 0; i < sums.size(); ++i)
    check(*sums[i].Get() == static_cast<int>(i) + 1, "a sum");
}

/// With values that travel in messages.
void run_small_tasks() {
  const auto nested = ray::Task(fibonacci).SetMaxRetries(-1).Remote(8);
  check_sums(start_sums());
  check(*nested.Get() == 21, "nested tasks");
}

void run_tasks() {
  constexpr uint32_t kCount = 25'000;  // 100 kB: in the store
  const auto numbers = ray::Task(count_up).SetMaxRetries(-1).Remote(kCount);
  const auto put = ray::Put(count_up(kCount));
  const auto made = ray::Task(sum).SetMaxRetries(-1).Remote(numbers);
  const auto given = ray::Task(sum).SetMaxRetries(-1).Remote(put);
  const auto nested = ray::Task(fibonacci).SetMaxRetries(-1).Remote(5);
  check_sums(start_sums());
  constexpr uint64_t kSum = uint64_t{kCount} * (kCount - 1) / 2;
  check(*made.Get() == kSum, "the sum of a result");
  check(*given.Get() == kSum, "the sum of a put");
  check(*nested.Get() == 5, "nested tasks");
}

/// One actor may be made anew and retries its calls: every call succeeds. The other may not: its
/// calls count up until one fails, and then all do.
class Actors {
 public:
  Actors() { make_mortal(); }

  void run() {
    std::vector<ray::ObjectRef<int>> twice;
    for (int i = 0; i < 10; ++i) twice.push_back(lasting_.Task(&Counter::Twice).Remote(i));
    std::vector<ray::ObjectRef<int>> next;
    for (int i = 0; i < 10; ++i) next.push_back(mortal_.Task(&Counter::Next).Remote());
    for (int i = 0; i < 10; ++i) check(*twice[static_cast<size_t>(i)].Get() == 2 * i, "a double");
    bool is_dead = false;
    for (const auto& ref : next) {
      try {
        check(*ref.Get() == ++count_, "the order of calls");
        check(!is_dead, "a call of a dead actor succeeded");
      } catch (const ray::RayActorException&) {
        is_dead = true;
      }
    }
    if (is_dead) make_mortal();
  }

 private:
  void make_mortal() {
    mortal_ = ray::Actor(Counter::Create).Remote();
    count_ = 0;
  }

  ray::ActorHandle<Counter> lasting_ =
      ray::Actor(Counter::Create).SetMaxRestarts(-1).SetMaxTaskRetries(-1).Remote();
  ray::ActorHandle<Counter> mortal_;
  int count_ = 0;
};

bool input_has_ended() {
  pollfd input{STDIN_FILENO, POLLIN, 0};
  char byte;
  return poll(&input, 1, 0) > 0 && read(STDIN_FILENO, &byte, 1) <= 0;
}

}  // namespace cluster_load

int main(int argc, char** argv) {
  using namespace cluster_load;
  try {
    ray::Init();
    std::unique_ptr<Actors> actors;
    if (argc > 1 && std::strcmp(argv[1], "actors") == 0) actors = std::make_unique<Actors>();
    const bool small = argc > 1 && std::strcmp(argv[1], "small") == 0;
    while (!input_has_ended()) {
      small ? run_small_tasks() : run_tasks();
      if (actors) actors->run();
      std::puts("a round");
      std::fflush(stdout);
    }
    actors.reset();
    ray::Shutdown();
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "cluster_load: %s\n", error.what());
    return 1;
  }
}
