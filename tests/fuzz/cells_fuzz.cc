// Any bytes as a pattern of unknown format: plain text or RLE is read or refused with a place, and
// no cell of plain text is lost.
#include <algorithm>
#include <cstdlib>

#include "models/game-of-life/rule.h"
#include "models/lib/rle.h"

using namespace ray::model;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto rule = life::parse_rule(text)) must(life::parse_rule(rule_text(*rule)) == rule);
  try {
    const Pattern pattern = read_cells(text);
    const auto live = [](char c) { return c == 'O' || c == 'o' || c == '*'; };
    const int64_t most = std::count_if(text.begin(), text.end(), live);
    must(pattern.population() <= most);
    if (text.find('!') == std::string_view::npos) must(pattern.population() == most);
  } catch (const PatternError& error) {
    must(error.place().line >= 1 && error.place().column >= 1);
  }
  try {
    read_pattern("-", text);
  } catch (const PatternError&) {
  }
  return 0;
}
