// A table of what can be passed and returned, each through a real call.
#include <any>
#include <array>
#include <chrono>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <unordered_map>
#include <variant>

#include "tests/conformance/cluster.h"
#include "tests/unit/catch.h"

namespace conformance_arguments {

enum class Colour { kRed, kBlue = 7 };
struct Point {
  int x = 0, y = 0;
  bool operator==(const Point&) const = default;
};
RAY_RAW(Point);
struct Person {
  std::string name;
  int age = 0;
  Colour colour = Colour::kRed;
  MSGPACK_DEFINE(name, age, colour)
  bool operator==(const Person&) const = default;
};

template <class T>
T same(T value) {
  return value;
}
template <class T>
T same_of_constant(const T& value) {
  return value;
}
template <class T>
T same_of_moved(T&& value) {
  return std::move(value);
}
template <class T>
T same_of_lvalue(T& value) {
  return value;
}

/// By value, as const T&, T& and T&&, and as a reference.
template <class T>
void check_all(const T& value) {
  INFO(typeid(T).name());
  CHECK(*ray::Task<same<T>>().Remote(value).Get() == value);
  CHECK(*ray::Task<same_of_constant<T>>().Remote(value).Get() == value);
  CHECK(*ray::Task<same_of_lvalue<T>>().Remote(value).Get() == value);
  T moved = value;
  CHECK(*ray::Task<same_of_moved<T>>().Remote(std::move(moved)).Get() == value);
  CHECK(*ray::Task<same<T>>().Remote(ray::Put(value)).Get() == value);
}

std::unique_ptr<std::string> longer(std::unique_ptr<std::string> text) {
  *text += "!";
  return text;
}
int count(std::vector<std::unique_ptr<int>> numbers) { return static_cast<int>(numbers.size()); }
std::string kind(std::any value) { return value.type().name(); }
RAY_REMOTE(longer, count, kind);

}  // namespace conformance_arguments
using namespace conformance_arguments;

TEST_CASE_METHOD(Cluster, "numbers, text and enumerations") {
  check_all(true);
  check_all('c');
  check_all<int8_t>(-1);
  check_all<uint16_t>(65'535);
  check_all(-5);
  check_all(int64_t{1} << 40);
  check_all(~uint64_t{0});
  check_all(1.5f);
  check_all(-0.25);
  check_all(Colour::kBlue);
  check_all(std::string("text"));
  check_all(std::string());
}

TEST_CASE_METHOD(Cluster, "containers") {
  check_all(std::vector<int>{1, 2, 3});
  check_all(std::vector<bool>{true, false});
  check_all(std::vector<std::string>{"a", "b"});
  check_all(std::vector<std::vector<double>>{{1}, {}, {2, 3}});
  check_all(std::array<float, 3>{1, 2, 3});
  check_all(std::list<int>{1, 2});
  check_all(std::deque<std::string>{"x"});
  check_all(std::set<int>{3, 1});
  check_all(std::map<std::string, std::vector<int>>{{"a", {1}}});
  check_all(std::unordered_map<int, std::string>{{1, "one"}});
}

TEST_CASE_METHOD(Cluster, "pairs, tuples, optionals, variants, time") {
  check_all(std::pair<bool, std::string>{true, "x"});
  check_all(std::tuple<int, double, std::string>{1, 2.5, "x"});
  check_all(std::optional<int>(3));
  check_all(std::optional<std::string>());
  check_all(std::variant<int, std::string>("s"));
  check_all(std::chrono::milliseconds(1500));
  check_all(std::chrono::system_clock::time_point(std::chrono::seconds(5)));
}

TEST_CASE_METHOD(Cluster, "structs") {
  check_all(Point{1, 2});
  check_all(std::vector<Point>{{1, 2}, {3, 4}});
  check_all(std::map<std::string, Point>{{"a", {1, 2}}});
  check_all(Person{"tom", 20, Colour::kBlue});
  check_all(std::vector<Person>{{"tom", 20, Colour::kBlue}});
}

TEST_CASE_METHOD(Cluster, "move-only values and std::any") {
  CHECK(**ray::Task(longer).Remote(std::make_unique<std::string>("text")).Get() == "text!");
  std::vector<std::unique_ptr<int>> numbers;
  numbers.push_back(std::make_unique<int>(1));
  CHECK(*ray::Task(count).Remote(std::move(numbers)).Get() == 1);
  CHECK(*ray::Task(kind).Remote(std::any(std::string("s"))).Get() == typeid(std::string).name());
  CHECK(*ray::Task(kind).Remote(std::any(1.5)).Get() == typeid(double).name());
}
