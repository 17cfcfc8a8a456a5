// A program on a machine without a daemon: what a session over connections that break must keep.
//
//   cluster_remote large      values of 100 MB, there and back
//   cluster_remote count N    N calls of one actor, each counted exactly once and in order
//   cluster_remote hold       a task that goes on for ever, until standard input ends
#include <ray/api.h>

#include <chrono>
#include <cstdlib>
#include <numeric>
#include <string>

namespace {

int64_t Sum(const std::vector<int64_t>& numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), int64_t{0});
}
std::vector<int64_t> Count(int64_t n) {
  std::vector<int64_t> numbers(static_cast<size_t>(n));
  std::iota(numbers.begin(), numbers.end(), int64_t{0});
  return numbers;
}
int Sleep() {
  std::this_thread::sleep_for(std::chrono::hours{1});
  return 0;
}

class Counter {
 public:
  static Counter* Make() { return new Counter; }
  int Next() { return ++count_; }

 private:
  int count_ = 0;
};

RAY_REMOTE(Sum, Count, Sleep, Counter::Make, &Counter::Next);

void expect(bool good, const char* what) {
  if (good) return;
  std::cerr << "wrong: " << what << std::endl;
  std::exit(1);
}

void large() {
  constexpr int64_t kNumbers = 12'500'000;
  const std::vector<int64_t> numbers = Count(kNumbers);
  const int64_t sum = Sum(numbers);
  const auto put = ray::Put(numbers);
  expect(*ray::Get(put) == numbers, "what was put is got");
  expect(*ray::Get(ray::Task(Sum).Remote(put)) == sum, "a task reads it");
  expect(*ray::Get(ray::Task(Sum).Remote(numbers)) == sum, "a large argument");
  const auto made = ray::Task(Count).Remote(kNumbers);
  const auto view = ray::GetView<int64_t>(made);
  expect(std::equal(view.begin(), view.end(), numbers.begin(), numbers.end()), "a large result");
  expect(*ray::Get(ray::Task(Sum).Remote(made)) == sum, "a result is an argument");
}

void count(int calls) {
  const auto actor = ray::Actor(Counter::Make).Remote();
  for (int done = 0; done < calls;) {
    std::vector<ray::ObjectRef<int>> refs;
    for (int i = 0; i < 100; ++i) refs.push_back(actor.Task(&Counter::Next).Remote());
    for (const auto& ref : refs) expect(*ray::Get(ref) == ++done, "each call counts once");
    std::cout << done << std::endl;
  }
}

void hold() {
  const auto forever = ray::Task(Sleep).Remote();
  std::cout << "holding" << std::endl;
  std::string line;
  while (std::getline(std::cin, line)) {
  }
  try {
    ray::Get(forever, 60'000);
    expect(false, "it has ended");
  } catch (const ray::RayException& over) {
    std::cout << "over: " << over.what() << std::endl;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  ray::Init();
  if (what == "large") large();
  if (what == "count") count(argc > 2 ? std::atoi(argv[2]) : 1000);
  if (what == "hold") hold();
  ray::Shutdown();
  return 0;
}
