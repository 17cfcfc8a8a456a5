#include "models/lib/rle.h"

#include <algorithm>
#include <bit>
#include <cctype>

namespace ray::model {
namespace {

std::string shown(char c) {
  const auto byte = static_cast<uint8_t>(c);
  if (byte > 0x20 && byte < 0x7F) return std::string("\"") + c + "\"";
  constexpr char kHex[] = "0123456789abcdef";
  return std::string("the byte 0x") + kHex[byte >> 4] + kHex[byte & 15];
}

bool blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
bool digit(char c) { return c >= '0' && c <= '9'; }

/// Characters one by one, with the place of the next.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {
    if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
  }

  bool ended() const { return at_ == text_.size(); }
  char peek() const { return ended() ? '\0' : text_[at_]; }
  bool at_line_start() const { return at_ == line_start_; }
  TextPlace place() const { return {line_, static_cast<int64_t>(at_ - line_start_) + 1}; }

  char take() {
    const char c = text_[at_++];
    if (c == '\n') {
      ++line_;
      line_start_ = at_;
    }
    return c;
  }
  void skip_blanks() {
    while (!ended() && blank(peek())) take();
  }
  /// The rest of the line; the cursor stands at the line break, or at the end.
  std::string_view rest_of_line() {
    const size_t from = at_;
    while (!ended() && peek() != '\n') take();
    return text_.substr(from, at_ - from);
  }
  std::string_view line_ahead() const { return text_.substr(at_, text_.find('\n', at_) - at_); }

  [[noreturn]] void refuse(const std::string& problem) const {
    throw PatternError(place(), problem);
  }

 private:
  std::string_view text_;
  size_t at_ = 0;
  size_t line_start_ = 0;
  int64_t line_ = 1;
};

/// Draws runs from left to right and top to bottom, and keeps the box.
class Pen {
 public:
  explicit Pen(Pattern& pattern) : pattern_(pattern) {}

  /// False when the pattern would grow beyond the limit.
  [[nodiscard]] bool live(int64_t count) {
    auto& runs = pattern_.runs;
    if (!runs.empty() && runs.back().y == y_ && runs.back().x + runs.back().length == x_) {
      runs.back().length += count;
    } else {
      runs.push_back({x_, y_, count});
    }
    return dead(count);
  }
  [[nodiscard]] bool dead(int64_t count) {
    x_ += count;
    pattern_.width = std::max(pattern_.width, x_);
    pattern_.height = std::max(pattern_.height, y_ + 1);
    return x_ < kPatternLimit;
  }
  [[nodiscard]] bool down(int64_t count) {
    pattern_.height = std::max(pattern_.height, y_ + 1);
    x_ = 0;
    y_ += count;
    return y_ < kPatternLimit;
  }

 private:
  Pattern& pattern_;
  int64_t x_ = 0;
  int64_t y_ = 0;
};

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

/// "B3/S23:T100,60" as rule and topology.
void set_rule(Pattern& pattern, std::string_view text, TextPlace place) {
  text = trimmed(text);
  const size_t colon = text.find(':');
  pattern.rule = trimmed(text.substr(0, colon));
  pattern.rule_place = place;
  if (colon != std::string_view::npos) pattern.topology = trimmed(text.substr(colon + 1));
}

int64_t take_number(Cursor& cursor) {
  const TextPlace start = cursor.place();
  int64_t number = 0;
  while (digit(cursor.peek())) {
    number = number * 10 + (cursor.take() - '0');
    if (number >= kPatternLimit) throw PatternError(start, "this number is too large");
  }
  return number;
}

/// A line that begins with #: "#r RULE" counts, others are for people.
void take_comment(Cursor& cursor, Pattern& pattern) {
  cursor.take();
  if (cursor.line_ahead().starts_with("Life 1.0")) {
    cursor.refuse("this is a Life 1.0x file, and RLE or .cells is wanted");
  }
  if (cursor.peek() == 'r') {
    cursor.take();
    cursor.skip_blanks();
    const TextPlace place = cursor.place();
    const std::string_view rule = cursor.rest_of_line();
    if (pattern.rule.empty()) set_rule(pattern, rule, place);
    return;
  }
  cursor.rest_of_line();
}

bool is_header(std::string_view line) {
  if (!line.starts_with('x')) return false;
  return trimmed(line.substr(1)).starts_with('=');
}

/// x = 3, y = 3, rule = B3/S23
void take_header(Cursor& cursor, Pattern& pattern) {
  while (!cursor.ended() && cursor.peek() != '\n') {
    cursor.skip_blanks();
    const TextPlace start = cursor.place();
    std::string key;
    while (std::isalpha(static_cast<uint8_t>(cursor.peek()))) key += cursor.take();
    cursor.skip_blanks();
    if ((key != "x" && key != "y" && key != "rule") || cursor.peek() != '=') {
      throw PatternError(start, "a header is x = WIDTH, y = HEIGHT, rule = RULE");
    }
    cursor.take();
    cursor.skip_blanks();
    if (key == "rule") {
      const TextPlace place = cursor.place();
      set_rule(pattern, cursor.rest_of_line(), place);
      return;
    }
    if (!digit(cursor.peek())) cursor.refuse("wanted a number after " + key + " =");
    (key == "x" ? pattern.width : pattern.height) = take_number(cursor);
    cursor.skip_blanks();
    if (cursor.peek() == ',') {
      cursor.take();
    } else if (!cursor.ended() && cursor.peek() != '\n') {
      cursor.refuse("wanted a comma, got " + shown(cursor.peek()));
    }
  }
}

/// One item: a count, if any, and what is drawn. Returns false after "!".
bool take_item(Cursor& cursor, Pen& pen) {
  const TextPlace start = cursor.place();
  int64_t count = 1;
  if (digit(cursor.peek())) {
    count = take_number(cursor);
    if (count == 0) throw PatternError(start, "a count of 0 draws nothing");
    while (!cursor.ended() && (blank(cursor.peek()) || cursor.peek() == '\n')) cursor.take();
    if (cursor.ended()) throw PatternError(start, "nothing follows this count");
  }
  bool fits = true;
  switch (cursor.peek()) {
    case 'b':
    case '.': fits = pen.dead(count); break;
    case 'o':
    case 'A': fits = pen.live(count); break;
    case '$': fits = pen.down(count); break;
    case '!': return false;
    default: cursor.refuse("wanted b, o, $ or !, got " + shown(cursor.peek()));
  }
  if (!fits) throw PatternError(start, "the pattern is too large here");
  cursor.take();
  return true;
}

bool looks_like_cells(std::string_view text) {
  if (text.starts_with("!") && text.size() > 1) return true;
  bool drawn = false;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.starts_with('!')) continue;
    if (trimmed(line).find_first_not_of(".O*") != std::string_view::npos) return false;
    drawn = drawn || !trimmed(line).empty();
  }
  return drawn;
}

}  // namespace

PatternError::PatternError(TextPlace place, const std::string& problem)
    : std::runtime_error("line " + std::to_string(place.line) + ", column " +
                         std::to_string(place.column) + ": " + problem),
      place_(place) {}

int64_t Pattern::population() const {
  int64_t population = 0;
  for (const Run& run : runs) population += run.length;
  return population;
}

Pattern read_rle(std::string_view text) {
  Pattern pattern;
  Cursor cursor(text);
  Pen pen(pattern);
  bool begun = false;  // the header may only stand before everything that is drawn
  while (!cursor.ended()) {
    if (cursor.at_line_start() && cursor.peek() == '#') {
      take_comment(cursor, pattern);
    } else if (blank(cursor.peek()) || cursor.peek() == '\n') {
      cursor.take();
    } else if (!begun && is_header(cursor.line_ahead())) {
      begun = true;
      take_header(cursor, pattern);
    } else {
      begun = true;
      if (!take_item(cursor, pen)) return pattern;
    }
  }
  if (!begun) cursor.refuse("there is no pattern in this text");
  return pattern;
}

Pattern read_cells(std::string_view text) {
  Pattern pattern;
  Cursor cursor(text);
  Pen pen(pattern);
  while (!cursor.ended()) {
    if (cursor.peek() == '!') {
      cursor.rest_of_line();
      if (!cursor.ended()) cursor.take();
      continue;
    }
    const std::string_view row = cursor.line_ahead();
    const size_t drawn = row.find_last_not_of(" \t\r") + 1;  // npos + 1 is 0
    for (size_t i = 0; i < drawn; ++i) {
      const char c = cursor.peek();
      if (c != '.' && c != 'O' && c != 'o' && c != '*') {
        cursor.refuse("wanted . or O, got " + shown(c));
      }
      if (!(c == '.' ? pen.dead(1) : pen.live(1))) cursor.refuse("this row is too long");
      cursor.take();
    }
    cursor.rest_of_line();
    if (!pen.down(1)) cursor.refuse("the pattern is too large here");
    if (!cursor.ended()) cursor.take();
  }
  if (pattern.height == 0) cursor.refuse("there is no pattern in this text");
  return pattern;
}

Pattern read_pattern(std::string_view name, std::string_view text) {
  const size_t dot = name.rfind('.');
  const std::string_view ending = dot == std::string_view::npos ? "" : name.substr(dot);
  if (ending == ".cells") return read_cells(text);
  if (ending == ".rle") return read_rle(text);
  return looks_like_cells(text) ? read_cells(text) : read_rle(text);
}

namespace {

/// Items of RLE, broken into lines of at most 70 characters.
class RleLines {
 public:
  void item(int64_t count, char tag) {
    std::string item = count == 1 ? "" : std::to_string(count);
    item += tag;
    if (column_ + item.size() > 70) {
      text += '\n';
      column_ = 0;
    }
    text += item;
    column_ += item.size();
  }
  std::string text;

 private:
  size_t column_ = 0;
};

/// The first column from `x` on whose cell is `alive`; the width when there is none.
int64_t next_cell(const BitGrid& grid, int64_t y, int64_t x, char tag) {
  const uint64_t flip = tag == 'o' ? 0 : ~uint64_t{0};
  for (int64_t word = x >> 6; word < grid.stride(); ++word) {
    uint64_t bits = grid.row(y)[word] ^ flip;
    if (word == x >> 6) bits &= ~uint64_t{0} << (x & 63);
    if (bits != 0) return std::min(grid.width(), word * 64 + std::countr_zero(bits));
  }
  return grid.width();
}

}  // namespace

std::string write_rle(const BitGrid& grid, std::string_view rule) {
  RleLines lines;
  lines.text = "x = " + std::to_string(grid.width()) + ", y = " + std::to_string(grid.height()) +
               ", rule = " + std::string(rule) + "\n";
  int64_t pending_rows = 0;  // row ends that are written once something follows
  for (int64_t y = 0; y < grid.height(); ++y) {
    int64_t x = 0;
    while (true) {
      const int64_t live = next_cell(grid, y, x, 'o');
      if (live >= grid.width()) break;
      if (pending_rows > 0) lines.item(pending_rows, '$');
      pending_rows = 0;
      if (live > x) lines.item(live - x, 'b');
      x = next_cell(grid, y, live, 'b');
      lines.item(x - live, 'o');
      if (x >= grid.width()) break;
    }
    ++pending_rows;
  }
  lines.item(1, '!');
  return lines.text + "\n";
}

}  // namespace ray::model
