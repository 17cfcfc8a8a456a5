// Counts balance: however refs are copied, moved, nested, passed and returned, each object is
// counted as often as it is held, and at the end nothing is left.
#include <array>
#include <map>
#include <optional>
#include <tuple>
#include <variant>

#include "tests/unit/catch.h"
#include "tests/unit/client/fake_runtime.h"

namespace {

/// Installs a fake runtime for a test, and checks at its end that nothing is left or went wrong.
class Counting {
 public:
  Counting() { ray::internal::install_runtime(runtime); }
  ~Counting() {
    CHECK(runtime->objects.empty());
    CHECK(runtime->mistakes == std::vector<std::string>());
    ray::internal::install_runtime(nullptr);
  }
  template <class T>
  int64_t count(const ray::ObjectRef<T>& ref) const {
    return runtime->count_of(ref.object_id());
  }
  std::shared_ptr<FakeRuntime> runtime = std::make_shared<FakeRuntime>();
};

using Ref = ray::ObjectRef<int>;

struct Node {
  Ref one;
  std::vector<Ref> many;
  std::map<std::string, Ref> named;
  std::optional<Ref> maybe;
  std::variant<int, Ref> either;
  std::tuple<int, Ref> both;
  ray::ObjectRef<std::vector<Ref>> deep;
  MSGPACK_DEFINE(one, many, named, maybe, either, both, deep)
};

int value_of(Ref ref) { return *ref.Get(); }
int value_of_constant(const Ref& ref) { return *ref.Get(); }
int value_of_moved(Ref&& ref) { return *ref.Get(); }
int sum(const std::vector<Ref>& refs) {
  int total = 0;
  for (const auto& ref : refs) total += *ref.Get();
  return total;
}
int sum_node(Node node) { return *node.one.Get() + sum(node.many) + sum(*node.deep.Get()); }
Ref pass(Ref ref) { return ref; }
Ref make() { return ray::Put(5); }
std::vector<Ref> make_many(int n) {
  std::vector<Ref> refs;
  for (int i = 0; i < n; ++i) refs.push_back(ray::Put(i));
  return refs;
}
int plus(int a, int b) { return a + b; }
RAY_REMOTE(value_of, value_of_constant, value_of_moved, sum, sum_node, pass, make, make_many, plus);

class Keeper {
 public:
  static Keeper* Create(Ref ref) { return new Keeper(ref); }
  explicit Keeper(Ref ref) : ref_(std::move(ref)) {}
  void keep(Ref ref) { ref_ = ref; }
  Ref kept() const { return ref_; }
  int read() { return *ref_.Get(); }
  int read_other(ray::ActorHandle<Keeper> other) {
    return *other.Task(&Keeper::read).Remote().Get();
  }

 private:
  Ref ref_;
};
RAY_REMOTE(Keeper::Create, &Keeper::keep, &Keeper::kept, &Keeper::read, &Keeper::read_other);

}  // namespace

TEST_CASE("copies count, moves steal, and assignment gives back what was there") {
  Counting counting;
  Ref a = ray::Put(1);
  CHECK(counting.count(a) == 1);
  Ref b = a;
  CHECK(counting.count(a) == 2);
  const Ref c = std::move(b);
  CHECK(counting.count(a) == 2);
  CHECK(b.ID().empty());
  Ref d = ray::Put(2);
  d = a;
  CHECK(counting.count(a) == 3);
  CHECK(counting.runtime->objects.size() == 1);
  const Ref& alias = d;
  d = alias;
  CHECK(counting.count(a) == 3);
  d = std::move(a);
  CHECK(counting.count(d) == 2);
  CHECK(c == d);
}

TEST_CASE("refs of void count like the others") {
  Counting counting;
  ray::ActorHandle<Keeper> keeper =
      ray::Actor(Keeper::Create).Remote(ray::Put(1).Get() ? make() : Ref());
  ray::ObjectRef<void> a = keeper.Task(&Keeper::keep).Remote(make());
  ray::ObjectRef<void> b = keeper.Task(&Keeper::keep).Remote(make());
  b = a;
  CHECK(counting.count(a) == 2);
  a = {};
  CHECK(counting.count(b) == 1);
  b.Get();
}

TEST_CASE("a ref goes through its text and is counted again") {
  Counting counting;
  const Ref a = ray::Put(1);
  const Ref b(a.ID());
  CHECK(b == a);
  CHECK(counting.count(a) == 2);
  CHECK(Ref("").ID().empty());
}

TEST_CASE("a ref for a value is awaited, and its count is as before") {
  Counting counting;
  const Ref a = ray::Put(1);
  const Ref b = ray::Task(plus).Remote(a, a);
  CHECK(*b.Get() == 2);
  CHECK(counting.count(a) == 1);
  CHECK(counting.runtime->objects.size() == 2);
}

TEST_CASE("a parameter of type ObjectRef receives the ref, in every form") {
  Counting counting;
  const Ref a = ray::Put(7);
  CHECK(*ray::Task(value_of).Remote(a).Get() == 7);
  CHECK(*ray::Task(value_of_constant).Remote(a).Get() == 7);
  CHECK(*ray::Task(value_of_moved).Remote(a).Get() == 7);
  CHECK(*ray::Task(value_of).Remote(ray::Put(8)).Get() == 8);
  const ray::ObjectRef<Ref> nested = ray::Put(a);
  CHECK(*ray::Task(value_of).Remote(nested).Get() == 7);  // awaited: its value is the ref
  CHECK(counting.count(a) == 2);
}

TEST_CASE("refs in containers and structs count as contained, and are counted when read") {
  Counting counting;
  std::vector<Ref> refs;
  for (int i = 0; i < 5; ++i) refs.push_back(ray::Put(i));
  CHECK(*ray::Task(sum).Remote(refs).Get() == 10);
  {
    const auto stored = ray::Put(refs);
    CHECK(counting.count(refs[0]) == 2);
    const auto read = stored.Get();
    CHECK(counting.count(refs[0]) == 3);
    CHECK((*read)[4] == refs[4]);
  }
  CHECK(counting.count(refs[0]) == 1);
  const auto deep = ray::Put(refs);
  const Node node{refs[0], refs, {{"a", refs[1]}}, refs[2], refs[3], {4, refs[4]}, deep};
  CHECK(*ray::Task(sum_node).Remote(node).Get() == 20);
  const auto stored = ray::Put(node);
  CHECK(counting.runtime->last_contained == 6);  // each once: five refs and the vector's
  const Node copy = *stored.Get();
  CHECK(copy.maybe == node.maybe);
  CHECK(std::get<Ref>(copy.either) == refs[3]);
  CHECK(std::get<1>(copy.both) == refs[4]);
}

TEST_CASE("a value that contains refs keeps their objects, and takes them along at its end") {
  Counting counting;
  ray::ObjectRef<Ref> outer = ray::Put(ray::Put(5));
  CHECK(counting.runtime->objects.size() == 2);
  CHECK(*outer.Get()->Get() == 5);
  outer = {};
  CHECK(counting.runtime->objects.empty());
}

TEST_CASE("a thousand refs in a value are listed once each, in order") {
  Counting counting;
  std::vector<Ref> refs;
  for (int i = 0; i < 1000; ++i) refs.push_back(ray::Put(i));
  for (int i = 0; i < 1000; ++i) refs.push_back(refs[i]);
  const auto stored = ray::Put(refs);
  CHECK(counting.runtime->last_contained == 1000);
  const auto& contained = counting.runtime->objects.at(stored.object_id()).value->contained;
  CHECK(std::equal(contained.begin(), contained.end(), refs.begin(),
                   [](auto id, const Ref& ref) { return id == ref.object_id(); }));
}

TEST_CASE("functions return refs, of their own and of others") {
  Counting counting;
  const Ref a = ray::Put(1);
  const ray::ObjectRef<Ref> passed = ray::Task(pass).Remote(a);
  CHECK(*passed.Get() == a);
  CHECK(counting.count(a) == 2);
  CHECK(*(*ray::Task(make).Remote().Get()).Get() == 5);
  const auto many = ray::Task(make_many).Remote(3);
  CHECK(*ray::Task(sum).Remote(many).Get() == 3);
}

TEST_CASE("actors keep refs, give them back, and handles travel") {
  Counting counting;
  const Ref a = ray::Put(11);
  auto first = ray::Actor(Keeper::Create).Remote(a);
  CHECK(counting.count(a) == 2);
  CHECK(*first.Task(&Keeper::kept).Remote().Get() == a);
  const auto second = ray::Actor(Keeper::Create).Remote(ray::Put(12));
  CHECK(*second.Task(&Keeper::read_other).Remote(first).Get() == 11);
  CHECK(counting.runtime->count_of(first.actor_id().handle()) == 1);
  const auto stored = ray::Put(std::vector<ray::ActorHandle<Keeper>>{first, second});
  CHECK(counting.runtime->last_contained == 2);
  CHECK(stored.Get()->at(1) == second);
  first.Task(&Keeper::keep).Remote(ray::Put(13));
  CHECK(counting.count(a) == 1);
}

TEST_CASE("a caller of a method holds its actor") {
  Counting counting;
  auto keeper = ray::Actor(Keeper::Create).Remote(ray::Put(1));
  const auto id = keeper.actor_id().handle();
  {
    const auto caller = keeper.Task(&Keeper::read);
    keeper = {};
    CHECK(counting.runtime->count_of(id) == 1);
    CHECK(*caller.Remote().Get() == 1);
  }
  CHECK(counting.runtime->count_of(id) == 0);
}

TEST_CASE("Wait's lists hold their refs") {
  Counting counting;
  const std::vector<Ref> refs{ray::Put(0), ray::Put(1), ray::Put(2)};
  const auto result = ray::Wait(refs, 2, 0);
  CHECK(result.ready.size() == 2);
  CHECK(result.unready.front() == refs[2]);
  CHECK(counting.count(refs[0]) == 2);
}

TEST_CASE("the same function and options are one template, whoever calls") {
  Counting counting;
  for (int i = 0; i < 3; ++i) ray::Task(plus).Remote(1, 2);
  CHECK(counting.runtime->templates.size() == 1);
  for (int i = 0; i < 3; ++i) ray::Task(plus).SetResource("CPU", 2).SetName("p").Remote(1, 2);
  CHECK(counting.runtime->templates.size() == 2);
  CHECK(counting.runtime->templates[1].options.resources.at("CPU") == 2);
  ray::Task(plus).SetMaxRetries(0).Remote(1, 2);
  ray::Task(plus).SetMaxRetries(0).SetRetryExceptions().Remote(1, 2);
  CHECK(counting.runtime->templates.size() == 4);
}

TEST_CASE("templates of one runtime are not used with the next") {
  for (int i = 0; i < 2; ++i) {
    Counting counting;
    CHECK(*ray::Task(plus).Remote(1, 2).Get() == 3);
    CHECK(*ray::Task(plus).SetName("p").Remote(1, 2).Get() == 3);
    CHECK(counting.runtime->templates.size() == 2);
  }
}

TEST_CASE("options that make no sense are refused") {
  Counting counting;
  CHECK_THROWS_AS(ray::Task(plus).SetResource("", 1).Remote(1, 2), ray::RayException);
  CHECK_THROWS_AS(ray::Task(plus).SetResource("CPU", -1).Remote(1, 2), ray::RayException);
  CHECK_THROWS_AS(ray::Task(plus).SetMaxRetries(-2).Remote(1, 2), ray::RayException);
  CHECK_NOTHROW(ray::Task(plus).SetResource("CPU", 0).Remote(1, 2));
  CHECK_THROWS_AS(ray::Actor(Keeper::Create).SetMaxConcurrency(0).Remote(ray::Put(1)),
                  ray::RayException);
  CHECK_THROWS_AS(ray::Actor(Keeper::Create).SetGetIfExists().Remote(ray::Put(1)),
                  ray::RayException);
}

TEST_CASE("a ref cannot be packed where nothing counts it") {
  Counting counting;
  const Ref a = ray::Put(1);
  msgpack::sbuffer buffer;
  CHECK_THROWS_AS(msgpack::pack(buffer, a), ray::RayException);
}

TEST_CASE("without Init everything says so, and refs end quietly") {
  CHECK_FALSE(ray::IsInitialized());
  CHECK_THROWS_WITH(ray::Put(1), Catch::Contains("ray::Init()"));
  CHECK_THROWS_AS(ray::Task(plus).Remote(1, 2), ray::RayException);
  Ref left;
  {
    const auto runtime = std::make_shared<FakeRuntime>();
    ray::internal::install_runtime(runtime);
    left = ray::Put(1);
    ray::internal::install_runtime(nullptr);
  }
  const Ref copy = left;
  CHECK_FALSE(copy.ID().empty());
}
