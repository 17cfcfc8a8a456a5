// Values from anywhere: any tag and bytes, read as many types. Nothing but RayException may come of
// it, in bounded memory.
#include <any>
#include <array>
#include <cstring>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "ray/api.h"

namespace {

struct Point {
  double x, y;
};
RAY_RAW(Point);

struct Person {
  std::string name;
  int age = 0;
  std::vector<Person> children;
  std::optional<std::variant<int, std::string, Point>> extra;
  ray::ObjectRef<int> ref;
  MSGPACK_DEFINE(name, age, children, extra, ref)
};

template <class T>
void read(const ray::internal::FetchedValue& value) {
  try {
    ray::internal::unpack_shared<T>(value);
  } catch (const ray::RayException&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  std::vector<std::max_align_t> units((size - 2) / sizeof(std::max_align_t) + 1);
  std::memcpy(units.data(), data + 2, size - 2);
  ray::internal::FetchedValue value;
  std::memcpy(&value.tag, data, 2);
  value.bytes = {reinterpret_cast<const uint8_t*>(units.data()), size - 2};
  read<bool>(value);
  read<int8_t>(value);
  read<uint64_t>(value);
  read<float>(value);
  read<std::string>(value);
  read<std::vector<int>>(value);
  read<std::array<bool, 4>>(value);
  read<std::vector<Point>>(value);
  read<Point>(value);
  read<std::any>(value);
  read<std::list<std::string>>(value);
  read<std::map<std::string, std::vector<double>>>(value);
  read<std::tuple<int, std::string, std::optional<double>>>(value);
  read<std::variant<int, std::string>>(value);
  read<Person>(value);
  read<ray::ObjectRef<std::string>>(value);
  return 0;
}
