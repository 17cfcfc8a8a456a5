// Json: a small JSON value, read from text or MessagePack and written back. The edges of the system
// (command line, parameters, settings) use it; nothing inside speaks JSON.
//
// The only door to nlohmann/json and to MessagePack-as-JSON: neither library shows here, so that
// including this costs nothing. A plain value: no sharing, no threads of its own. Objects keep the
// order in which members were added, so what is written is stable; find() is linear.
//
// Numbers: an integer that fits is kInteger, one in 2^63 … 2^64−1 is kUnsigned, everything else is
// kDouble. Not-a-number and the infinities are written as null, as JSON has no word for them.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace rayd {

/// What a reader accepts. Depth counts open arrays and objects; it bounds the stack of every
/// recursion over the value, so keep it small.
struct JsonLimits {
  size_t bytes = size_t{64} << 20;
  size_t depth = 64;
};

enum class JsonStyle : uint8_t { kCompact, kPretty };

class Json {
 public:
  enum class Kind : uint8_t {
    kNull,
    kBool,
    kInteger,
    kUnsigned,
    kDouble,
    kString,
    kArray,
    kObject,
  };
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;

  Json() = default;
  Json(std::nullptr_t) {}
  template <std::same_as<bool> T>
  Json(T value) : value_(value) {}
  template <std::signed_integral T>
  Json(T value) : value_(static_cast<int64_t>(value)) {}
  template <std::unsigned_integral T>
  requires(!std::same_as<T, bool>) Json(T value) {
    if (static_cast<uint64_t>(value) <= static_cast<uint64_t>(INT64_MAX)) {
      value_ = static_cast<int64_t>(value);
    } else {
      value_ = static_cast<uint64_t>(value);
    }
  }
  template <std::floating_point T>
  Json(T value) : value_(static_cast<double>(value)) {}
  Json(const char* text) : value_(std::string(text)) {}
  Json(std::string_view text) : value_(std::string(text)) {}
  Json(std::string text) : value_(std::move(text)) {}
  Json(Array items) : value_(std::move(items)) {}
  Json(Object members) : value_(std::move(members)) {}

  Kind kind() const { return static_cast<Kind>(value_.index()); }
  bool is_null() const { return kind() == Kind::kNull; }
  bool is_number() const { return kind() >= Kind::kInteger && kind() <= Kind::kDouble; }

  /// The value, if it is of that kind. Integers are exact: 1e3 is one, 1.5 and 2^64 are none.
  std::optional<bool> boolean() const;
  std::optional<int64_t> integer() const;
  std::optional<uint64_t> unsigned_integer() const;
  std::optional<double> number() const;
  const std::string* string() const { return std::get_if<std::string>(&value_); }
  const Array* array() const { return std::get_if<Array>(&value_); }
  const Object* object() const { return std::get_if<Object>(&value_); }
  Array* array() { return std::get_if<Array>(&value_); }
  Object* object() { return std::get_if<Object>(&value_); }

  /// The member of that name; null where there is none or this is no object.
  const Json* find(std::string_view key) const;
  const Json& operator[](std::string_view key) const;

  /// Adds or replaces a member. Precondition: an object, or null, which becomes one.
  Json& set(std::string key, Json value);
  /// Adds an item. Precondition: an array, or null, which becomes one.
  Json& push(Json value);

  /// kInvalidArgument with line and column. Repeated keys are refused.
  static Result<Json> parse(std::string_view text, const JsonLimits& limits = {});
  /// Bytes that are no UTF-8 become U+FFFD. kPretty indents by two spaces.
  std::string dump(JsonStyle style = JsonStyle::kCompact) const;

  bool operator==(const Json&) const = default;

 private:
  std::variant<std::nullptr_t, bool, int64_t, uint64_t, double, std::string, Array, Object> value_ =
      nullptr;
};

/// "null", "an integer", "a string" … for messages.
std::string_view describe(Json::Kind kind);

/// Reads exactly one MessagePack value. What JSON lacks is shown so that json_to_msgpack restores
/// it: bin as {"$bytes": BASE64}, ext as {"$ext": TYPE, "$bytes": BASE64}. Keys that are no strings
/// become their text; a map with a compound key, or with two keys of one text, becomes an array of
/// [key, value]. kCorrupt if the bytes are cut, over a limit or followed by others.
Result<Json> json_from_msgpack(ByteSpan bytes, const JsonLimits& limits = {});
std::vector<uint8_t> json_to_msgpack(const Json& value);

/// Standard base64 with padding. The inverse refuses everything else (kInvalidArgument).
std::string base64_encode(ByteSpan bytes);
Result<std::vector<uint8_t>> base64_decode(std::string_view text);

}  // namespace rayd
