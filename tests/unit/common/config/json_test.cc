#include "common/config/json.h"

#include <cmath>
#include <limits>

#include "tests/unit/catch.h"

using namespace rayd;

namespace {

std::vector<uint8_t> bytes_of(std::initializer_list<int> values) {
  std::vector<uint8_t> bytes;
  for (const int value : values) bytes.push_back(static_cast<uint8_t>(value));
  return bytes;
}

std::string shown(std::initializer_list<int> values) {
  const auto json = json_from_msgpack(bytes_of(values));
  return json.ok() ? json->dump() : "refused: " + json.error().message;
}

}  // namespace

TEST_CASE("a JSON text reads back as it was written, members in their order") {
  const std::string text =
      R"({"z":1,"a":[true,false,null,-5,18446744073709551615,0.1,"né\"\n"],"m":{},"e":[]})";
  const auto json = Json::parse(text);
  REQUIRE(json.ok());
  CHECK(json->dump() == text);
  CHECK(*Json::parse(json->dump(JsonStyle::kPretty)) == *json);
}

TEST_CASE("pretty JSON indents by two spaces") {
  CHECK(Json(Json::Object{{"a", Json::Array{1}}}).dump(JsonStyle::kPretty) ==
        "{\n  \"a\": [\n    1\n  ]\n}");
}

TEST_CASE("a mistake in a JSON text is told by line and column") {
  CHECK(Json::parse("{\n  \"a\": tru\n}").error().message ==
        "line 2, column 11: syntax error while parsing value - invalid literal; last read: "
        "'\"a\": tru<U+000A>'");
  CHECK(Json::parse("").error().message.starts_with("line 1, column 1: syntax error"));
  CHECK(Json::parse("{\"a\":1,\n\"a\":2}").error().message ==
        "line 2, column 6: the key 'a' appears twice");
  CHECK(Json::parse("1 2").error().code == ErrorCode::kInvalidArgument);
  CHECK_FALSE(Json::parse("1e999").ok());
  CHECK_FALSE(Json::parse("\"\xff\"").ok());
}

TEST_CASE("a very long mistake is shortened") {
  const auto json = Json::parse("[" + std::string(100'000, 'x'));
  REQUIRE_FALSE(json.ok());
  CHECK(json.error().message.size() < 300);
}

TEST_CASE("JSON deeper or longer than its limits is refused before it costs stack") {
  const std::string deep(1'000'000, '[');
  CHECK(Json::parse(deep).error().message == "line 1, column 65: nested deeper than 64 levels");
  CHECK(Json::parse("[[1]]", {.depth = 2}).ok());
  CHECK_FALSE(Json::parse("[[[1]]]", {.depth = 2}).ok());
  CHECK_FALSE(Json::parse("[1,2]", {.bytes = 4}).ok());
}

TEST_CASE("numbers keep their kind and convert only exactly") {
  CHECK(Json(uint64_t{7}) == Json(7));
  CHECK(Json(UINT64_MAX).kind() == Json::Kind::kUnsigned);
  CHECK_FALSE(Json(UINT64_MAX).integer());
  CHECK(Json(UINT64_MAX).unsigned_integer() == UINT64_MAX);
  CHECK(Json(1e3).integer() == 1000);
  CHECK_FALSE(Json(1.5).integer());
  CHECK_FALSE(Json(0x1p63).integer());
  CHECK(Json(0x1p63).unsigned_integer() == uint64_t{1} << 63);
  CHECK_FALSE(Json(0x1p64).unsigned_integer());
  CHECK_FALSE(Json(-1).unsigned_integer());
  CHECK_FALSE(Json(std::nan("")).integer());
  CHECK_FALSE(Json("1").number());
}

TEST_CASE("what JSON has no word for is written as null, and bad UTF-8 as a replacement") {
  CHECK(Json(std::numeric_limits<double>::infinity()).dump() == "null");
  CHECK(Json("a\xff").dump() == "\"a\xef\xbf\xbd\"");
}

TEST_CASE("set replaces a member in its place and find says what is missing") {
  Json json;
  json.set("a", 1).set("b", 2).set("a", 3);
  CHECK(json.dump() == R"({"a":3,"b":2})");
  CHECK(json.find("c") == nullptr);
  CHECK(json["c"].is_null());
  CHECK(json["a"]["b"].is_null());
}

TEST_CASE("MessagePack becomes JSON and the same MessagePack again") {
  const auto json = Json::parse(
      R"({"a":[1,-1,1.5,true,null,18446744073709551615,9223372036854775807],"b":{"c":"é"}})");
  REQUIRE(json.ok());
  const auto back = json_from_msgpack(json_to_msgpack(*json));
  REQUIRE(back.ok());
  CHECK(*back == *json);
}

TEST_CASE("bytes and extensions of MessagePack survive the way through JSON") {
  for (const auto& bytes : {bytes_of({0xc4, 3, 1, 2, 255}), bytes_of({0xc4, 0}),
                            bytes_of({0xd4, 0xff, 9}), bytes_of({0xc7, 3, 5, 1, 2, 3})}) {
    const auto json = json_from_msgpack(bytes);
    REQUIRE(json.ok());
    CHECK(json_to_msgpack(*json) == bytes);
  }
  CHECK(shown({0xc4, 3, 1, 2, 255}) == R"({"$bytes":"AQL/"})");
  CHECK(shown({0xd4, 0xff, 9}) == R"({"$ext":-1,"$bytes":"CQ=="})");
}

TEST_CASE("an object that only looks like bytes stays an object") {
  for (const char* text : {R"({"$bytes":"A"})", R"({"$bytes":"AQL/","x":1})",
                           R"({"$ext":300,"$bytes":"AQL/"})", R"({"$bytes":1})"}) {
    const auto json = Json::parse(text);
    CHECK(json_from_msgpack(json_to_msgpack(*json))->dump() == text);
  }
}

TEST_CASE("maps with keys that are no strings are shown by their text or as pairs") {
  CHECK(shown({0x82, 1, 0xc3, 0xa1, 'k', 2}) == R"({"1":true,"k":2})");
  CHECK(shown({0x81, 0x91, 1, 2}) == "[[[1],2]]");
  CHECK(shown({0x82, 1, 2, 0xa1, '1', 3}) == R"([[1,2],["1",3]])");
}

TEST_CASE("a float is shown as a person would write it") {
  CHECK(shown({0xca, 0x3d, 0xcc, 0xcc, 0xcd}) == "0.1");
}

TEST_CASE("a whole double stays a double in MessagePack") {
  CHECK(json_to_msgpack(Json(-2.0)) == bytes_of({0xcb, 0xc0, 0, 0, 0, 0, 0, 0, 0}));
  CHECK(shown({0xcb, 0xc0, 0, 0, 0, 0, 0, 0, 0}) == "-2.0");
}

TEST_CASE("MessagePack that is cut, too deep or followed by more is refused") {
  CHECK(shown({}) == "refused: no bytes");
  CHECK(shown({0x92, 1}).starts_with("refused: cut after byte"));
  CHECK(shown({0xdb, 0xff, 0xff, 0xff, 0xff, 'x'}).starts_with("refused: cut after byte"));
  CHECK(shown({0xc1}).starts_with("refused: no MessagePack at byte"));
  CHECK(shown({1, 2}) == "refused: more bytes follow at 1");
  const std::vector<uint8_t> deep(1'000'000, 0x91);
  CHECK(json_from_msgpack(deep).error().message == "nested deeper than 64 levels");
  CHECK(json_from_msgpack(bytes_of({0x91, 1}), {.bytes = 1}).error().code == ErrorCode::kCorrupt);
}

TEST_CASE("base64 reads back and refuses every other text") {
  std::vector<uint8_t> bytes;
  for (int i = 0; i < 10; ++i) {
    CHECK(*base64_decode(base64_encode(bytes)) == bytes);
    bytes.push_back(static_cast<uint8_t>(250 + i));
  }
  CHECK(base64_encode(bytes_of({'M', 'a'})) == "TWE=");
  for (const char* text :
       {"A", "AB=", "====", "A===", "AB=C", "AB==AAAA", "AB\n=", "AR==", "AAB="}) {
    INFO(text);
    CHECK_FALSE(base64_decode(text).ok());
  }
}
