// How values travel: what is raw, what is MessagePack, and what reads as what.
#include <any>
#include <array>
#include <chrono>
#include <deque>
#include <forward_list>
#include <limits>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <variant>

#include "tests/unit/catch.h"
#include "tests/unit/client/api_round_trip.h"

using namespace ray::internal;

namespace {

enum class Colour : uint8_t { kRed = 1, kBlue = 200 };
enum Plain { kOne = 1, kMinus = -1 };

struct Point {
  double x = 0, y = 0;
  bool operator==(const Point&) const = default;
};
RAY_RAW(Point);

/// Raw, and without a default constructor.
struct Cell {
  explicit Cell(int n) : number(n) {}
  int number;
  bool operator==(const Cell&) const = default;
};
RAY_RAW(Cell);

struct DerivedPoint : Point {
  std::string name;
};

struct Person {
  std::string name;
  int age = 0;
  Colour colour = Colour::kRed;
  std::vector<Point> path;
  std::optional<std::variant<int, std::string>> extra;
  MSGPACK_DEFINE(name, age, colour, path, extra)
  bool operator==(const Person&) const = default;
};

struct Tree {
  int value = 0;
  std::vector<Tree> children;
  MSGPACK_DEFINE(value, children)
  bool operator==(const Tree&) const = default;
};

/// Not default constructible: travels by msgpack::adaptor::as.
struct Named {
  explicit Named(std::string n) : name(std::move(n)) {}
  std::string name;
  template <class Packer>
  void msgpack_pack(Packer& packer) const {
    packer.pack(name);
  }
};

}  // namespace

template <>
struct msgpack::adaptor::as<Named> {
  Named operator()(const msgpack::object& object) const { return Named(object.as<std::string>()); }
};

TEST_CASE("a type's tag says its kind and element") {
  CHECK(tag_of<void>() == kNilTag);
  CHECK(tag_of<int>() == make_tag(ValueKind::kScalar, ElementType::kInt32));
  CHECK(tag_of<long>() == tag_of<long long>());
  CHECK(tag_of<Colour>() == make_tag(ValueKind::kScalar, ElementType::kUInt8));
  CHECK(tag_of<std::string>() == kTextTag);
  CHECK(tag_of<std::string_view>() == kTextTag);
  CHECK(tag_of<std::vector<double>>() == make_tag(ValueKind::kArray, ElementType::kFloat64));
  CHECK(tag_of<std::span<const double>>() == tag_of<std::vector<double>>());
  CHECK(tag_of<std::array<std::array<float, 3>, 2>>() ==
        make_tag(ValueKind::kArray, ElementType::kFloat32));
  CHECK(tag_of<Point>() == make_tag(ValueKind::kRecord));
  CHECK(tag_of<std::vector<Point>>() == make_tag(ValueKind::kRecords));
  CHECK(tag_of<std::vector<bool>>() == kMsgpackTag);
  CHECK(tag_of<std::vector<std::string>>() == kMsgpackTag);
  CHECK(tag_of<Person>() == kMsgpackTag);
  CHECK_FALSE(RawRecord<DerivedPoint>);
}

TEST_CASE("a raw value's bytes are its own memory") {
  const std::vector<double> numbers(1000, 1.5);
  NoBuffer none;
  const SerializedValue value = pack_value(numbers, none);
  CHECK(static_cast<const void*>(value.bytes.data()) == numbers.data());
  CHECK(value.bytes.size() == 8000);
}

TEST_CASE("numbers of every type come back") {
  CHECK(round_trip(true));
  CHECK(round_trip('x') == 'x');
  CHECK(round_trip(std::byte{7}) == std::byte{7});
  CHECK(round_trip<int8_t>(-128) == -128);
  CHECK(round_trip<uint16_t>(65535) == 65535);
  CHECK(round_trip(std::numeric_limits<int64_t>::min()) == std::numeric_limits<int64_t>::min());
  CHECK(round_trip(std::numeric_limits<uint64_t>::max()) == std::numeric_limits<uint64_t>::max());
  CHECK(round_trip(1.5f) == 1.5f);
  CHECK(round_trip(-0.1) == -0.1);
  CHECK(round_trip(static_cast<long double>(0.1L)) == 0.1L);
  CHECK(round_trip(Colour::kBlue) == Colour::kBlue);
  CHECK(round_trip(kMinus) == kMinus);
  CHECK(round_trip(U'√') == U'√');
}

TEST_CASE("integers of 2^32 and more are not mistaken for anything else") {
  // Ray guesses the kind from the bytes and throws for some of these.
  for (int64_t n = 1; n < (int64_t{1} << 60); n *= 3) {
    CHECK(round_trip(n) == n);
    CHECK(round_trip(-n) == -n);
  }
}

TEST_CASE("contiguous containers come back") {
  CHECK(round_trip(std::string("a\0b", 3)) == std::string("a\0b", 3));
  CHECK(round_trip(std::string()).empty());
  CHECK(round_trip(std::u16string(u"√2")) == u"√2");
  CHECK(round_trip(std::vector<int>{1, 2, 3}) == std::vector<int>{1, 2, 3});
  CHECK(round_trip(std::vector<float>()).empty());
  CHECK(round_trip(std::vector<std::byte>{std::byte{1}}) == std::vector<std::byte>{std::byte{1}});
  CHECK(round_trip(std::array<bool, 2>{true, false}) == std::array<bool, 2>{true, false});
  const std::vector<std::array<double, 3>> rows{{1, 2, 3}, {4, 5, 6}};
  CHECK(round_trip(rows) == rows);
  CHECK(round_trip(Point{1, 2}) == Point{1, 2});
  CHECK(round_trip(std::vector<Point>{{1, 2}, {3, 4}}) == std::vector<Point>{{1, 2}, {3, 4}});
  CHECK(round_trip(Cell(4)) == Cell(4));
  CHECK(round_trip(std::vector<Cell>{Cell(1), Cell(2)}) == std::vector<Cell>{Cell(1), Cell(2)});
}

TEST_CASE("a large array is read in place") {
  auto large = std::make_unique<std::array<int, 1'000'000>>();
  (*large)[999'999] = 7;
  const StoredBytes bytes = stored(*large);
  const auto back = unpack_shared<std::array<int, 1'000'000>>(bytes.fetched());
  CHECK((*back)[999'999] == 7);
}

TEST_CASE("standard containers and own structs come back") {
  CHECK(round_trip(std::vector<bool>{true, false}) == std::vector<bool>{true, false});
  CHECK(round_trip(std::vector<std::string>{"a", ""}) == std::vector<std::string>{"a", ""});
  CHECK(round_trip(std::list<int>{1, 2}) == std::list<int>{1, 2});
  CHECK(round_trip(std::deque<int>{1, 2}) == std::deque<int>{1, 2});
  CHECK(round_trip(std::forward_list<int>{1, 2}) == std::forward_list<int>{1, 2});
  CHECK(round_trip(std::set<int>{1, 2}) == std::set<int>{1, 2});
  CHECK(round_trip(std::unordered_set<std::string>{"a"}) == std::unordered_set<std::string>{"a"});
  CHECK(round_trip(std::map<std::string, double>{{"a", 1.5}}) ==
        std::map<std::string, double>{{"a", 1.5}});
  CHECK(round_trip(std::unordered_map<int, Point>{{1, {2, 3}}}) ==
        std::unordered_map<int, Point>{{1, {2, 3}}});
  CHECK(round_trip(std::pair<bool, std::string>{true, "x"}) ==
        std::pair<bool, std::string>{true, "x"});
  CHECK(round_trip(std::tuple<int, std::string, double>{1, "x", 2}) ==
        std::tuple<int, std::string, double>{1, "x", 2});
  CHECK(round_trip(std::optional<int>()) == std::nullopt);
  CHECK(round_trip(std::optional<int>(4)) == 4);
  CHECK(round_trip(std::wstring(L"wide")) == L"wide");
  const Person person{"tom", 20, Colour::kBlue, {{1, 2}}, std::variant<int, std::string>("more")};
  CHECK(round_trip(person) == person);
  const Tree tree{1, {{2, {}}, {3, {{4, {}}}}}};
  CHECK(round_trip(tree) == tree);
  CHECK(round_trip(Named("n")).name == "n");
  CHECK(round_trip(std::vector<Named>{Named("a"), Named("b")}).at(1).name == "b");
}

TEST_CASE("variants, durations, time points and move-only values come back") {
  using Either = std::variant<int, std::string, std::monostate>;
  CHECK(round_trip(Either(3)) == Either(3));
  CHECK(round_trip(Either("s")) == Either("s"));
  CHECK(round_trip(Either(std::monostate())) == Either(std::monostate()));
  CHECK(round_trip(std::vector<Either>{1, "x"}) == std::vector<Either>{1, "x"});
  CHECK(round_trip(std::variant<int, Named>(Named("v"))).index() == 1);
  CHECK(round_trip(std::chrono::milliseconds(-5)) == std::chrono::milliseconds(-5));
  CHECK(round_trip(std::chrono::duration<double>(0.5)) == std::chrono::duration<double>(0.5));
  const auto now = std::chrono::system_clock::now();
  CHECK(round_trip(now) == now);
  const auto steady = std::chrono::steady_clock::now();
  CHECK(round_trip(steady) == steady);
  CHECK(*round_trip(std::make_unique<int>(5)) == 5);
  CHECK(round_trip(std::unique_ptr<int>()) == nullptr);
  CHECK(*round_trip(std::make_shared<std::string>("p")) == "p");
}

TEST_CASE("an any holds numbers, text, bytes, and arrays and maps of any") {
  const auto back = round_trip(std::vector<std::any>{
      std::any(7), std::any(uint64_t{1} << 63), std::any(-1), std::any(true), std::any(1.5f),
      std::any(std::string("s")), std::any(std::vector<char>{'a'}), std::any()});
  CHECK(std::any_cast<uint64_t>(back[0]) == 7);
  CHECK(std::any_cast<uint64_t>(back[1]) == uint64_t{1} << 63);
  CHECK(std::any_cast<int64_t>(back[2]) == -1);
  CHECK(std::any_cast<bool>(back[3]));
  CHECK(std::any_cast<double>(back[4]) == 1.5);
  CHECK(std::any_cast<std::string>(back[5]) == "s");
  CHECK(std::any_cast<std::vector<char>>(back[6]) == std::vector<char>{'a'});
  CHECK(back[7].type() == typeid(msgpack::type::nil_t));
  const std::map<std::string, std::any> map{{"k", std::vector<std::any>{1}}};
  const auto nested = round_trip(std::any(map));
  const auto inner = std::any_cast<std::map<std::string, std::any>>(nested).at("k");
  CHECK(std::any_cast<std::vector<std::any>>(inner).size() == 1);
  CHECK_THROWS_WITH(round_trip(std::any(Point())), Catch::Contains("Point"));
}

TEST_CASE("numbers read as wider ones, and as narrower ones that hold them") {
  CHECK(read_as<long>(7) == 7);
  CHECK(read_as<double>(7) == 7.0);
  CHECK(read_as<int8_t>(int64_t{-128}) == -128);
  CHECK(read_as<int>(3.0) == 3);
  CHECK(read_as<float>(0.1) == 0.1f);
  CHECK(read_as<int>(true) == 1);
  CHECK(read_as<bool>(1));
  CHECK_THROWS_AS(read_as<int8_t>(128), ray::RayException);
  CHECK_THROWS_AS(read_as<unsigned>(-1), ray::RayException);
  CHECK_THROWS_AS(read_as<int>(int64_t{1} << 32), ray::RayException);
  CHECK_THROWS_AS(read_as<int64_t>(~uint64_t{0}), ray::RayException);
  CHECK_THROWS_AS(read_as<int>(0.5), ray::RayException);
  CHECK_THROWS_AS(read_as<int>(std::numeric_limits<double>::quiet_NaN()), ray::RayException);
  CHECK_THROWS_AS(read_as<uint64_t>(0x1p64), ray::RayException);
  CHECK(read_as<uint64_t>(0x1p63) == uint64_t{1} << 63);
  CHECK_THROWS_AS(read_as<int64_t>(0x1p63), ray::RayException);
  CHECK_THROWS_AS(read_as<double>((int64_t{1} << 53) + 1), ray::RayException);
  CHECK_THROWS_AS(read_as<float>(1e300), ray::RayException);
  CHECK_THROWS_AS(read_as<bool>(2), ray::RayException);
  CHECK_THROWS_WITH(read_as<int8_t>(128),
                    Catch::Contains("scalar of int32") && Catch::Contains("signed char"));
}

TEST_CASE("raw arrays and MessagePack arrays read as each other") {
  CHECK(read_as<std::vector<long>>(std::vector<int>{1, 2}) == std::vector<long>{1, 2});
  CHECK(read_as<std::vector<double>>(std::list<int>{1, 2}) == std::vector<double>{1, 2});
  CHECK(read_as<std::list<int>>(std::vector<int>{1, 2}) == std::list<int>{1, 2});
  CHECK(read_as<std::vector<bool>>(std::array<bool, 2>{true, false}) ==
        std::vector<bool>{true, false});
  CHECK(read_as<std::optional<int>>(5) == 5);
  CHECK(read_as<std::optional<std::string>>(std::string("x")) == "x");
  CHECK(read_as<std::string>(std::optional<std::string>("x")) == "x");
  CHECK(read_as<int>(std::optional<int>(5)) == 5);
  CHECK(std::any_cast<std::string>(read_as<std::any>(std::string("x"))) == "x");
  CHECK(std::any_cast<uint64_t>(read_as<std::any>(7)) == 7);
  CHECK(read_as<std::vector<Point>>(std::list<Point>{{1, 2}}) == std::vector<Point>{{1, 2}});
  CHECK(read_as<Point>(std::optional<Point>(Point{1, 2})) == Point{1, 2});
  const std::vector<std::vector<int>> nested{{1, 2}, {3, 4}};
  CHECK(read_as<std::vector<std::array<int, 2>>>(nested).at(1)[0] == 3);
  CHECK_THROWS_AS((read_as<std::array<int, 3>>(std::vector<int>{1, 2})), ray::RayException);
  CHECK_THROWS_AS(read_as<std::vector<int>>(std::string("text")).at(9), std::exception);
  CHECK_THROWS_AS(read_as<std::vector<int8_t>>(std::vector<int>{1, 128}), ray::RayException);
  CHECK_THROWS_AS(read_as<int>(std::vector<int>{1}), ray::RayException);
  CHECK_THROWS_AS(read_as<Person>(3), ray::RayException);
}

TEST_CASE("a view is the value's memory, or a converted copy of it") {
  const StoredBytes bytes = stored(std::vector<double>{1, 2, 3});
  const auto view = view_value<double>(bytes.fetched());
  CHECK(view.size() == 3);
  CHECK(static_cast<const void*>(view.data()) == bytes.units.data());
  const StoredBytes ints = stored(std::vector<int>{1, 2, 3});
  const auto converted = view_value<double>(ints.fetched());
  CHECK(converted[2] == 3.0);
  FetchedValue shifted = bytes.fetched();  // as if a store did not align
  std::vector<uint8_t> buffer(25);
  std::memcpy(buffer.data() + 1, shifted.bytes.data(), 24);
  shifted.bytes = {buffer.data() + 1, 24};
  CHECK(view_value<double>(shifted)[1] == 2.0);
  CHECK(unpack_value<std::vector<double>>(shifted)[1] == 2.0);
}
