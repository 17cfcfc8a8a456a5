#include "cli/values.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "cli/cpp_type.h"
#include "common/config/quantity.h"

namespace rayd::cli {
namespace {

using ray::internal::element_bytes;
using ray::internal::ElementType;
using ray::internal::make_tag;
using ray::internal::tag_element;
using ray::internal::tag_fits;
using ray::internal::tag_kind;
using ray::internal::ValueKind;

constexpr std::pair<std::string_view, ElementType> kElements[] = {
    {"bool", ElementType::kBool},
    {"char", ElementType::kChar},
    {"byte", ElementType::kByte},
    {"signed char", ElementType::kInt8},
    {"unsigned char", ElementType::kUInt8},
    {"short", ElementType::kInt16},
    {"unsigned short", ElementType::kUInt16},
    {"int", ElementType::kInt32},
    {"unsigned int", ElementType::kUInt32},
    {"long", ElementType::kInt64},
    {"unsigned long", ElementType::kUInt64},
    {"long long", ElementType::kInt64},
    {"unsigned long long", ElementType::kUInt64},
    {"float", ElementType::kFloat32},
    {"double", ElementType::kFloat64},
    {"long double", ElementType::kFloat80},
};

Error wants(const std::string& what, std::string_view given) {
  std::string shown{given.substr(0, 80)};
  if (shown.size() < given.size()) shown += "…";
  return {ErrorCode::kInvalidArgument, "wants " + what + ", got '" + shown + "'"};
}

// ---- numbers ------------------------------------------------------------------------------------

bool is_float(ElementType element) {
  return element == ElementType::kFloat32 || element == ElementType::kFloat64 ||
         element == ElementType::kFloat80;
}

bool is_unsigned(ElementType element) {
  return element == ElementType::kByte ||
         (element >= ElementType::kUInt8 && element <= ElementType::kUInt64);
}

struct IntegerRange {
  int64_t least = 0;
  uint64_t most = 0;
};

IntegerRange range_of(ElementType element) {
  const unsigned bits = static_cast<unsigned>(element_bytes(element)) * 8;
  if (is_unsigned(element)) return {0, bits == 64 ? UINT64_MAX : (uint64_t{1} << bits) - 1};
  return {bits == 64 ? INT64_MIN : -(int64_t{1} << (bits - 1)), (uint64_t{1} << (bits - 1)) - 1};
}

bool fits(ElementType element, const Json& value) {
  if (element == ElementType::kBool) return value.boolean().has_value();
  if (element == ElementType::kFloat32) {
    return value.number() && std::abs(*value.number()) <= std::numeric_limits<float>::max();
  }
  if (is_float(element)) return value.number().has_value();
  const IntegerRange range = range_of(element);
  if (const auto integer = value.integer()) {
    return *integer >= range.least &&
           (*integer < 0 || static_cast<uint64_t>(*integer) <= range.most);
  }
  return value.unsigned_integer() && *value.unsigned_integer() <= range.most;
}

/// Precondition: fits().
void append_number(ElementType element, const Json& value, std::vector<uint8_t>& to) {
  uint8_t bytes[16] = {};
  if (element == ElementType::kBool) {
    bytes[0] = *value.boolean() ? 1 : 0;
  } else if (element == ElementType::kFloat32) {
    const auto number = static_cast<float>(*value.number());
    std::memcpy(bytes, &number, sizeof number);
  } else if (element == ElementType::kFloat64) {
    const double number = *value.number();
    std::memcpy(bytes, &number, sizeof number);
  } else if (element == ElementType::kFloat80) {
    const long double number = *value.number();
    std::memcpy(bytes, &number, 10);
  } else {
    const auto integer = value.integer();
    const uint64_t bits =
        integer ? static_cast<uint64_t>(*integer) : value.unsigned_integer().value_or(0);
    std::memcpy(bytes, &bits, sizeof bits);  // little-endian: the low bytes come first
  }
  to.insert(to.end(), bytes, bytes + element_bytes(element));
}

template <class T>
T load(const uint8_t* from) {
  T value{};
  std::memcpy(&value, from, sizeof value);
  return value;
}

Json number_at(ElementType element, const uint8_t* from) {
  switch (element) {
    case ElementType::kBool: return *from != 0;
    case ElementType::kChar: return std::string(1, static_cast<char>(*from));
    case ElementType::kByte:
    case ElementType::kUInt8: return *from;
    case ElementType::kInt8: return load<int8_t>(from);
    case ElementType::kInt16: return load<int16_t>(from);
    case ElementType::kInt32: return load<int32_t>(from);
    case ElementType::kInt64: return load<int64_t>(from);
    case ElementType::kUInt16: return load<uint16_t>(from);
    case ElementType::kUInt32: return load<uint32_t>(from);
    case ElementType::kUInt64: return load<uint64_t>(from);
    case ElementType::kFloat32: return load<float>(from);
    case ElementType::kFloat64: return load<double>(from);
    case ElementType::kFloat80: {
      long double value = 0;
      std::memcpy(&value, from, 10);
      return static_cast<double>(value);
    }
    case ElementType::kNone: break;
  }
  return nullptr;
}

// ---- arguments ----------------------------------------------------------------------------------

Value make_value(uint16_t tag, ByteSpan bytes) {
  Value value;
  value.kind = Value::Kind::kInline;
  value.tag = tag;
  value.size = bytes.size();
  value.bytes = Bytes::copy(bytes);
  return value;
}

ByteSpan bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

/// A number may be typed as people do (.5, -.5); JSON insists on a digit before the point.
Result<Json> parse_number_word(ElementType element, std::string_view word) {
  if (is_float(element)) {
    const auto number = parse_number(word);
    if (number) return Json{*number};
  }
  return Json::parse(word);
}

Result<Value> scalar(const CppType& type, ElementType element, std::string_view word) {
  std::vector<uint8_t> bytes;
  if (element == ElementType::kChar && word.size() == 1) {
    bytes.push_back(static_cast<uint8_t>(word[0]));
  } else {
    const auto json = parse_number_word(element, word);
    if (!json) return wants(number_mistake(type.name, Json{}), word);
    if (const std::string wrong = number_mistake(type.name, *json); !wrong.empty()) {
      return wants(wrong, word);
    }
    append_number(element, *json, bytes);
  }
  return make_value(make_tag(ValueKind::kScalar, element), bytes);
}

Result<Value> array(ElementType element, const Json::Array& items) {
  std::vector<uint8_t> bytes;
  for (const Json& item : items) append_number(element, item, bytes);
  return make_value(make_tag(ValueKind::kArray, element), bytes);
}

Result<Value> document(const CppType& type, std::string_view word) {
  if (type.name == "ray::ObjectRef" || type.name == "ray::ActorHandle") {
    return Error{ErrorCode::kInvalidArgument,
                 "is a " + short_name(type) + ", which this version cannot give from the shell"};
  }
  const auto json = Json::parse(word);
  if (!json) {
    return wants(short_name(type) + " as JSON (" + json.error().message + ")", word);
  }
  if (const std::string wrong = json_mistake(type, *json); !wrong.empty()) {
    return wants(wrong, word);
  }
  if (type.name == "vector" && json->array() != nullptr) {
    const ElementType element = element_of(type.arguments[0].name);
    if (element != ElementType::kNone && element != ElementType::kBool) {
      return array(element, *json->array());
    }
  }
  return make_value(ray::internal::kMsgpackTag, json_to_msgpack(*json));
}

Json shown_bytes(ByteSpan bytes) {
  Json json{Json::Object{}};
  json.set("$bytes", base64_encode(bytes));
  return json;
}

bool is_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const size_t more = byte < 0x80             ? 0
                        : (byte & 0xE0) == 0xC0 ? 1
                        : (byte & 0xF0) == 0xE0 ? 2
                        : (byte & 0xF8) == 0xF0 ? 3
                                                : 4;
    if (more == 4 || i + more >= text.size()) return false;
    for (size_t k = 1; k <= more; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xC0) != 0x80) return false;
    }
    i += more + 1;
  }
  return true;
}

Json shown_array(ElementType element, ByteSpan bytes) {
  if (element == ElementType::kByte) return shown_bytes(bytes);
  if (element == ElementType::kChar) {
    const std::string_view text{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    return is_utf8(text) ? Json{text} : shown_bytes(bytes);
  }
  Json items{Json::Array{}};
  const size_t size = element_bytes(element);
  for (size_t i = 0; i + size <= bytes.size(); i += size) {
    items.push(number_at(element, bytes.data() + i));
  }
  return items;
}

}  // namespace

ElementType element_of(std::string_view type_name) {
  for (const auto& [name, element] : kElements) {
    if (name == type_name) return element;
  }
  return ElementType::kNone;
}

std::string number_mistake(std::string_view type_name, const Json& value) {
  const ElementType element = element_of(type_name);
  if (fits(element, value)) return {};
  const std::string type{type_name};
  if (element == ElementType::kBool) return "true or false";
  if (is_float(element)) return "a number (" + type + ")";
  if (element == ElementType::kChar) return "one character, or its number";
  const IntegerRange range = range_of(element);
  return "an integer from " + std::to_string(range.least) + " to " + std::to_string(range.most) +
         " (" + type + ")";
}

Result<Value> value_of_word(std::string_view type_text, std::string_view word) {
  const CppType type = parse_cpp_type(type_text);
  if (type.is_string()) return make_value(ray::internal::kTextTag, bytes_of(word));
  if (const ElementType element = element_of(type.name); element != ElementType::kNone) {
    return scalar(type, element, word);
  }
  return document(type, word);
}

Result<std::vector<Value>> values_of_words(const std::vector<std::string>& types,
                                           const std::vector<std::string>& words,
                                           std::string_view function) {
  if (types.size() != words.size()) {
    std::string wanted;
    for (const std::string& type : types) {
      wanted += (wanted.empty() ? "" : ", ") + short_name(parse_cpp_type(type));
    }
    return Error{ErrorCode::kInvalidArgument,
                 std::string(function) + "(" + wanted + ") takes " + std::to_string(types.size()) +
                     (types.size() == 1 ? " argument, got " : " arguments, got ") +
                     std::to_string(words.size())};
  }
  std::vector<Value> values;
  std::string mistakes;
  size_t total = 0;
  for (size_t i = 0; i < words.size(); ++i) {
    auto value = value_of_word(types[i], words[i]);
    if (value) {
      total = std::max<size_t>(total, value->size);
      values.push_back(std::move(*value));
    } else {
      mistakes += (mistakes.empty() ? "" : "\n") + ("argument " + std::to_string(i + 1)) + " of " +
                  std::string(function) + " " + value.error().message;
    }
  }
  if (total > kMaxInlineInPeer) {
    mistakes += (mistakes.empty() ? "" : "\n") +
                ("an argument from the shell has at most " + std::to_string(kMaxInlineInPeer)) +
                " bytes, got " + std::to_string(total);
  }
  if (!mistakes.empty()) return Error{ErrorCode::kInvalidArgument, mistakes};
  return values;
}

Result<Json> json_of_value(const Value& value) {
  const ByteSpan bytes = value.bytes.span();
  if (!tag_fits(value.tag, bytes.size())) {
    return Error{ErrorCode::kCorrupt, "a value of " + std::to_string(bytes.size()) +
                                          " bytes that are not what its tag " +
                                          std::to_string(value.tag) + " says"};
  }
  switch (tag_kind(value.tag)) {
    case ValueKind::kScalar: {
      if (tag_element(value.tag) == ElementType::kChar) {
        return shown_array(ElementType::kChar, bytes);
      }
      return number_at(tag_element(value.tag), bytes.data());
    }
    case ValueKind::kArray: return shown_array(tag_element(value.tag), bytes);
    case ValueKind::kRecord:
    case ValueKind::kRecords: return shown_bytes(bytes);
    case ValueKind::kMsgpack: return json_from_msgpack(bytes);
    case ValueKind::kNil:
    case ValueKind::kNone:
    case ValueKind::kError: break;
  }
  return Json{};
}

}  // namespace rayd::cli
