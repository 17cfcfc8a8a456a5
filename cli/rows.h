// Rows of `list`, `describe` and `status`: an id and named JSON values; filtered, sorted, cut.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/config/json.h"

namespace rayd::cli {

struct Row {
  std::string id;
  std::vector<std::pair<std::string, Json>> fields;

  /// A field by name; "id" is one, and "resources.total.CPU" looks into objects. Null: there is
  /// none.
  const Json* find(std::string_view key) const;
  /// The field's text; empty where there is none or it is null.
  std::string text(std::string_view key) const;
};

/// KEY=VALUE, KEY!=VALUE, KEY<VALUE, KEY>VALUE, KEY~PART. Numbers compare as numbers.
struct Filter {
  std::string key;
  char comparison = '=';  // '=', '!', '<', '>', '~'
  std::string value;
  bool passes(const Row& row) const;
};
Result<Filter> parse_filter(std::string_view text);

/// By the key's value; "-KEY" sorts downwards. Rows without it come last. Stable.
void sort_rows(std::vector<Row>& rows, std::string_view key);

/// The value as a person reads it: text without quotes, null as nothing.
std::string plain_text(const Json& value);

/// {"id": …, fields…}
Json to_json(const Row& row);

}  // namespace rayd::cli
