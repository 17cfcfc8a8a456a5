// Json: a value as JSON text, built from ordinary C++ values; what a workload returns becomes one.
//
//   ray::Json::object().set("steps", 100).set("digest", "7057fbc014eaea6d")
//
// Numbers are written in their shortest exact form, members keep the order in which they were set,
// unordered maps are sorted by key: equal values give equal bytes. A double that JSON cannot hold
// is the string "NaN", "Infinity" or "-Infinity"; bytes that are not UTF-8 become U+FFFD.
#pragma once

#include <concepts>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace ray {

class Json;

namespace internal {

void append_json_string(std::string& out, std::string_view text);
void append_json_number(std::string& out, double value);
void append_json_number(std::string& out, float value);
void append_json_number(std::string& out, int64_t value);
void append_json_number(std::string& out, uint64_t value);

template <class T>
concept JsonText = std::convertible_to<const T&, std::string_view>;
template <class T>
concept JsonNumber = std::is_arithmetic_v<T> && !std::same_as<T, bool>;
template <class T>
concept JsonRange = !JsonText<T> && requires(const T& range) {
  range.begin();
  range.end();
  typename T::value_type;
};
template <class T>
concept JsonMap = JsonRange<T> && requires {
  typename T::mapped_type;
} && JsonText<typename T::key_type>;
template <class T>
concept JsonOptional = requires(const T& optional) {
  { optional.has_value() } -> std::same_as<bool>;
  *optional;
};
template <class T>
concept JsonTuple = !JsonRange<T> && requires {
  std::tuple_size<T>::value;
};
/// A type of the user's own with a member `ray::Json json() const`.
template <class T>
concept JsonOwn = requires(const T& value) {
  { value.json() } -> std::same_as<Json>;
};

}  // namespace internal

template <class T>
concept JsonValue = std::same_as<T, bool> || internal::JsonNumber<T> || internal::JsonText<T> ||
    internal::JsonRange<T> || internal::JsonOptional<T> || internal::JsonTuple<T> ||
    internal::JsonOwn<T>;

class Json {
 public:
  Json() : text_("null") {}
  Json(std::nullptr_t) : text_("null") {}
  template <JsonValue T>
  Json(const T& value) {
    append(text_, value);
  }

  static Json object() { return Json(Literal{}, "{}"); }
  static Json array() { return Json(Literal{}, "[]"); }

  /// Precondition: made by object(), and `key` was not set before.
  Json& set(std::string_view key, const Json& value) {
    open('}');
    internal::append_json_string(text_, key);
    text_ += ':';
    text_ += value.text_;
    text_ += '}';
    return *this;
  }

  /// Precondition: made by array().
  Json& add(const Json& value) {
    open(']');
    text_ += value.text_;
    text_ += ']';
    return *this;
  }

  const std::string& text() const { return text_; }

 private:
  struct Literal {};
  Json(Literal, const char* text) : text_(text) {}

  void open(char closing);

  template <class T>
  static void append(std::string& out, const T& value) {
    if constexpr (std::same_as<T, bool>) {
      out += value ? "true" : "false";
    } else if constexpr (std::floating_point<T>) {
      if constexpr (std::same_as<T, float>) {
        internal::append_json_number(out, value);
      } else {
        internal::append_json_number(out, static_cast<double>(value));
      }
    } else if constexpr (internal::JsonNumber<T>) {
      using Wide = std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>;
      internal::append_json_number(out, static_cast<Wide>(value));
    } else if constexpr (internal::JsonOwn<T>) {
      out += value.json().text();
    } else if constexpr (internal::JsonText<T>) {
      internal::append_json_string(out, std::string_view(value));
    } else if constexpr (internal::JsonMap<T>) {
      append_map(out, value);
    } else if constexpr (internal::JsonRange<T>) {
      append_range(out, value);
    } else if constexpr (internal::JsonOptional<T>) {
      out += value.has_value() ? Json(*value).text_ : "null";
    } else {
      append_tuple(out, value, std::make_index_sequence<std::tuple_size_v<T>>());
    }
  }

  template <class T>
  static void append_map(std::string& out, const T& map) {
    if constexpr (requires { typename T::hasher; }) {
      std::map<std::string_view, Json> sorted;
      for (const auto& [key, value] : map) sorted.emplace(std::string_view(key), Json(value));
      append_map(out, sorted);
    } else {
      char before = '{';
      for (const auto& [key, value] : map) {
        out += std::exchange(before, ',');
        internal::append_json_string(out, std::string_view(key));
        out += ':';
        out += Json(value).text_;
      }
      if (before == '{') out += before;
      out += '}';
    }
  }

  template <class T>
  static void append_range(std::string& out, const T& range) {
    char before = '[';
    for (auto&& element : range) {
      out += std::exchange(before, ',');
      const typename T::value_type& value = element;  // a vector<bool> hands out proxies
      out += Json(value).text_;
    }
    if (before == '[') out += before;
    out += ']';
  }

  template <class T, size_t... I>
  static void append_tuple(std::string& out, const T& tuple, std::index_sequence<I...>) {
    out += '[';
    ((out += I == 0 ? "" : ",", out += Json(std::get<I>(tuple)).text_), ...);
    out += ']';
  }

  std::string text_;
};

}  // namespace ray
