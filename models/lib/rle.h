// Patterns of two-state cells as text: reads RLE and plain text (.cells), writes RLE.
//
// The readers take any bytes: what they keep is bounded by the size of the text, whatever its
// counts say, and what they refuse they refuse with line and column.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "models/lib/bit_grid.h"

namespace ray::model {

/// `length` live cells from (x, y) to the right.
struct Run {
  int64_t x = 0;
  int64_t y = 0;
  int64_t length = 0;
  friend bool operator==(const Run&, const Run&) = default;
};

struct TextPlace {
  int64_t line = 1;
  int64_t column = 1;
};

struct Pattern {
  int64_t width = 0;  ///< the box: the header's, grown to hold what is drawn
  int64_t height = 0;
  std::vector<Run> runs;  ///< by rows, left to right; never touching
  std::string rule;       ///< as written, without a topology; empty: none
  TextPlace rule_place;
  std::string topology;  ///< what follows the rule's colon, such as T100,60; empty: none
  int64_t population() const;
};

/// what() is "line 3, column 7: …".
class PatternError : public std::runtime_error {
 public:
  PatternError(TextPlace place, const std::string& problem);
  TextPlace place() const { return place_; }

 private:
  TextPlace place_;
};

/// No coordinate of a pattern reaches this.
inline constexpr int64_t kPatternLimit = int64_t{1} << 31;

/// With or without header and rule, in any spacing; without the final "!" too. "." and "A" stand
/// for "b" and "o". Lines that begin with # are comments, "#r RULE" gives a rule, and nothing
/// after the "!" matters.
Pattern read_rle(std::string_view text);

/// Plain text: a line a row, "." is dead, "O" and "*" are alive, lines that begin with ! are
/// comments.
Pattern read_cells(std::string_view text);

/// By the ending of `name`, or where that says nothing, by the look of the text.
Pattern read_pattern(std::string_view name, std::string_view text);

/// With a header, `rule` as given, in lines of at most 70 characters.
std::string write_rle(const BitGrid& grid, std::string_view rule);

}  // namespace ray::model
