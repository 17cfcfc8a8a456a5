// Tasks, objects and waits, as api.md §1 has them.
#include <chrono>
#include <set>

#include "tests/conformance/cluster.h"
#include "tests/unit/catch.h"

namespace conformance_tasks {

int one() { return 1; }
int plus_one(int x) { return x + 1; }
int plus(int x, int y) { return x + y; }
void nothing() {}
int over() { return 0; }
int over(int x) { return x; }
int over(int x, int y) { return x * y; }
std::string greet(const std::string& name) { return "hello " + name; }
int64_t sum(std::span<const int> numbers) {
  int64_t total = 0;
  for (const int number : numbers) total += number;
  return total;
}
size_t length(std::string_view text) { return text.size(); }
std::vector<double> scale(std::vector<double> values, double by) {
  for (double& value : values) value *= by;
  return values;
}
int fibonacci(int n) {
  if (n < 2) return n;
  const auto a = ray::Task(fibonacci).Remote(n - 1);
  const auto b = ray::Task(fibonacci).Remote(n - 2);
  return *a.Get() + *b.Get();
}
bool wait_for_cancel() {
  while (!ray::IsCancelled()) std::this_thread::yield();
  return true;
}
/// Waits for a cancel of its own; its child waits too.
int parent_of_waiting() {
  const auto child = ray::Task(wait_for_cancel).Remote();
  child.Get();
  return 1;
}
std::array<int, 100'000> large(std::array<int, 100'000> array) {
  array[99'999] += 1;
  return array;
}
int by_reference(int& x, int&& y, const int& z) { return (x += 1) + y + z; }

RAY_REMOTE(one, plus_one, plus, nothing, greet, sum, length, scale, fibonacci, wait_for_cancel,
           parent_of_waiting, large, by_reference);
RAY_REMOTE(RAY_FUNC(over), RAY_FUNC(over, int), RAY_FUNC(over, int, int));

template <class T>
T triple(T x) {
  return x * 3;
}

}  // namespace conformance_tasks
using namespace conformance_tasks;

TEST_CASE_METHOD(Cluster, "put and get") {
  const auto number = ray::Put(100);
  CHECK(*ray::Get(number) == 100);
  CHECK(*number.Get() == 100);
  CHECK(*ray::Put("text").Get() == "text");
  CHECK(*ray::Put(std::vector<std::string>{"a"}).Get() == std::vector<std::string>{"a"});
  CHECK_FALSE(number.ID().empty());
}

TEST_CASE_METHOD(Cluster, "tasks take values and references") {
  const auto r0 = ray::Task(one).Remote();
  const auto r1 = ray::Task(plus_one).Remote(r0);
  const auto r2 = ray::Task(plus).Remote(r1, 3);
  const auto r3 = ray::Task(plus).Remote(r2, r1);
  CHECK(*r3.Get() == 7);
  const std::vector<ray::ObjectRef<int>> refs{r0, r1, r2};
  const auto values = ray::Get(refs);
  CHECK(*values[2] == 5);
  CHECK(ray::Get<int>(refs, 1000).size() == 3);
  ray::ObjectRef<void> done = ray::Task(nothing).Remote();
  done.Get();
  ray::Get(done);
}

TEST_CASE_METHOD(Cluster, "arguments convert like those of a call") {
  CHECK(*ray::Task(greet).Remote("ray").Get() == "hello ray");
  CHECK(*ray::Task(plus).Remote('\1', 2L).Get() == 3);
  const auto small = ray::Put(static_cast<short>(4));
  CHECK(*ray::Task(plus_one).Remote(small).Get() == 5);
  CHECK(*ray::Task(sum).Remote(std::vector<int>{1, 2, 3}).Get() == 6);
  CHECK(*ray::Task(length).Remote(std::string("four")).Get() == 4);
  int x = 1;
  CHECK(*ray::Task(by_reference).Remote(x, 2, 3).Get() == 7);
  CHECK(x == 1);
}

TEST_CASE_METHOD(Cluster, "large values go through whole") {
  const auto array = std::make_unique<std::array<int, 100'000>>();
  const auto put = ray::Put(*array);
  CHECK(ray::Task(large).Remote(put).Get()->at(99'999) == 1);
  const auto scaled = ray::Task(scale).Remote(std::vector<double>(10'000, 1.5), 2);
  const ray::View<double> view = ray::GetView(scaled);
  CHECK(view.size() == 10'000);
  CHECK(view[9'999] == 3.0);
  CHECK(ray::GetView<double>(scaled).data() != nullptr);
}

TEST_CASE_METHOD(Cluster, "overloads, templates and lambdas") {
  CHECK(*ray::Task(RAY_FUNC(over)).Remote().Get() == 0);
  CHECK(*ray::Task(RAY_FUNC(over, int)).Remote(4).Get() == 4);
  CHECK(*ray::Task(RAY_FUNC(over, int, int)).Remote(4, 5).Get() == 20);
  CHECK(*ray::Task<triple<int>>().Remote(4).Get() == 12);
  CHECK(*ray::Task<triple<double>>().Remote(0.5).Get() == 1.5);
  CHECK(*ray::Task([](int x) { return x * x; }).Remote(4).Get() == 16);
  CHECK(*ray::Task([](std::string a, const std::string& b) { return a + b; })
             .Remote("a", "b")
             .Get() == "ab");
}

TEST_CASE_METHOD(Cluster, "tasks submit tasks, deeper than there are CPUs") {
  CHECK(*ray::Task(fibonacci).Remote(10).Get() == 55);
}

TEST_CASE_METHOD(Cluster, "Get's time ends in RayTimeoutException") {
  const auto ref = ray::Task(wait_for_cancel).Remote();
  CHECK_THROWS_AS(ref.Get(1), ray::RayTimeoutException);
  CHECK_THROWS_AS(ray::Get(std::vector<ray::ObjectRef<bool>>{ref}, 0), ray::RayTimeoutException);
  CHECK_THROWS_AS(ref.Get(-2), ray::RayException);
  CHECK_THROWS_AS(ray::ObjectRef<int>().Get(), ray::RayException);
  ray::Cancel(ref);
  CHECK_THROWS_AS(ref.Get(), ray::RayTaskException);
}

TEST_CASE_METHOD(Cluster, "Wait gives ready and unready in input order") {
  const auto never = ray::Task(wait_for_cancel).Remote();
  const auto other = ray::Task(wait_for_cancel).Remote();
  const auto ready = ray::Put(true);
  const std::vector<ray::ObjectRef<bool>> refs{never, ready, other};
  const ray::WaitResult<bool> result = ray::Wait(refs, 1, -1);
  REQUIRE(result.ready.size() == 1);
  CHECK(result.ready.front() == ready);
  REQUIRE(result.unready.size() == 2);
  CHECK(result.unready.front() == never);
  CHECK(result.unready.back() == other);
  CHECK(ray::Wait(refs, 2, 1).ready.size() == 1);
  CHECK(ray::Wait(refs, 3, 0).unready.size() == 2);
  ray::Cancel(never);
  ray::Cancel(other);
  CHECK(ray::Wait(refs, 3, -1).ready.size() == 3);  // an error is ready
}

TEST_CASE_METHOD(Cluster, "Wait refuses counts out of range, duplicates and empty refs") {
  const auto a = ray::Put(1);
  const auto b = ray::Put(2);
  const std::vector<ray::ObjectRef<int>> refs{a, b};
  CHECK_THROWS_AS(ray::Wait(refs, 0, 10), ray::RayException);
  CHECK_THROWS_AS(ray::Wait(refs, -1, 10), ray::RayException);
  CHECK_THROWS_AS(ray::Wait(refs, 3, 10), ray::RayException);
  CHECK_THROWS_AS(ray::Wait(std::vector<ray::ObjectRef<int>>(), 1, 10), ray::RayException);
  CHECK_THROWS_WITH(ray::Wait(std::vector<ray::ObjectRef<int>>{a, b, a}, 1, 10),
                    Catch::Contains(a.ID()));
  CHECK_THROWS_AS(ray::Wait(std::vector<ray::ObjectRef<int>>{a, {}}, 1, 10), ray::RayException);
  CHECK_THROWS_AS(ray::Wait(refs, 1, -2), ray::RayException);
}

TEST_CASE_METHOD(Cluster, "options are accepted where Ray has them") {
  CHECK(*ray::Task(plus)
             .SetName("p")
             .SetResource("CPU", 1.0)
             .SetResources({{"CPU", 0.5}})
             .SetMaxRetries(2)
             .SetRetryExceptions(false)
             .Remote(1, 2)
             .Get() == 3);
  CHECK(*ray::Task(one).SetResource("CPU", 0).Remote().Get() == 1);
}

TEST_CASE_METHOD(Cluster, "a demand that cannot be met waits") {
  const auto never = ray::Task(one).SetResource("CPU", 100'000).Remote();
  const auto result = ray::Wait(std::vector<ray::ObjectRef<int>>{never}, 1, 20);
  CHECK(result.ready.empty());
  ray::Cancel(never);
  CHECK_THROWS_AS(never.Get(), ray::RayTaskException);
}

TEST_CASE_METHOD(Cluster, "cancelling a task that has not begun, and one that has") {
  const auto running = ray::Task(wait_for_cancel).Remote();
  const auto waiting = ray::Task([](bool done) { return done; }).Remote(running);
  ray::Cancel(waiting);
  try {
    waiting.Get();
    FAIL("no exception");
  } catch (const ray::RayTaskException& thrown) {
    CHECK(thrown.code() == ray::ErrorCode::kCancelled);
    CHECK_FALSE(thrown.function().empty());
  }
  ray::Cancel(running);
  CHECK_THROWS_AS(running.Get(), ray::RayTaskException);
  const auto done = ray::Put(1);
  ray::Cancel(done);
  CHECK(*done.Get() == 1);
  CHECK_FALSE(ray::IsCancelled());
}

TEST_CASE_METHOD(Cluster, "a recursive cancel reaches what the task submitted") {
  const auto parent = ray::Task(parent_of_waiting).Remote();
  ray::Cancel(parent);
  CHECK_THROWS_AS(parent.Get(), ray::RayTaskException);
}
