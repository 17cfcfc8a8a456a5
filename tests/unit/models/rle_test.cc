#include "models/lib/rle.h"

#include "models/lib/csv.h"
#include "tests/unit/catch.h"

using namespace ray::model;

namespace {

/// The pattern as rows of . and O.
std::string drawn(const Pattern& pattern) {
  std::string text;
  for (int64_t y = 0; y < pattern.height; ++y) {
    std::string row(static_cast<size_t>(pattern.width), '.');
    for (const Run& run : pattern.runs) {
      if (run.y != y) continue;
      for (int64_t i = 0; i < run.length; ++i) row.at(static_cast<size_t>(run.x + i)) = 'O';
    }
    text += row + "/";
  }
  return text;
}

std::string rle(std::string_view text) { return drawn(read_rle(text)); }
std::string cells(std::string_view text) { return drawn(read_cells(text)); }

std::string refusal(std::string_view text, Pattern (*read)(std::string_view) = read_rle) {
  try {
    read(text);
  } catch (const PatternError& error) {
    return error.what();
  }
  return "accepted";
}

constexpr const char* kGlider = ".O./..O/OOO/";

}  // namespace

TEST_CASE("RLE is read in every variation that files have") {
  for (const char* text : {
           "x = 3, y = 3, rule = B3/S23\nbo$2bo$3o!",
           "bo$2bo$3o!",
           "bo$2bo$3o",
           "bob$2bo$3o$!",
           "x=3,y=3\nbo$2bo$3o!",
           "  x  =  3 ,  y  =  3  ,  rule  =  23/3  \n  b o $ 2 b o $ 3 o !  ",
           "#N Glider\n#C a comment, x = 9\nx = 3, y = 3\n#C more\nbo$\n#C inside\n2bo$3o!\nafter "
           "9q",
           "#N Glider\r\nx = 3, y = 3\r\nbo$2b\r\no$3o!\r\n",
           "x = 3, y = 3, rule = B3/S23:T100,60\n.A.$..A$AAA!",
           "\xEF\xBB\xBF"
           "x = 3, y = 3\nbo$2bo$3\no!",
           "#CXRLE Pos=-1,-1\nx = 3, y = 3\nbo$2bo$3o!",
           "\n\nbo$2bo$2oo!",
       }) {
    CAPTURE(text);
    CHECK(rle(text) == kGlider);
  }
}

TEST_CASE("counts before a row's end leave empty rows, and the header may be larger") {
  CHECK(rle("o3$o!") == "O/././O/");
  CHECK(rle("x = 4, y = 3\no!") == "O.../..../..../");
  CHECK(rle("x = 1, y = 1\n3o$o!") == "OOO/O../");
  CHECK(rle("!") == "");
  CHECK(rle("x = 2, y = 2\n!") == "../../");
}

TEST_CASE("the rule and the topology of an RLE file are kept as written, with their place") {
  const Pattern torus = read_rle("x = 3, y = 3, rule = B36/S23:T100,60\no!");
  CHECK(torus.rule == "B36/S23");
  CHECK(torus.topology == "T100,60");
  CHECK(torus.rule_place.line == 1);
  CHECK(torus.rule_place.column == 22);
  CHECK(read_rle("x = 1, y = 1, rule=23/3:P\no!").topology == "P");
  CHECK(read_rle("#r 125/36\no!").rule == "125/36");
  CHECK(read_rle("#r 125/36\nx = 1, y = 1, rule = B3/S23\no!").rule == "B3/S23");
  CHECK(read_rle("o!").rule == "");
}

TEST_CASE("bad RLE is refused with line and column") {
  CHECK(refusal("x = 3, y = 3\nbo$2bq$3o!") == "line 2, column 6: wanted b, o, $ or !, got \"q\"");
  CHECK(refusal("") == "line 1, column 1: there is no pattern in this text");
  CHECK(refusal("#C only\n") == "line 2, column 1: there is no pattern in this text");
  CHECK(refusal("bo$12") == "line 1, column 4: nothing follows this count");
  CHECK(refusal("0o!") == "line 1, column 1: a count of 0 draws nothing");
  CHECK(refusal("1 2o!") == "line 1, column 3: wanted b, o, $ or !, got \"2\"");
  CHECK(refusal("99999999999999999999o!") == "line 1, column 1: this number is too large");
  CHECK(refusal("2147483647b\n2147483647o!") == "line 2, column 1: the pattern is too large here");
  CHECK(refusal("o2147483647$2147483647$o!") == "line 1, column 13: the pattern is too large here");
  CHECK(refusal("x = , y = 3\no!") == "line 1, column 5: wanted a number after x =");
  CHECK(refusal("x = 3 y = 3\no!") == "line 1, column 7: wanted a comma, got \"y\"");
  CHECK(refusal("x = 3, z = 3\no!") ==
        "line 1, column 8: a header is x = WIDTH, y = HEIGHT, rule = RULE");
  CHECK(refusal("bo$\nx = 3, y = 3\no!") == "line 2, column 1: wanted b, o, $ or !, got \"x\"");
  CHECK(refusal("b\x01") == "line 1, column 2: wanted b, o, $ or !, got the byte 0x01");
  CHECK(refusal("bB!") == "line 1, column 2: wanted b, o, $ or !, got \"B\"");
  CHECK(refusal("#Life 1.06\n0 0\n") ==
        "line 1, column 2: this is a Life 1.0x file, and RLE or .cells is wanted");
}

TEST_CASE("a pattern with huge counts is as small as its text") {
  const Pattern pattern = read_rle("1000000000o$1000000000o!");
  CHECK(pattern.runs == std::vector<Run>{{0, 0, 1000000000}, {0, 1, 1000000000}});
  CHECK(pattern.population() == 2000000000);
}

TEST_CASE("plain text patterns are read line by line") {
  CHECK(cells("!Name: Glider\n!\n.O\n..O\nOOO\n") == kGlider);
  CHECK(cells(".O.\r\n..O\r\nOOO") == kGlider);
  CHECK(cells(".*  \n..*\t\n***\n! after\n") == kGlider);
  CHECK(cells("O\n\n\nO") == "O/././O/");
  CHECK(refusal(".O\n.x\n", read_cells) == "line 2, column 2: wanted . or O, got \"x\"");
  CHECK(refusal("!only\n", read_cells) == "line 2, column 1: there is no pattern in this text");
  CHECK(refusal(". O\n", read_cells) == "line 1, column 2: wanted . or O, got the byte 0x20");
}

TEST_CASE("the format is told by the name, or else by the look") {
  CHECK(drawn(read_pattern("a/glider.cells", ".O\n..O\nOOO\n")) == kGlider);
  CHECK(drawn(read_pattern("glider.rle", ".A$..A$3A")) == kGlider);
  CHECK(drawn(read_pattern("-", ".O\n..O\nOOO\n")) == kGlider);
  CHECK(drawn(read_pattern("-", "!Name\n.O\n..O\nOOO\n")) == kGlider);
  CHECK(drawn(read_pattern("-", "bo$2bo$3o!")) == kGlider);
  CHECK(drawn(read_pattern("noext", "#C c\nx = 3, y = 3\n.A$..A$AAA!")) == kGlider);
}

TEST_CASE("a grid written as RLE is read back as it was") {
  BitGrid grid(200, 40);
  uint64_t random = 1;
  for (int64_t y = 0; y < 40; ++y) {
    if (y % 7 == 3) continue;
    for (int64_t x = 0; x < 200; ++x) {
      random = random * 6364136223846793005u + 1442695040888963407u;
      if (random >> 62 == 0 || (y == 5) || (x > 190 && y == 6)) grid.set(x, y);
    }
  }
  const std::string text = write_rle(grid, "B3/S23:T200,40");
  CHECK(text.starts_with("x = 200, y = 40, rule = B3/S23:T200,40\n"));
  size_t longest = 0, line = 0;
  for (const char c : text) {
    line = c == '\n' ? 0 : line + 1;
    longest = std::max(longest, line);
  }
  CHECK(longest <= 70);
  const Pattern pattern = read_rle(text);
  BitGrid again(pattern.width, pattern.height);
  for (const Run& run : pattern.runs) {
    for (int64_t i = 0; i < run.length; ++i) again.set(run.x + i, run.y);
  }
  CHECK(again == grid);
}

TEST_CASE("small grids are written as people write them") {
  BitGrid glider(3, 3);
  for (const auto& [x, y] : {std::pair{1, 0}, {2, 1}, {0, 2}, {1, 2}, {2, 2}}) glider.set(x, y);
  CHECK(write_rle(glider, "B3/S23") == "x = 3, y = 3, rule = B3/S23\nbo$2bo$3o!\n");
  CHECK(write_rle(BitGrid(5, 4), "B3/S23") == "x = 5, y = 4, rule = B3/S23\n!\n");
  BitGrid last(2, 4);
  last.set(1, 3);
  CHECK(write_rle(last, "B3/S23") == "x = 2, y = 4, rule = B3/S23\n3$bo!\n");
}

TEST_CASE("CSV cells are quoted where they must be") {
  CsvWriter csv;
  csv.cell("a").cell("b,c").cell("say \"x\"").end_row();
  csv.cell(1).cell(0.1).cell(uint64_t{18446744073709551615u}).end_row();
  CHECK(csv.text() == "a,\"b,c\",\"say \"\"x\"\"\"\n1,0.1,18446744073709551615\n");
}
