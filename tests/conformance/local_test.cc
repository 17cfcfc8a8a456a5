// What only local_mode can show: nothing is left in memory, and its limits.
#include <atomic>

#include "client/api/local_runtime.h"
#include "tests/unit/catch.h"

#include "ray/api.h"

namespace conformance_local {

std::atomic<int> destroyed{0};

class Owner {
 public:
  static Owner* Create(ray::ObjectRef<int> ref) { return new Owner(std::move(ref)); }
  explicit Owner(ray::ObjectRef<int> ref) : ref_(std::move(ref)) {}
  ~Owner() { ++destroyed; }
  int read() { return *ref_.Get(); }
  ray::ObjectRef<int> kept() { return ref_; }

 private:
  ray::ObjectRef<int> ref_;
};
std::atomic<int> lives{0};
std::atomic<int> blocked{0};
std::atomic<bool> released{false};

/// Its first life blocks until the test lets it go.
class Stubborn {
 public:
  static Stubborn* Create() { return new Stubborn; }
  int life() {
    ++blocked;
    while (life_ == 1 && !released) std::this_thread::yield();
    return life_;
  }
  int next() { return ++calls_; }

 private:
  int life_ = ++lives;
  int calls_ = 0;
};
RAY_REMOTE(Stubborn::Create, &Stubborn::life, &Stubborn::next);

std::atomic<bool> endless_began{false};
int endless() {
  endless_began = true;
  while (!ray::IsCancelled()) std::this_thread::yield();
  return 0;
}
RAY_REMOTE(endless);

int plus(int a, int b) { return a + b; }
int down(int n) { return n == 0 ? 0 : *ray::Task(down).Remote(n - 1).Get() + 1; }
std::vector<ray::ObjectRef<int>> make(int n) {
  std::vector<ray::ObjectRef<int>> refs;
  for (int i = 0; i < n; ++i) refs.push_back(ray::Task(plus).Remote(i, 1));
  return refs;
}
int throws() { throw std::runtime_error("no"); }
ray::ObjectRef<int> chain(ray::ObjectRef<int> ref) { return ref; }
RAY_REMOTE(Owner::Create, &Owner::read, &Owner::kept, plus, down, make, throws, chain);

/// A local runtime of its own, whose memory can be looked into.
class Local {
 public:
  explicit Local(std::vector<std::string> head_args = {"--num-cpus", "2"}) {
    ray::RayConfig config;
    config.local_mode = true;
    config.head_args = std::move(head_args);
    runtime = std::make_shared<ray::internal::LocalRuntime>(config);
    ray::internal::install_runtime(runtime);
  }
  ~Local() { ray::Shutdown(); }

  /// Threads let go of what they ran a moment after its result is there.
  bool becomes_empty() const {
    for (int i = 0; i < 20'000'000 && runtime->object_count() > 0; ++i) std::this_thread::yield();
    return runtime->object_count() == 0;
  }
  std::shared_ptr<ray::internal::LocalRuntime> runtime;
};

}  // namespace conformance_local
using namespace conformance_local;

TEST_CASE("at rest without handles nothing is left") {
  Local local;
  {
    const auto a = ray::Put(1);
    const auto refs = ray::Task(make).Remote(20);
    const auto sum = ray::Task(plus).Remote(a, *refs.Get()->at(3).Get());
    CHECK(*sum.Get() == 5);
    const auto failed = ray::Task(plus).Remote(a, ray::Task(throws).Remote());
    CHECK_THROWS(failed.Get());
    ray::Task(plus).Remote(a, 1);  // its result interests nobody
    const auto owner = ray::Actor(Owner::Create).Remote(a);
    CHECK(*owner.Task(&Owner::read).Remote().Get() == 1);
    CHECK(*(*owner.Task(&Owner::kept).Remote().Get()).Get() == 1);
  }
  CHECK(local.becomes_empty());
}

TEST_CASE("an actor's object is destroyed when the actor ends, by whichever end") {
  Local local;
  const int before = destroyed;
  {
    const auto a = ray::Put(1);
    { const auto unnamed = ray::Actor(Owner::Create).Remote(a); }
    const auto killed = ray::Actor(Owner::Create).SetName("k").Remote(a);
    CHECK(*killed.Task(&Owner::read).Remote().Get() == 1);
    killed.Kill();
    ray::Actor(Owner::Create).SetName("left").Remote(a).Task(&Owner::read).Remote().Get();
  }
  CHECK(ray::GetActor<Owner>("left"));
  ray::Shutdown();
  CHECK(destroyed == before + 3);
}

TEST_CASE("a long chain of references ends without deep recursion") {
  Local local;
  {
    ray::ObjectRef<int> ref = ray::Put(1);
    std::vector<ray::ObjectRef<std::vector<ray::ObjectRef<int>>>> links;
    auto outer = ray::Put(std::vector<ray::ObjectRef<int>>{ref});
    for (int i = 0; i < 100'000; ++i)
      outer = ray::Put(std::vector<ray::ObjectRef<int>>{ray::ObjectRef<int>(outer.ID())});
  }
  CHECK(local.becomes_empty());
}

TEST_CASE("a recursion deeper than there are threads runs in the waiting ones") {
  Local local({"--num-cpus=1"});
  CHECK(*ray::Task(down).Remote(200).Get() == 200);
}

TEST_CASE("resources come from the arguments of the head") {
  Local local({"--num-cpus", "1", "--resources", "{\"disk\": 2}"});
  CHECK(*ray::Task(plus).SetResource("disk", 2).Remote(1, 2).Get() == 3);
  const auto never = ray::Task(plus).SetResource("disk", 3).Remote(1, 2);
  CHECK(ray::Wait(std::vector<ray::ObjectRef<int>>{never}, 1, 5).ready.empty());
  ray::Cancel(never);
  CHECK_THROWS_AS(Local({"--num-cpus", "many"}), ray::RayException);
  CHECK_THROWS_AS(Local({"--resources", "[1]"}), ray::RayException);
}

TEST_CASE("a task that names resources holds those alone, one that names none holds a CPU") {
  Local local({"--num-cpus", "1", "--resources", "{\"disk\": 1}"});
  endless_began = false;
  const auto holds_the_cpu = ray::Task(endless).Remote();
  while (!endless_began) std::this_thread::yield();
  CHECK(*ray::Task(plus).SetResource("disk", 1).Remote(1, 2).Get() == 3);
  const auto waits = ray::Task(plus).Remote(1, 2);
  CHECK(ray::Wait(std::vector<ray::ObjectRef<int>>{waits}, 1, 5).ready.empty());
  ray::Cancel(holds_the_cpu);
  CHECK(*waits.Get() == 3);
}

TEST_CASE("Shutdown wakes who waits, and refs of before name nothing after") {
  ray::ObjectRef<int> old;
  {
    Local local;
    const auto never = ray::Task(plus).SetResource("CPU", 50).Remote(1, 2);
    old = ray::Put(1);
    std::thread waiter([&] { CHECK_THROWS_AS(never.Get(), ray::RayException); });
    std::this_thread::yield();
    ray::Shutdown();
    waiter.join();
  }
  Local local;
  const auto fresh = ray::Put(2);
  CHECK_FALSE(old == fresh);
  CHECK_THROWS_AS(old.Get(), ray::UnreconstructableException);
}

TEST_CASE("many threads of the driver submit and get at once") {
  Local local;
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&right] {
      for (int i = 0; i < 200; ++i)
        if (*ray::Task(plus).Remote(i, ray::Put(1)).Get() == i + 1) ++right;
    });
  for (auto& thread : threads) thread.join();
  CHECK(right == 800);
  CHECK(local.becomes_empty());
}

TEST_CASE("calls that an actor died under are made again, in order, if it may retry them") {
  Local local;
  lives = 0;
  blocked = 0;
  released = false;
  const auto actor = ray::Actor(Stubborn::Create).SetMaxRestarts(1).SetMaxTaskRetries(1).Remote();
  const auto life = actor.Task(&Stubborn::life).Remote();
  const auto first = actor.Task(&Stubborn::next).Remote();
  const auto second = actor.Task(&Stubborn::next).Remote();
  while (blocked == 0) std::this_thread::yield();
  actor.Kill(false);
  CHECK(*life.Get() == 2);
  CHECK(*first.Get() == 1);
  CHECK(*second.Get() == 2);
  released = true;  // the first life ends unheard
}

TEST_CASE(
    "calls that an actor died under fail, if it may not retry them, and say they may have run") {
  Local local;
  lives = 0;
  blocked = 0;
  released = false;
  const auto actor = ray::Actor(Stubborn::Create).SetMaxRestarts(1).Remote();
  const auto life = actor.Task(&Stubborn::life).Remote();
  const auto next = actor.Task(&Stubborn::next).Remote();
  while (blocked == 0) std::this_thread::yield();
  actor.Kill(false);
  try {
    life.Get();
    FAIL("no exception");
  } catch (const ray::RayActorException& thrown) {
    CHECK(thrown.may_have_executed());
  }
  CHECK(*next.Get() == 1);
  released = true;
}

TEST_CASE("Shutdown cancels what runs, also a task whose result interests nobody") {
  Local local;
  endless_began = false;
  ray::Task(endless).Remote();
  while (!endless_began) std::this_thread::yield();
  ray::Shutdown();
  CHECK_FALSE(ray::IsInitialized());
}

TEST_CASE("a forced cancel answers at once, though the function goes on") {
  Local local;
  lives = 0;
  blocked = 0;
  released = false;
  const auto actor = ray::Actor(Stubborn::Create).Remote();
  const auto life = actor.Task(&Stubborn::life).Remote();
  while (blocked == 0) std::this_thread::yield();
  ray::Cancel(life, true);
  CHECK_THROWS_AS(life.Get(), ray::RayActorException);
  released = true;
}
