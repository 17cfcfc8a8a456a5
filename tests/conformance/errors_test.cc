// Exceptions: what is thrown there arrives here, with its names.
#include <stdexcept>

#include "tests/conformance/cluster.h"
#include "tests/unit/catch.h"

namespace own {
struct Broken : std::runtime_error {
  using std::runtime_error::runtime_error;
};
}  // namespace own

namespace conformance_errors {

int throw_broken(int x) { throw own::Broken("broken by " + std::to_string(x)); }
int throw_text() { throw std::string("only text"); }
int throw_number() { throw 42; }
int plus_one(int x) { return x + 1; }
int get_inside(ray::ObjectRef<int> ref) { return *ref.Get(); }
int not_registered(int x) { return x; }
RAY_REMOTE(throw_broken, throw_text, throw_number, plus_one, get_inside);

/// Counts its calls in an actor, so that every attempt is seen wherever it runs.
class Attempts {
 public:
  static Attempts* Create() { return new Attempts; }
  int Next() { return ++count_; }

 private:
  int count_ = 0;
};
int throw_until(ray::ActorHandle<Attempts> attempts, int enough) {
  const int attempt = *attempts.Task(&Attempts::Next).Remote().Get();
  if (attempt < enough) throw std::runtime_error("attempt " + std::to_string(attempt));
  return attempt;
}
RAY_REMOTE(Attempts::Create, &Attempts::Next, throw_until);

}  // namespace conformance_errors
using namespace conformance_errors;

TEST_CASE_METHOD(Cluster, "what a task throws has its type, its text and its place") {
  const auto ref = ray::Task(throw_broken).Remote(7);
  for (int i = 0; i < 2; ++i) {  // as often as one asks
    try {
      ref.Get();
      FAIL("no exception");
    } catch (const ray::RayTaskException& thrown) {
      CHECK(thrown.code() == ray::ErrorCode::kTaskThrew);
      CHECK(thrown.remote_type() == "own::Broken");
      CHECK(thrown.message() == "broken by 7");
      CHECK_THAT(thrown.function(), Catch::Contains("throw_broken"));
      CHECK_THAT(thrown.task(), Catch::StartsWith("task-"));
      CHECK(thrown.attempt() == 1);
      CHECK_THAT(thrown.what(), Catch::Contains("own::Broken: broken by 7"));
    }
  }
}

TEST_CASE_METHOD(Cluster, "exceptions of any type arrive") {
  CHECK_THROWS_WITH(ray::Task(throw_text).Remote().Get(), Catch::Contains("only text"));
  CHECK_THROWS_WITH(ray::Task(throw_number).Remote().Get(), Catch::Contains("int"));
  CHECK_THROWS_AS(ray::Task(throw_number).Remote().Get(), ray::internal::RayTaskException);
}

TEST_CASE_METHOD(Cluster, "a task whose argument failed fails with that error, and does not run") {
  const auto failed = ray::Task(throw_broken).Remote(1);
  auto chained = ray::Task(plus_one).Remote(failed);
  for (int i = 0; i < 50; ++i) chained = ray::Task(plus_one).Remote(chained);
  CHECK_THROWS_WITH(chained.Get(), Catch::Contains("broken by 1"));
  const auto nested = ray::Task(get_inside).Remote(ray::Put(failed));
  CHECK_THROWS_WITH(nested.Get(), Catch::Contains("RayTaskException"));
}

TEST_CASE_METHOD(Cluster, "the first error in input order is thrown by Get of several") {
  const auto good = ray::Put(1);
  const auto first = ray::Task(throw_broken).Remote(1);
  const auto second = ray::Task(throw_broken).Remote(2);
  CHECK_THROWS_WITH(ray::Get(std::vector<ray::ObjectRef<int>>{good, first, second}),
                    Catch::Contains("broken by 1"));
}

TEST_CASE_METHOD(Cluster, "a function that was not registered is refused by Task") {
  CHECK_THROWS_AS(ray::Task(not_registered), ray::RayFunctionNotFound);
  CHECK_THROWS_AS(ray::Task(not_registered), ray::RayException);
}

TEST_CASE_METHOD(Cluster, "a task is run again when it throws, only if asked, as often as said") {
  const auto attempts = ray::Actor(Attempts::Create).Remote();
  const auto good = ray::Task(throw_until).SetRetryExceptions().Remote(attempts, 3);
  CHECK(*good.Get() == 3);
  const auto fresh = ray::Actor(Attempts::Create).Remote();
  CHECK_THROWS_WITH(ray::Task(throw_until).Remote(fresh, 3).Get(), Catch::Contains("attempt 1"));
  const auto few = ray::Task(throw_until).SetRetryExceptions().SetMaxRetries(1).Remote(fresh, 100);
  try {
    few.Get();
    FAIL("no exception");
  } catch (const ray::RayTaskException& thrown) {
    CHECK(thrown.attempt() == 2);
  }
}

TEST_CASE_METHOD(Cluster, "Init twice is once, and Shutdown ends it") {
  CHECK(ray::IsInitialized());
  ray::Init();
  ray::RayConfig config;
  ray::Init(config);
  CHECK(ray::IsInitialized());
  ray::Shutdown();
  CHECK_FALSE(ray::IsInitialized());
  ray::Shutdown();
  CHECK_THROWS_AS(ray::Put(1), ray::RayException);
  ray::Init();
  CHECK(*ray::Task(plus_one).Remote(1).Get() == 2);
}

TEST_CASE_METHOD(Cluster, "RAYLOG is one statement, whatever names the program has") {
#define ERROR 7
  bool fine = false;
  if (fine)
    RAYLOG(ERROR) << "never";
  else
    fine = true;
  CHECK(fine);
  CHECK(ray::IsLevelEnabled(ray::RayLoggerLevel::FATAL));
#undef ERROR
}
