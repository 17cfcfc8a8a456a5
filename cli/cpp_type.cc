#include "cli/cpp_type.h"

#include <algorithm>

#include "cli/values.h"

namespace rayd::cli {
namespace {

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

/// The parts between commas outside of all brackets.
std::vector<std::string_view> split_arguments(std::string_view text) {
  std::vector<std::string_view> parts;
  int depth = 0;
  size_t start = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '<' || c == '(' || c == '{' || c == '[') ++depth;
    if (c == '>' || c == ')' || c == '}' || c == ']') --depth;
    if (c != ',' || depth != 0) continue;
    parts.push_back(trimmed(text.substr(start, i - start)));
    start = i + 1;
  }
  parts.push_back(trimmed(text.substr(start)));
  return parts;
}

std::string base_name(std::string_view text) {
  for (const std::string_view prefix : {"std::", "__cxx11::"}) {
    if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  }
  return std::string(text);
}

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string list_mistake(const CppType& type, const Json& value) {
  if (value.array() == nullptr) return short_name(type) + ": a JSON array";
  if (type.name == "array" && type.arguments.size() == 2 &&
      type.arguments[1].text != std::to_string(value.array()->size()) &&
      type.arguments[1].text != std::to_string(value.array()->size()) + "ul") {
    return short_name(type) + ": an array of that length";
  }
  for (const Json& item : *value.array()) {
    const std::string wrong = json_mistake(type.arguments[0], item);
    if (!wrong.empty()) return short_name(type) + ", but an item wants " + wrong;
  }
  return {};
}

std::string map_mistake(const CppType& type, const Json& value) {
  if (value.object() == nullptr) return short_name(type) + ": a JSON object";
  if (!type.arguments[0].is_string()) {
    return "a map with text as keys: " + short_name(type) + " cannot be given from the shell";
  }
  for (const auto& [key, inner] : *value.object()) {
    const std::string wrong = json_mistake(type.arguments[1], inner);
    if (!wrong.empty()) return short_name(type) + ", but '" + key + "' wants " + wrong;
  }
  return {};
}

std::string tuple_mistake(const CppType& type, const Json& value) {
  if (value.array() == nullptr || value.array()->size() != type.arguments.size()) {
    return short_name(type) + ": a JSON array of " + std::to_string(type.arguments.size());
  }
  for (size_t i = 0; i < type.arguments.size(); ++i) {
    const std::string wrong = json_mistake(type.arguments[i], (*value.array())[i]);
    if (!wrong.empty())
      return short_name(type) + ", but item " + std::to_string(i) + " wants " + wrong;
  }
  return {};
}

}  // namespace

CppType parse_cpp_type(std::string_view text) {
  text = trimmed(text);
  CppType type;
  type.text = text;
  const size_t open = text.find('<');
  if (open == text.npos || !text.ends_with('>')) {
    type.name = base_name(text);
    return type;
  }
  type.name = base_name(trimmed(text.substr(0, open)));
  for (const auto part : split_arguments(text.substr(open + 1, text.size() - open - 2))) {
    type.arguments.push_back(parse_cpp_type(part));
  }
  if (is_one_of(type.name, {"basic_string", "basic_string_view"}) &&
      type.arguments[0].text == "char") {
    type.name.erase(0, std::string_view("basic_").size());
    type.arguments.clear();
  }
  return type;
}

std::string short_name(const CppType& type) {
  size_t shown = type.arguments.size();
  if (is_one_of(type.name, {"vector", "list", "deque", "set", "unordered_set", "multiset",
                            "optional", "unique_ptr", "shared_ptr"})) {
    shown = std::min<size_t>(shown, 1);
  } else if (is_one_of(type.name, {"map", "unordered_map", "multimap"})) {
    shown = std::min<size_t>(shown, 2);
  }
  if (shown == 0) return type.name;
  std::string text = type.name + "<";
  for (size_t i = 0; i < shown; ++i) text += (i == 0 ? "" : ", ") + short_name(type.arguments[i]);
  return text + ">";
}

std::string short_signature(std::string_view type) {
  // "R (*)(P, P)", "R (Class::*)(P) const"
  const size_t star = type.find("*)(");
  const size_t open = star == type.npos ? star : type.rfind('(', star);
  const size_t close = type.rfind(')');
  if (star == type.npos || open == type.npos || close < star + 3) return std::string(type);
  std::string text = short_name(parse_cpp_type(type.substr(0, open))) + " (";
  const std::string_view parameters = type.substr(star + 3, close - star - 3);
  if (parameters.empty()) return text + ")";
  bool first = true;
  for (const std::string_view parameter : split_arguments(parameters)) {
    text += (first ? "" : ", ") + short_name(parse_cpp_type(parameter));
    first = false;
  }
  return text + ")";
}

std::string json_mistake(const CppType& type, const Json& value) {
  if (element_of(type.name) != ray::internal::ElementType::kNone) {
    return number_mistake(type.name, value);
  }
  if (type.is_string()) return value.string() != nullptr ? "" : "a string in quotes";
  if (type.arguments.empty()) return {};
  if (is_one_of(type.name,
                {"vector", "list", "deque", "set", "unordered_set", "multiset", "array"})) {
    return list_mistake(type, value);
  }
  if (is_one_of(type.name, {"map", "unordered_map", "multimap"}) && type.arguments.size() >= 2) {
    return map_mistake(type, value);
  }
  if (is_one_of(type.name, {"optional", "unique_ptr", "shared_ptr"})) {
    return value.is_null() ? "" : json_mistake(type.arguments[0], value);
  }
  if (is_one_of(type.name, {"tuple", "pair"})) return tuple_mistake(type, value);
  return {};
}

}  // namespace rayd::cli
