// Actors, as api.md §1 has them: order, names, lifetimes, restarts, bases, handles.
#include <atomic>

#include <boost/optional.hpp>

#include "tests/conformance/cluster.h"
#include "tests/unit/catch.h"

namespace conformance_actors {

class Counter {
 public:
  explicit Counter(int init) : count_(init), restarted_(ray::WasCurrentActorRestarted()) {}
  static Counter* Create() { return new Counter(0); }
  static Counter* Create(int init) { return new Counter(init); }
  static Counter* Create(int a, int b) { return new Counter(a + b); }
  static Counter* Fail() { throw std::invalid_argument("no counter today"); }

  int Plus1() { return count_ += 1; }
  int Add(int x) { return count_ += x; }
  int Get() const noexcept { return count_; }
  int Exit() { ray::ExitActor(); }
  void Throw() { throw std::logic_error("thrown by a method"); }
  bool RestartedInFactory() const { return restarted_; }
  bool RestartedInMethod() const { return ray::WasCurrentActorRestarted(); }
  int ThrowUntil(int calls) {
    if (++calls_ < calls) throw std::runtime_error("not yet");
    return calls_;
  }
  int AddOf(ray::ActorHandle<Counter> other, int x) {
    return *other.Task(&Counter::Add).Remote(x).Get();
  }
  ray::ActorHandle<Counter> Child(const std::string& name) {
    return ray::Actor(RAY_FUNC(Counter::Create)).SetName(name).Remote();
  }
  bool IsInitialized() { return ray::IsInitialized(); }
  std::string Namespace() { return ray::GetNamespace(); }
  bool WaitForCancel() {
    while (!ray::IsCancelled()) std::this_thread::yield();
    return true;
  }

 private:
  int count_;
  int calls_ = 0;
  bool restarted_;
};
RAY_REMOTE(RAY_FUNC(Counter::Create), RAY_FUNC(Counter::Create, int),
           RAY_FUNC(Counter::Create, int, int), Counter::Fail, &Counter::Plus1, &Counter::Add,
           &Counter::Get, &Counter::Exit, &Counter::Throw, &Counter::RestartedInFactory,
           &Counter::RestartedInMethod, &Counter::ThrowUntil, &Counter::AddOf, &Counter::Child,
           &Counter::IsInitialized, &Counter::Namespace, &Counter::WaitForCancel);

/// Three calls meet, if they run at once.
class Meeting {
 public:
  static std::unique_ptr<Meeting> Create() { return std::make_unique<Meeting>(); }
  std::string Arrive() {
    ++arrived_;
    while (arrived_ < 3) std::this_thread::yield();
    return "ok";
  }

 private:
  std::atomic<int> arrived_{0};
};
RAY_REMOTE(Meeting::Create, &Meeting::Arrive);

class Base {
 public:
  virtual ~Base() = default;
  virtual std::string Name() const { return "base"; }
  int Number() { return number_ += 1; }

 private:
  int number_ = 40;
};
class Other {
 public:
  virtual ~Other() = default;
  int Second() { return second_; }

 private:
  int second_ = 7;
};
class Shared : public virtual Base {};
class Derived : public Other, public Shared {
 public:
  static Derived* Create() { return new Derived; }
  static Base* CreateBase() { return new Derived; }
  std::string Name() const override { return "derived"; }
};
RAY_REMOTE(Derived::Create, Derived::CreateBase, &Base::Name, &Base::Number, &Other::Second);

int add_in_task(ray::ActorHandle<Counter> counter, int x) {
  return *counter.Task(&Counter::Add).Remote(x).Get();
}
RAY_REMOTE(add_in_task);

ray::ActorHandle<Counter> make_counter(int init = 0) {
  return ray::Actor(RAY_FUNC(Counter::Create, int)).Remote(init);
}

}  // namespace conformance_actors
using namespace conformance_actors;

TEST_CASE_METHOD(Cluster, "an actor keeps its state, and calls run in the order they are made") {
  const auto counter = make_counter();
  std::vector<ray::ObjectRef<int>> results;
  for (int i = 0; i < 100; ++i) results.push_back(counter.Task(&Counter::Plus1).Remote());
  for (int i = 0; i < 100; ++i) CHECK(*results[i].Get() == i + 1);
  CHECK(*counter.Task(&Counter::Get).Remote().Get() == 100);
}

TEST_CASE_METHOD(Cluster, "a call whose argument is not there holds back the caller's later ones") {
  const auto counter = make_counter();
  const auto slow = ray::Task([](int x) {
                      for (int i = 0; i < 1000; ++i) std::this_thread::yield();
                      return x;
                    }).Remote(10);
  const auto first = counter.Task(&Counter::Add).Remote(slow);
  const auto second = counter.Task(&Counter::Add).Remote(1);
  CHECK(*second.Get() == 11);
  CHECK(*first.Get() == 10);
}

TEST_CASE_METHOD(Cluster, "factories with several parameters, and references for them") {
  const auto ten = ray::Put(10);
  const auto counter = ray::Actor(RAY_FUNC(Counter::Create, int, int)).Remote(ten, 5);
  CHECK(*counter.Task(&Counter::Get).Remote().Get() == 15);
  CHECK(*ray::Actor(RAY_FUNC(Counter::Create)).Remote().Task(&Counter::Plus1).Remote().Get() == 1);
  const auto anonymous = ray::Actor([](int x) { return new Counter(x); }).Remote(3);
  CHECK(*anonymous.Task<&Counter::Get>().Remote().Get() == 3);
}

TEST_CASE_METHOD(Cluster, "methods of bases run at the right address, virtual ones dispatch") {
  const auto derived = ray::Actor(Derived::Create).Remote();
  CHECK(*derived.Task(&Base::Name).Remote().Get() == "derived");
  CHECK(*derived.Task(&Base::Number).Remote().Get() == 41);
  CHECK(*derived.Task(&Other::Second).Remote().Get() == 7);
  CHECK(*derived.Task(&Base::Number).Remote().Get() == 42);
  const ray::ActorHandle<Base> base = ray::Actor(Derived::CreateBase).Remote();
  CHECK(*base.Task(&Base::Name).Remote().Get() == "derived");
}

TEST_CASE_METHOD(Cluster, "handles are passed, returned and compared") {
  auto counter = make_counter();
  CHECK(*ray::Task(add_in_task).Remote(counter, 4).Get() == 4);
  const auto other = make_counter();
  CHECK(*other.Task(&Counter::AddOf).Remote(counter, 5).Get() == 9);
  const auto child = *other.Task(&Counter::Child).Remote("child").Get();
  CHECK(*child.Task(&Counter::Plus1).Remote().Get() == 1);
  CHECK(*ray::GetActor<Counter>("child") == child);
  CHECK(ray::ActorHandle<Counter>(counter.ID()) == counter);
  CHECK_FALSE(counter == other);
  CHECK(*counter.Task(&Counter::IsInitialized).Remote().Get());
  CHECK(*counter.Task(&Counter::Namespace).Remote().Get() == ray::GetNamespace());
}

TEST_CASE_METHOD(Cluster, "named actors are found by name, in their namespace, until Kill") {
  ray::ActorHandle<Counter> counter =
      ray::Actor(RAY_FUNC(Counter::Create)).SetName("named").Remote();
  counter.Task(&Counter::Plus1).Remote();
  counter = {};  // it lives on
  const auto found = ray::GetActor<Counter>("named");
  REQUIRE(found);
  CHECK(*found->Task(&Counter::Plus1).Remote().Get() == 2);
  const boost::optional<ray::ActorHandle<Counter>> boosted = ray::GetActor<Counter>("named");
  CHECK(boosted.has_value());
  boost::optional<ray::ActorHandle<Counter>> assigned;
  assigned = ray::GetActor<Counter>("nobody");
  CHECK_FALSE(assigned.has_value());
  CHECK_FALSE(ray::GetActor<Counter>("nobody"));
  CHECK_FALSE(ray::GetActor<Counter>("named", "elsewhere"));
  ray::Actor(RAY_FUNC(Counter::Create)).SetName("named", "elsewhere").Remote();
  CHECK(ray::GetActor<Counter>("named", "elsewhere"));
  found->Kill();
  CHECK_FALSE(ray::GetActor<Counter>("named"));
  CHECK_THROWS_AS(found->Task(&Counter::Plus1).Remote().Get(), ray::RayActorException);
}

TEST_CASE_METHOD(Cluster, "a name is taken once, unless the older actor is asked for") {
  const auto first = ray::Actor(RAY_FUNC(Counter::Create)).SetName("once").Remote();
  CHECK_THROWS_AS(ray::Actor(RAY_FUNC(Counter::Create)).SetName("once").Remote(),
                  ray::RayException);
  const auto same = ray::Actor(RAY_FUNC(Counter::Create)).SetName("once").SetGetIfExists().Remote();
  CHECK(same == first);
  first.Kill();
  const auto second = ray::Actor(RAY_FUNC(Counter::Create)).SetName("once").Remote();
  CHECK_FALSE(second == first);
}

TEST_CASE_METHOD(Cluster, "an unnamed actor's calls are served after its last handle is gone") {
  ray::ObjectRef<int> last;
  {
    const auto counter = make_counter();
    for (int i = 0; i < 10; ++i) last = counter.Task(&Counter::Plus1).Remote();
  }
  CHECK(*last.Get() == 10);
}

TEST_CASE_METHOD(Cluster, "Kill with restarts left makes it anew, then no more") {
  const auto counter =
      ray::Actor(RAY_FUNC(Counter::Create, int)).SetMaxRestarts(1).SetName("r").Remote(5);
  CHECK(*counter.Task(&Counter::Plus1).Remote().Get() == 6);
  CHECK_FALSE(*counter.Task(&Counter::RestartedInFactory).Remote().Get());
  CHECK_FALSE(*counter.Task(&Counter::RestartedInMethod).Remote().Get());
  counter.Kill(false);
  CHECK(*counter.Task(&Counter::Plus1).Remote().Get() == 6);
  CHECK(*counter.Task(&Counter::RestartedInFactory).Remote().Get());
  CHECK(*counter.Task(&Counter::RestartedInMethod).Remote().Get());
  CHECK(ray::GetActor<Counter>("r"));
  counter.Kill(false);
  CHECK_THROWS_AS(counter.Task(&Counter::Plus1).Remote().Get(), ray::RayActorException);
  CHECK_FALSE(ray::GetActor<Counter>("r"));
}

TEST_CASE_METHOD(Cluster, "ExitActor ends the actor with the call that says it") {
  const auto counter = make_counter();
  const auto exit = counter.Task(&Counter::Exit).Remote();
  CHECK_THROWS_AS(exit.Get(), ray::RayActorException);
  CHECK_THROWS_AS(counter.Task(&Counter::Plus1).Remote().Get(), ray::RayActorException);
  CHECK_THROWS_AS(ray::ExitActor(), ray::RayException);
}

TEST_CASE_METHOD(Cluster, "max concurrency lets calls run at once") {
  const auto meeting = ray::Actor(Meeting::Create).SetMaxConcurrency(3).Remote();
  std::vector<ray::ObjectRef<std::string>> results;
  for (int i = 0; i < 3; ++i) results.push_back(meeting.Task(&Meeting::Arrive).Remote());
  for (const auto& value : ray::Get(results)) CHECK(*value == "ok");
}

TEST_CASE_METHOD(Cluster, "a method that throws fails its call, and the actor lives on") {
  const auto counter = make_counter();
  CHECK_THROWS_AS(counter.Task(&Counter::Throw).Remote().Get(), ray::RayTaskException);
  CHECK(*counter.Task(&Counter::Plus1).Remote().Get() == 1);
}

TEST_CASE_METHOD(Cluster, "a factory that throws leaves a dead actor that says why") {
  const auto counter = ray::Actor(Counter::Fail).Remote();
  try {
    counter.Task(&Counter::Plus1).Remote().Get();
    FAIL("no exception");
  } catch (const ray::RayActorException& thrown) {
    CHECK(thrown.code() == ray::ErrorCode::kActorDied);
    CHECK_THAT(thrown.what(), Catch::Contains("std::invalid_argument: no counter today"));
    CHECK(thrown.actor() == counter.ID());
  }
}

TEST_CASE_METHOD(Cluster, "a method is called again when it throws, if asked") {
  const auto counter = ray::Actor(RAY_FUNC(Counter::Create)).SetMaxTaskRetries(2).Remote();
  CHECK(*counter.Task(&Counter::ThrowUntil).SetRetryExceptions().Remote(3).Get() == 3);
  CHECK_THROWS_AS(counter.Task(&Counter::ThrowUntil).Remote(10).Get(), ray::RayTaskException);
}

TEST_CASE_METHOD(Cluster, "calls of an actor are cancelled, before and while they run") {
  const auto counter = make_counter();
  const auto running = counter.Task(&Counter::WaitForCancel).Remote();
  const auto waiting = counter.Task(&Counter::Plus1).Remote();
  ray::Cancel(waiting);
  CHECK_THROWS_AS(waiting.Get(), ray::RayActorException);
  ray::Cancel(running);
  CHECK_THROWS_AS(running.Get(), ray::RayActorException);
  CHECK(*counter.Task(&Counter::Plus1).Remote().Get() == 1);
}

TEST_CASE_METHOD(Cluster, "an actor that holds more than there is waits, and its calls with it") {
  const auto counter = ray::Actor(RAY_FUNC(Counter::Create)).SetResource("CPU", 100'000).Remote();
  const auto result = counter.Task(&Counter::Plus1).Remote();
  CHECK(ray::Wait(std::vector<ray::ObjectRef<int>>{result}, 1, 20).ready.empty());
  counter.Kill();
  CHECK_THROWS_AS(result.Get(), ray::RayActorException);
}
