// Rule: which counts of live neighbours give birth to a cell, and which keep one alive.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ray::model::life {

struct Rule {
  uint16_t birth = 1 << 3;                  ///< bit n: a dead cell with n neighbours is born
  uint16_t survival = (1 << 2) | (1 << 3);  ///< bit n: a live cell with n neighbours lives on
  friend bool operator==(const Rule&, const Rule&) = default;
};

/// "B3/S23" in any case and order, "B3S23", and "23/3", where survival comes first. Nothing when it
/// is none of these.
std::optional<Rule> parse_rule(std::string_view text);

/// "B3/S23"
std::string rule_text(const Rule& rule);

}  // namespace ray::model::life
