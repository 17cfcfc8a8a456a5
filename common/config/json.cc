#include "common/config/json.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "common/base/check.h"

namespace rayd {
namespace {

using Tree = nlohmann::ordered_json;

// Feeds the parser and counts what it took, which is where a mistake found by a Builder lies.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, const char** reached) : at_(at), reached_(reached) {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    ++at_;
    if (reached_ != nullptr) *reached_ = at_;
    return *this;
  }
  bool operator==(const CountingIterator& other) const { return at_ == other.at_; }
  bool operator!=(const CountingIterator& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  const char** reached_;
};

// `taken` counts the characters read so far; the last of them is where the mistake shows.
std::string at_line_and_column(std::string_view text, size_t taken) {
  const size_t last = std::min(taken, text.size()) - (taken == 0 || text.empty() ? 0 : 1);
  const std::string_view before = text.substr(0, last);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const size_t newline = before.rfind('\n');
  const size_t column = newline == before.npos ? last + 1 : last - newline;
  return "line " + std::to_string(line) + ", column " + std::to_string(column) + ": ";
}

// The library's text without its own name and position, and not longer than a line.
std::string shorten(std::string_view what) {
  if (const size_t at = what.find(": syntax error"); at != what.npos) {
    what = what.substr(at + 2);
  } else if (const size_t close = what.find("] "); close != what.npos) {
    what = what.substr(close + 2);
  }
  constexpr size_t kLongest = 160;
  return what.size() <= kLongest ? std::string(what) : std::string(what.substr(0, kLongest)) + "…";
}

// Builds a Json from the parser's events. Open containers lie on a stack, so a value is moved into
// its parent when it ends; returning false ends the parse.
class Builder {
 public:
  Builder(std::string_view text, const char* const* reached, size_t depth)
      : text_(text), reached_(reached), depth_(depth) {}

  bool null() { return add(nullptr); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(int64_t value) { return add(value); }
  bool number_unsigned(uint64_t value) { return add(value); }
  bool number_float(double value, const std::string&) { return add(value); }
  bool string(std::string& value) { return add(std::move(value)); }
  bool binary(Tree::binary_t&) { return fail("binary data"); }
  bool start_object(size_t) { return open(Json::Object{}); }
  bool key(std::string& name) {
    open_.back().key = std::move(name);
    return true;
  }
  bool end_object() {
    std::vector<std::string_view> keys;
    for (const auto& [key, value] : *open_.back().value.object()) keys.push_back(key);
    std::sort(keys.begin(), keys.end());
    const auto twice = std::adjacent_find(keys.begin(), keys.end());
    if (twice != keys.end()) return fail("the key '" + std::string(*twice) + "' appears twice");
    return close();
  }
  bool start_array(size_t) { return open(Json::Array{}); }
  bool end_array() { return close(); }
  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception& error) {
    error_ = at_line_and_column(text_, position) + shorten(error.what());
    return false;
  }

  const std::string& error() const { return error_; }
  Json take() { return std::move(root_); }

 private:
  struct Open {
    Json value;
    std::string key;  // of the member being read, if the value is an object
  };

  bool fail(const std::string& text) {
    error_ = at_line_and_column(text_, static_cast<size_t>(*reached_ - text_.data())) + text;
    return false;
  }
  bool open(Json empty) {
    if (open_.size() == depth_) {
      return fail("nested deeper than " + std::to_string(depth_) + " levels");
    }
    open_.push_back({std::move(empty), {}});
    return true;
  }
  bool add(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (Json::Array* array = open_.back().value.array()) {
      array->push_back(std::move(value));
    } else {
      open_.back().value.object()->emplace_back(std::move(open_.back().key), std::move(value));
    }
    return true;
  }
  bool close() {
    Json done = std::move(open_.back().value);
    open_.pop_back();
    return add(std::move(done));
  }

  std::string_view text_;
  const char* const* reached_;
  size_t depth_;
  std::vector<Open> open_;
  Json root_;
  std::string error_;
};

Tree to_tree(const Json& value) {
  switch (value.kind()) {
    case Json::Kind::kNull: return nullptr;
    case Json::Kind::kBool: return *value.boolean();
    case Json::Kind::kInteger: return *value.integer();
    case Json::Kind::kUnsigned: return *value.unsigned_integer();
    case Json::Kind::kDouble: return *value.number();
    case Json::Kind::kString: return *value.string();
    case Json::Kind::kArray: {
      Tree tree = Tree::array();
      for (const Json& item : *value.array()) tree.push_back(to_tree(item));
      return tree;
    }
    case Json::Kind::kObject: {
      // Straight into the vector beneath: ordered_json's own insertion searches linearly.
      Tree::object_t members;
      for (const auto& [key, item] : *value.object()) {
        static_cast<std::vector<Tree::object_t::value_type>&>(members).emplace_back(key,
                                                                                    to_tree(item));
      }
      return members;
    }
  }
  return nullptr;
}

}  // namespace

std::optional<bool> Json::boolean() const {
  const bool* value = std::get_if<bool>(&value_);
  return value == nullptr ? std::nullopt : std::optional(*value);
}

std::optional<int64_t> Json::integer() const {
  if (const int64_t* value = std::get_if<int64_t>(&value_)) return *value;
  const double* value = std::get_if<double>(&value_);
  if (value != nullptr && *value >= -0x1p63 && *value < 0x1p63 && std::trunc(*value) == *value) {
    return static_cast<int64_t>(*value);
  }
  return std::nullopt;
}

std::optional<uint64_t> Json::unsigned_integer() const {
  if (const uint64_t* value = std::get_if<uint64_t>(&value_)) return *value;
  if (const auto value = integer()) {
    return *value < 0 ? std::nullopt : std::optional(static_cast<uint64_t>(*value));
  }
  const double* value = std::get_if<double>(&value_);
  if (value != nullptr && *value >= 0x1p63 && *value < 0x1p64) return static_cast<uint64_t>(*value);
  return std::nullopt;
}

std::optional<double> Json::number() const {
  if (const double* value = std::get_if<double>(&value_)) return *value;
  if (const int64_t* value = std::get_if<int64_t>(&value_)) return static_cast<double>(*value);
  if (const uint64_t* value = std::get_if<uint64_t>(&value_)) return static_cast<double>(*value);
  return std::nullopt;
}

const Json* Json::find(std::string_view key) const {
  const Object* members = object();
  if (members == nullptr) return nullptr;
  for (const auto& [name, value] : *members) {
    if (name == key) return &value;
  }
  return nullptr;
}

const Json& Json::operator[](std::string_view key) const {
  static const Json kNothing;
  const Json* found = find(key);
  return found == nullptr ? kNothing : *found;
}

Json& Json::set(std::string key, Json value) {
  if (is_null()) value_ = Object{};
  RAY_CHECK(object() != nullptr);
  for (auto& [name, member] : *object()) {
    if (name != key) continue;
    member = std::move(value);
    return *this;
  }
  object()->emplace_back(std::move(key), std::move(value));
  return *this;
}

Json& Json::push(Json value) {
  if (is_null()) value_ = Array{};
  RAY_CHECK(array() != nullptr);
  array()->push_back(std::move(value));
  return *this;
}

Result<Json> Json::parse(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.bytes) {
    return Error{ErrorCode::kInvalidArgument, "longer than " + std::to_string(limits.bytes) +
                                                  " bytes (" + std::to_string(text.size()) + ")"};
  }
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const char* reached = begin;
  Builder builder(text, &reached, limits.depth);
  if (!Tree::sax_parse(CountingIterator(begin, &reached), CountingIterator(end, nullptr),
                       &builder)) {
    return Error{ErrorCode::kInvalidArgument, builder.error()};
  }
  return builder.take();
}

std::string Json::dump(JsonStyle style) const {
  return to_tree(*this).dump(style == JsonStyle::kPretty ? 2 : -1, ' ', false,
                             Tree::error_handler_t::replace);
}

std::string_view describe(Json::Kind kind) {
  switch (kind) {
    case Json::Kind::kNull: return "null";
    case Json::Kind::kBool: return "true or false";
    case Json::Kind::kInteger:
    case Json::Kind::kUnsigned: return "an integer";
    case Json::Kind::kDouble: return "a number";
    case Json::Kind::kString: return "a string";
    case Json::Kind::kArray: return "an array";
    case Json::Kind::kObject: return "an object";
  }
  return "null";
}

}  // namespace rayd
