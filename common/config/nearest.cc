#include "common/config/nearest.h"

#include <algorithm>
#include <vector>

namespace rayd {
namespace {

std::string fold(std::string_view name) {
  std::string folded;
  for (char c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    folded += c == '-' ? '_' : c;
  }
  return folded;
}

// Insertions, deletions, replacements and swaps of neighbours that turn one text into the other
// (the restricted Damerau-Levenshtein distance, by three rows).
size_t mistakes_between(const std::string& a, const std::string& b) {
  std::vector<size_t> before_last, last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, last[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
    before_last = last;
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace

std::optional<std::string_view> nearest_name(std::string_view given,
                                             std::span<const std::string_view> known) {
  constexpr size_t kLongest = 64;  // longer than any name: not worth the square
  if (given.empty() || given.size() > kLongest) return std::nullopt;
  const std::string wanted = fold(given);
  std::optional<std::string_view> best;
  std::optional<std::string_view> extended;
  size_t extensions = 0;
  size_t fewest = std::max<size_t>(1, wanted.size() / 3) + 1;
  for (const std::string_view name : known) {
    const std::string folded = fold(name);
    if (folded.starts_with(wanted) && ++extensions == 1) extended = name;
    const size_t mistakes = mistakes_between(wanted, folded);
    if (mistakes < fewest && mistakes < folded.size()) {
      fewest = mistakes;
      best = name;
    }
  }
  if (best) return best;
  return extensions == 1 ? extended : std::nullopt;
}

std::string did_you_mean(std::string_view given, std::span<const std::string_view> known) {
  const auto name = nearest_name(given, known);
  return name ? " (did you mean '" + std::string(*name) + "'?)" : std::string();
}

}  // namespace rayd
