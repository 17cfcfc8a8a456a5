// What a person sees of running work: folded lines and progress.
#include "cli/line_folder.h"
#include "cli/progress.h"
#include "tests/unit/catch.h"

namespace {

using namespace rayd;
using namespace rayd::cli;
using Lines = std::vector<std::string>;

constexpr Time at(int64_t seconds) { return Time{} + Duration::seconds(seconds); }

JobProgress progress(uint64_t done, uint64_t total, const char* text = "") {
  return {done, total, text, {}};
}

}  // namespace

TEST_CASE("a line says who printed it") {
  LineFolder folder;
  CHECK(folder.add("square pid=812 node=node-1", "hello", at(0)) ==
        Lines{"(square pid=812 node=node-1) hello"});
  CHECK(folder.finish().empty());
}

TEST_CASE("lines that many workers repeat become one with their number") {
  LineFolder folder;
  CHECK(folder.add("a", "loading", at(0)).size() == 1);
  CHECK(folder.add("b", "loading", at(1)).empty());
  CHECK(folder.add("c", "other", at(2)) == Lines{"(c) other"});
  CHECK(folder.add("c", "loading", at(3)).empty());
  CHECK(folder.tick(at(4)).empty());
  CHECK(folder.tick(at(5)) == Lines{"(c) loading [repeated 2 times]"});
  CHECK(folder.add("a", "loading", at(6)) == Lines{"(a) loading"});
}

TEST_CASE("nothing that was held back is lost at the end") {
  LineFolder folder;
  folder.add("a", "x", at(0));
  folder.add("a", "x", at(0));
  folder.add("a", "y", at(0));
  CHECK(folder.finish() == Lines{"(a) x [repeated 1 time]"});
  CHECK(folder.finish().empty());
}

TEST_CASE("the number of remembered lines is bounded") {
  LineFolder folder;
  folder.add("a", "first", at(0));
  folder.add("a", "first", at(0));
  Lines shown;
  for (int i = 0; i < 1'000; ++i) {
    for (auto& line : folder.add("a", std::to_string(i), at(0))) shown.push_back(line);
  }
  CHECK(std::count(shown.begin(), shown.end(), "(a) first [repeated 1 time]") == 1);
  CHECK(shown.size() == 1'001);
}

TEST_CASE("off a terminal progress is one line in five seconds") {
  Progress shown{ProgressStyle::kLines, 80, at(0)};
  CHECK(shown.update(progress(1, 10), at(1)).empty());
  CHECK(shown.update(progress(5, 10), at(5)) == "5/10 (50%), 1/s, 5s left\n");
  CHECK(shown.update(progress(6, 10), at(6)).empty());
  CHECK(shown.update(progress(8, 0, "step 8"), at(10)) == "8, 0.8/s  step 8\n");
  CHECK(shown.hide().empty());
}

TEST_CASE("on a terminal progress is drawn over one line, which others do not tear") {
  Progress shown{ProgressStyle::kDrawn, 20, at(0)};
  CHECK(shown.update(progress(1, 4), at(0)) == "\r\033[K1/4 (25%)");
  CHECK(shown.hide() == "\r\033[K");
  CHECK(shown.hide().empty());
  CHECK(shown.show() == "\r\033[K1/4 (25%)");
  CHECK(shown.update(progress(1, 4, "a text too long for this line"), at(0)).size() < 25);
}

TEST_CASE("progress as JSON is one line a change") {
  Progress shown{ProgressStyle::kJson, 80, at(0)};
  CHECK(shown.update(progress(1, 4, "x"), at(2)) ==
        "{\"v\":1,\"done\":1,\"total\":4,\"text\":\"x\",\"elapsed_ms\":2000}\n");
  CHECK(shown.update(progress(1, 4, "x"), at(3)).empty());
  CHECK_FALSE(shown.update(progress(2, 0, "x"), at(3)).empty());
}

TEST_CASE("nothing is shown where there is no progress, or none is wanted") {
  Progress lines{ProgressStyle::kLines, 80, at(0)};
  CHECK(lines.update(progress(0, 0), at(10)).empty());
  Progress none{ProgressStyle::kNone, 80, at(0)};
  CHECK(none.update(progress(1, 2), at(10)).empty());
}

TEST_CASE("the style follows the flag, then the terminal") {
  OutputOptions options;
  CHECK(progress_style(std::nullopt, options) == ProgressStyle::kLines);
  options.terminal.cursor_moves = true;
  CHECK(progress_style(std::nullopt, options) == ProgressStyle::kDrawn);
  CHECK(progress_style("none", options) == ProgressStyle::kNone);
  options.quiet = Quiet::kYes;
  CHECK(progress_style(std::nullopt, options) == ProgressStyle::kNone);
  CHECK(progress_style("json", options) == ProgressStyle::kJson);
}

TEST_CASE("durations are short to read") {
  CHECK(short_duration(Duration::millis(900)) == "1s");
  CHECK(short_duration(Duration::seconds(185)) == "3m 05s");
  CHECK(short_duration(Duration::seconds(7'620)) == "2h 07m");
}
