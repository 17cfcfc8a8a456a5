#include "cli/values.h"

#include "cli/cpp_type.h"
#include "tests/unit/catch.h"

namespace {

using namespace rayd;
using namespace rayd::cli;
using ray::internal::ElementType;
using ray::internal::make_tag;
using ray::internal::ValueKind;

constexpr const char* kVectorOfInt = "std::vector<int, std::allocator<int> >";
constexpr const char* kString = "std::string";

Value value(std::string_view type, std::string_view word) {
  auto made = value_of_word(type, word);
  INFO(word << (made ? "" : ": " + made.error().message));
  REQUIRE(made.ok());
  CHECK(made->kind == Value::Kind::kInline);
  CHECK(made->size == made->bytes.size());
  return *made;
}
std::string mistake(std::string_view type, std::string_view word) {
  const auto made = value_of_word(type, word);
  REQUIRE_FALSE(made.ok());
  CHECK(made.error().code == ErrorCode::kInvalidArgument);
  return made.error().message;
}
/// There and back.
std::string shown(std::string_view type, std::string_view word) {
  return json_of_value(value(type, word))->dump();
}
Value raw(uint16_t tag, std::vector<uint8_t> bytes) {
  Value made;
  made.kind = Value::Kind::kInline;
  made.tag = tag;
  made.size = bytes.size();
  made.bytes = Bytes::copy(bytes);
  return made;
}

}  // namespace

TEST_CASE("numbers become raw scalars of the parameter's type") {
  CHECK(value("int", "4").tag == make_tag(ValueKind::kScalar, ElementType::kInt32));
  CHECK(value("int", "-2").bytes.text() == std::string_view("\xFE\xFF\xFF\xFF", 4));
  CHECK(value("unsigned char", "255").bytes.text() == "\xFF");
  CHECK(value("double", "0.5").tag == make_tag(ValueKind::kScalar, ElementType::kFloat64));
  CHECK(value("long double", "1").bytes.size() == 16);
  CHECK(value("bool", "true").bytes.text() == std::string_view("\1", 1));
}

TEST_CASE("every scalar that goes in comes back") {
  CHECK(shown("long", "-9223372036854775808") == "-9223372036854775808");
  CHECK(shown("unsigned long", "18446744073709551615") == "18446744073709551615");
  CHECK(shown("short", "-32768") == "-32768");
  CHECK(shown("signed char", "-128") == "-128");
  CHECK(shown("float", "0.5") == "0.5");
  CHECK(shown("double", "-.5") == "-0.5");
  CHECK(shown("double", "3") == "3.0");
  CHECK(shown("long double", "1.25") == "1.25");
  CHECK(shown("bool", "false") == "false");
  CHECK(shown("char", "x") == "\"x\"");
  CHECK(shown("char", "65") == "\"A\"");
}

TEST_CASE("a number that does not fit is refused with the range") {
  CHECK(mistake("int", "2147483648") ==
        "wants an integer from -2147483648 to 2147483647 (int), got '2147483648'");
  CHECK(mistake("unsigned char", "-1").starts_with("wants an integer from 0 to 255"));
  CHECK(mistake("unsigned long", "-1")
            .starts_with("wants an integer from 0 to 18446744073709551615"));
  CHECK(mistake("int", "1.5").starts_with("wants an integer"));
  CHECK(mistake("int", "four").starts_with("wants an integer"));
  CHECK(mistake("float", "1e39").starts_with("wants a number (float)"));
  CHECK(mistake("double", "\"1\"").starts_with("wants a number (double)"));
  CHECK(mistake("bool", "1").starts_with("wants true or false"));
}

TEST_CASE("a string takes the word as it is") {
  CHECK(value(kString, "[1,2]").tag == ray::internal::kTextTag);
  CHECK(value(kString, "[1,2]").bytes.text() == "[1,2]");
  CHECK(value(kString, "").bytes.text().empty());
  CHECK(shown(kString, "\"quoted\"") == "\"\\\"quoted\\\"\"");
  CHECK(shown("std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >",
              "x") == "\"x\"");
}

TEST_CASE("a vector of numbers is a raw array") {
  const Value made = value(kVectorOfInt, "[1, 2, -3]");
  CHECK(made.tag == make_tag(ValueKind::kArray, ElementType::kInt32));
  CHECK(made.bytes.size() == 12);
  CHECK(shown(kVectorOfInt, "[1,2,-3]") == "[1,2,-3]");
  CHECK(shown(kVectorOfInt, "[]") == "[]");
  CHECK(mistake(kVectorOfInt, "[1, 2.5]").find("but an item wants an integer") !=
        std::string::npos);
  CHECK(mistake(kVectorOfInt, "{}").starts_with("wants vector<int>: a JSON array"));
  CHECK(mistake(kVectorOfInt, "1,2").starts_with("wants vector<int>"));
}

TEST_CASE("everything else travels as MessagePack, checked as far as its type is known") {
  const std::string map =
      "std::map<std::string, double, std::less<std::string>, "
      "std::allocator<std::pair<std::string const, double> > >";
  CHECK(value(map, R"({"a": 1})").tag == ray::internal::kMsgpackTag);
  CHECK(shown(map, R"({"a":1,"b":0.5})") == R"({"a":1,"b":0.5})");
  CHECK(mistake(map, R"({"a": "x"})").find("'a' wants a number") != std::string::npos);
  CHECK(shown("std::vector<bool, std::allocator<bool> >", "[true,false]") == "[true,false]");
  CHECK(shown("std::optional<int>", "null") == "null");
  CHECK(mistake("std::optional<int>", "\"x\"").starts_with("wants an integer"));
  CHECK(shown("std::tuple<int, std::string>", R"([1,"x"])") == R"([1,"x"])");
  CHECK(mistake("std::pair<int, int>", "[1]").find("a JSON array of 2") != std::string::npos);
  CHECK(mistake("std::array<int, 3ul>", "[1,2]").find("that length") != std::string::npos);
  CHECK(shown("std::array<int, 2ul>", "[1,2]") == "[1,2]");
  CHECK(shown("my::Point", R"({"x":1})") == R"({"x":1})");
  CHECK(mistake("my::Point", "(1,2)").starts_with("wants my::Point as JSON"));
  CHECK(mistake("std::map<int, int, std::less<int>, std::allocator<std::pair<int const, int> > >",
                "{}")
            .find("text as keys") != std::string::npos);
}

TEST_CASE("a reference cannot be given from the shell yet") {
  CHECK(mistake("ray::ObjectRef<int>", "obj-1.2.3.0").find("ObjectRef") != std::string::npos);
}

TEST_CASE("all arguments are judged together, and so is their number") {
  const auto made = values_of_words({"int", kString, "double"}, {"x", "y", "z"}, "f");
  REQUIRE_FALSE(made.ok());
  CHECK(made.error().message.find("argument 1 of f wants an integer") != std::string::npos);
  CHECK(made.error().message.find("argument 3 of f wants a number") != std::string::npos);
  CHECK(made.error().message.find("argument 2") == std::string::npos);
  CHECK(values_of_words({"int", kVectorOfInt}, {"1"}, "f").error().message ==
        "f(int, vector<int>) takes 2 arguments, got 1");
  CHECK(values_of_words({kString}, {std::string(70'000, 'x')}, "f")
            .error()
            .message.find("at most 65536 bytes") != std::string::npos);
  CHECK(values_of_words({}, {}, "f")->empty());
}

TEST_CASE("results are shown as JSON by their tags") {
  CHECK(json_of_value(raw(ray::internal::kNilTag, {}))->is_null());
  CHECK(json_of_value(raw(ray::internal::kTextTag, {'h', 'i'}))->dump() == "\"hi\"");
  CHECK(json_of_value(raw(ray::internal::kTextTag, {0xFF, 0xFE}))->dump() ==
        R"({"$bytes":"//4="})");
  CHECK(json_of_value(raw(make_tag(ValueKind::kArray, ElementType::kByte), {1, 2}))->dump() ==
        R"({"$bytes":"AQI="})");
  CHECK(json_of_value(raw(make_tag(ValueKind::kArray, ElementType::kUInt8), {1, 2}))->dump() ==
        "[1,2]");
  CHECK(json_of_value(raw(make_tag(ValueKind::kRecord), {1}))->dump() == R"({"$bytes":"AQ=="})");
  CHECK(json_of_value(raw(ray::internal::kMsgpackTag, {0x92, 0x01, 0xC0}))->dump() == "[1,null]");
}

TEST_CASE("bytes that are not what their tag says are an error, not a crash") {
  const Value short_scalar = raw(make_tag(ValueKind::kScalar, ElementType::kInt64), {1, 2});
  CHECK(json_of_value(short_scalar).error().code == ErrorCode::kCorrupt);
  const Value odd_array = raw(make_tag(ValueKind::kArray, ElementType::kInt16), {1, 2, 3});
  CHECK_FALSE(json_of_value(odd_array).ok());
  CHECK_FALSE(json_of_value(raw(ray::internal::kMsgpackTag, {0x92, 0x01})).ok());
  CHECK_FALSE(json_of_value(raw(0xFFFF, {1})).ok());
}

TEST_CASE("demangled types are taken apart and shown short") {
  const CppType type = parse_cpp_type(
      "std::map<std::string, std::vector<int, std::allocator<int> >, std::less<std::string>, "
      "std::allocator<std::pair<std::string const, std::vector<int, std::allocator<int> > > > >");
  CHECK(type.name == "map");
  REQUIRE(type.arguments.size() == 4);
  CHECK(type.arguments[1].name == "vector");
  CHECK(short_name(type) == "map<string, vector<int>>");
  CHECK(short_name(parse_cpp_type("ns::Box<int, long>")) == "ns::Box<int, long>");
  CHECK(parse_cpp_type("unsigned long").name == "unsigned long");
  CHECK(parse_cpp_type("").name.empty());
}

TEST_CASE("a function's type is shown as a person writes it") {
  CHECK(short_signature("long (*)(long)") == "long (long)");
  CHECK(short_signature("void (*)()") == "void ()");
  CHECK(short_signature("std::vector<double, std::allocator<double> > (*)(std::vector<double, "
                        "std::allocator<double> >, double)") ==
        "vector<double> (vector<double>, double)");
  CHECK(short_signature("int (ns::Counter::*)(int, std::string) const") == "int (int, string)");
  CHECK(short_signature("main::{lambda(int)#1}") == "main::{lambda(int)#1}");
}
