#include "models/game-of-life/rule.h"

namespace ray::model::life {
namespace {

/// The digits 0 … 8 at the start of `text`, taken from it; nothing when one comes twice.
std::optional<uint16_t> take_counts(std::string_view& text) {
  uint16_t counts = 0;
  while (!text.empty() && text.front() >= '0' && text.front() <= '8') {
    const auto bit = static_cast<uint16_t>(1 << (text.front() - '0'));
    if (counts & bit) return std::nullopt;
    counts |= bit;
    text.remove_prefix(1);
  }
  return counts;
}

bool take_letter(std::string_view& text, char lower) {
  if (text.empty() || (text.front() | 0x20) != lower) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::optional<Rule> parse_rule(std::string_view text) {
  const bool birth_first = take_letter(text, 'b');
  const bool survival_first = !birth_first && take_letter(text, 's');
  const auto first = take_counts(text);
  const bool slash = !text.empty() && text.front() == '/';
  if (slash) text.remove_prefix(1);
  const bool lettered = birth_first || survival_first;
  if (lettered ? !take_letter(text, birth_first ? 's' : 'b') : !slash) return std::nullopt;
  const auto second = take_counts(text);
  if (!first || !second || !text.empty()) return std::nullopt;
  return birth_first ? Rule{*first, *second} : Rule{*second, *first};
}

std::string rule_text(const Rule& rule) {
  std::string text = "B";
  for (int n = 0; n <= 8; ++n) {
    if (rule.birth >> n & 1) text += static_cast<char>('0' + n);
  }
  text += "/S";
  for (int n = 0; n <= 8; ++n) {
    if (rule.survival >> n & 1) text += static_cast<char>('0' + n);
  }
  return text;
}

}  // namespace ray::model::life
