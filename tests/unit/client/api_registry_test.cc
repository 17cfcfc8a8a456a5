// The registry: what RAY_REMOTE accepts, how things are called, and how they are found again.
#include <algorithm>

#include "tests/unit/catch.h"
#include "tests/unit/client/api_registry_shared.h"

namespace other {
extern const int registered_at;
}  // namespace other
int plain(int x) { return x; }
RAY_REMOTE(plain);
static const int registered_at = __LINE__;

namespace {

int hidden(std::string) { return 1; }

template <class T>
T twice(T x) {
  return x + x;
}
int quiet(int x) noexcept { return x; }
std::string word(int) { return "word"; }
int over() { return 0; }
int over(int x) { return x; }
int over(int x, const std::string&) { return x; }

}  // namespace

namespace zoo {

class Animal {
 public:
  virtual ~Animal() = default;
  virtual int legs() const { return 4; }
  int age() const noexcept { return 1; }
  static int count(int x) { return x; }
};

class Bird : public Animal {
 public:
  static Bird* Create() { return new Bird; }
  static std::unique_ptr<Bird> Hatch(int) { return std::make_unique<Bird>(); }
  int legs() const override { return 2; }
  int fly(int height) { return height; }
  int fly(double height) { return static_cast<int>(height); }
};

RAY_REMOTE(Bird::Create, Bird::Hatch, &Animal::legs, &Animal::age, Animal::count)
RAY_REMOTE(RAY_FUNC(&Bird::fly, int), RAY_FUNC(&Bird::fly, double))  // no semicolon, as in Ray

}  // namespace zoo

RAY_REMOTE(hidden, twice<int>, twice<double>, quiet, word);
RAY_REMOTE(RAY_FUNC(over), RAY_FUNC(over, int), RAY_FUNC(over, int, const std::string&));

using namespace ray::internal;

namespace {

const FunctionInfo* info_of(std::string_view name, std::string_view type) {
  const FunctionEntry* entry = find_function(name, type);
  return entry == nullptr ? nullptr : &function_info(*entry);
}

}  // namespace

TEST_CASE("functions are found by qualified name and type") {
  CHECK(info_of("plain", "int (*)(int)") != nullptr);
  CHECK(info_of("(anonymous namespace)::hidden", "int (*)(std::string)") != nullptr);
  CHECK(info_of("(anonymous namespace)::quiet", "int (*)(int) noexcept") != nullptr);
  CHECK(info_of("(anonymous namespace)::word", "std::string (*)(int)") != nullptr);
  CHECK(info_of("zoo::Animal::legs", "int (zoo::Animal::*)() const") != nullptr);
  CHECK(info_of("zoo::Animal::count", "int (*)(int)") != nullptr);
  CHECK(info_of("plain", "int (*)(double)") == nullptr);
  CHECK(info_of("nobody", "int (*)(int)") == nullptr);
}

TEST_CASE("registrations on one line of two files are both there") {
  CHECK(registered_at == other::registered_at);
  CHECK(info_of("plain", "int (*)(int)") != nullptr);
  CHECK(info_of("other::here", "int (*)(int)") != nullptr);
}

TEST_CASE("instances of a template are different functions") {
  const auto* ints = info_of("(anonymous namespace)::twice<int>", "int (*)(int)");
  const auto* doubles = info_of("(anonymous namespace)::twice<double>", "double (*)(double)");
  REQUIRE(ints != nullptr);
  REQUIRE(doubles != nullptr);
  CHECK(doubles->parameters == std::vector<std::string>{"double"});
}

TEST_CASE("overloads have one name and several types") {
  const std::string name = "(anonymous namespace)::over";
  CHECK(info_of(name, "int (*)()") != nullptr);
  CHECK(info_of(name, "int (*)(int)") != nullptr);
  REQUIRE(info_of(name, "int (*)(int, std::string const&)") != nullptr);
  CHECK(info_of(name, "int (*)(int, std::string const&)")->parameters ==
        std::vector<std::string>{"int", "std::string"});
  CHECK(info_of("zoo::Bird::fly", "int (zoo::Bird::*)(int)") != nullptr);
  CHECK(info_of("zoo::Bird::fly", "int (zoo::Bird::*)(double)") != nullptr);
}

TEST_CASE("the registry says what is a function, a factory and a method") {
  const auto* factory = info_of("zoo::Bird::Create", "zoo::Bird* (*)()");
  REQUIRE(factory != nullptr);
  CHECK(factory->kind == FunctionKind::kFactory);
  CHECK(factory->class_name == "zoo::Bird");
  CHECK(factory->result == "zoo::Bird");
  const auto entries = registered_functions();
  const auto hatch = std::find_if(entries.begin(), entries.end(), [](const auto* entry) {
    return function_info(*entry).name == "zoo::Bird::Hatch";
  });
  REQUIRE(hatch != entries.end());
  CHECK(function_info(**hatch).kind == FunctionKind::kFactory);
  const auto* method = info_of("zoo::Animal::legs", "int (zoo::Animal::*)() const");
  REQUIRE(method != nullptr);
  CHECK(method->kind == FunctionKind::kMethod);
  CHECK(method->class_name == "zoo::Animal");
  CHECK(method->result == "int");
}

TEST_CASE("all functions are listed by name, each once") {
  std::vector<std::string> names;
  for (const auto* entry : registered_functions())
    names.push_back(function_info(*entry).name + " " + function_info(*entry).type);
  CHECK(std::is_sorted(names.begin(), names.end()));
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
  CHECK(std::count(names.begin(), names.end(), "shared::in_header int (*)(int)") == 1);
  CHECK(registration_errors().empty());
}

TEST_CASE("a pointer finds its entry, also where functions have one type") {
  CHECK(function_info(entry_of(plain)).name == "plain");
  CHECK(function_info(entry_of(shared::in_header)).name == "shared::in_header");
  CHECK(function_info(entry_of_method(&zoo::Animal::legs)).name == "zoo::Animal::legs");
  CHECK(function_info(entry_of_method(&zoo::Animal::age)).name == "zoo::Animal::age");
}

TEST_CASE("a function without RAY_REMOTE is refused, with the cure") {
  static constexpr auto stranger = +[](short x) { return x; };
  CHECK_THROWS_AS(entry_of(stranger), ray::RayFunctionNotFound);
  CHECK_THROWS_WITH(entry_of(stranger), Catch::Contains("RAY_REMOTE"));
}

TEST_CASE("a lambda and Task<f> need no macro, and are there before they are called") {
  const auto lambda = [](int x) { return x * 3; };
  const FunctionEntry& entry = entry_of(lambda);
  const FunctionInfo& info = function_info(entry);
  CHECK(find_function(info.name, info.type) == &entry);
  CHECK(&entry_of<&zoo::Bird::legs>() ==
        find_function("zoo::Bird::legs", "int (zoo::Bird::*)() const"));
}
