#include "cli/rows.h"

#include <algorithm>
#include <cmath>

#include "common/config/quantity.h"

namespace rayd::cli {
namespace {

const Json* member(const Json& value, std::string_view path) {
  const Json* found = value.find(path);
  if (found != nullptr) return found;
  for (size_t dot = path.find('.'); dot != path.npos; dot = path.find('.', dot + 1)) {
    const Json* inner = value.find(path.substr(0, dot));
    if (inner == nullptr) continue;
    if (const Json* rest = member(*inner, path.substr(dot + 1))) return rest;
  }
  return nullptr;
}

/// −1, 0, 1; as numbers if both are.
int compare(std::string_view left, std::string_view right) {
  const auto a = parse_number(left);
  const auto b = parse_number(right);
  if (a && b) return *a < *b ? -1 : *a > *b ? 1 : 0;
  const int order = left.compare(right);
  return order < 0 ? -1 : order > 0 ? 1 : 0;
}

}  // namespace

const Json* Row::find(std::string_view key) const {
  for (const auto& [name, value] : fields) {
    if (name == key) return &value;
    if (key.starts_with(name) && key.substr(name.size()).starts_with('.')) {
      if (const Json* inner = member(value, key.substr(name.size() + 1))) return inner;
    }
  }
  return nullptr;
}

std::string Row::text(std::string_view key) const {
  if (key == "id") return id;
  const Json* value = find(key);
  return value == nullptr ? std::string() : plain_text(*value);
}

bool Filter::passes(const Row& row) const {
  const std::string given = row.text(key);
  switch (comparison) {
    case '=': return compare(given, value) == 0;
    case '!': return compare(given, value) != 0;
    case '<': return !given.empty() && compare(given, value) < 0;
    case '>': return !given.empty() && compare(given, value) > 0;
    default: return given.find(value) != given.npos;
  }
}

Result<Filter> parse_filter(std::string_view text) {
  const size_t at = text.find_first_of("=!<>~");
  const bool is_unequal = at != text.npos && text.substr(at).starts_with("!=");
  if (at == 0 || at == text.npos || (text[at] == '!' && !is_unequal)) {
    return Error{ErrorCode::kInvalidArgument,
                 "--filter wants KEY=VALUE (or !=, <, >, ~), got '" + std::string(text) + "'"};
  }
  return Filter{std::string(text.substr(0, at)), text[at],
                std::string(text.substr(at + (is_unequal ? 2 : 1)))};
}

void sort_rows(std::vector<Row>& rows, std::string_view key) {
  const bool down = key.starts_with('-');
  if (down) key.remove_prefix(1);
  std::stable_sort(rows.begin(), rows.end(), [&](const Row& left, const Row& right) {
    const std::string a = left.text(key);
    const std::string b = right.text(key);
    if (a.empty() || b.empty()) return !a.empty() && b.empty();
    const int order = compare(a, b);
    return down ? order > 0 : order < 0;
  });
}

std::string plain_text(const Json& value) {
  if (value.is_null()) return {};
  return value.string() != nullptr ? *value.string() : value.dump();
}

Json to_json(const Row& row) {
  Json json{Json::Object{}};
  json.set("id", row.id);
  for (const auto& [key, value] : row.fields) json.set(key, value);
  return json;
}

}  // namespace rayd::cli
