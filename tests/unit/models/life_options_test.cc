#include "models/game-of-life/options.h"

#include "models/game-of-life/picture.h"
#include "tests/unit/catch.h"
#include "tests/unit/models/life_test.h"

using namespace ray::model;
using namespace ray::model::life;

namespace {

using Values = std::map<std::string, std::string>;

struct Set {
  Options options;
  std::vector<std::string> mistakes;

  Set(const Values& values, std::string_view file) {
    ray::Arguments arguments{values, {}};
    ray::Mistakes found;
    ray::attach_inputs(
        arguments, [&](const std::string&) { return std::optional(std::string(file)); }, found);
    uint64_t seed = 0;
    for (const ray::Mistake& mistake : ray::internal::assign_parameters(options, arguments, seed)) {
      mistakes.push_back(mistake.text());
    }
  }
};

/// The options' only mistake.
std::string only(const Values& values, std::string_view file = "") {
  const Set set(values, file);
  return set.mistakes.size() == 1 ? set.mistakes[0] : "not one mistake";
}
size_t mistakes(const Values& values) { return Set(values, "").mistakes.size(); }

Plan plan_of(const Values& values, std::string_view file = "") {
  const Set set(values, file);
  CHECK(set.mistakes == std::vector<std::string>{});
  return set.options.plan({.seed = 7, .cpus = 2});
}

}  // namespace

TEST_CASE("without parameters a run is a soup on a torus of 256x256") {
  const Plan plan = plan_of({});
  CHECK(plan.size == GridSize{256, 256});
  CHECK(plan.topology == Topology::kTorus);
  CHECK(plan.steps == 100);
  CHECK(plan.rule == Rule{});
  CHECK(plan.chance.threshold() == 0x4ccccccccccccc00);
  CHECK(plan.seed == 7);
  CHECK(plan.series_every == 0);
  CHECK(plan.frame_every == 0);
  CHECK_FALSE(plan.cells);
  CHECK(plan.workers >= 1);
}

TEST_CASE("a pattern replaces the soup and lies in the middle, or where it is told to") {
  const Plan centred = plan_of({{"pattern", "glider"}, {"grid", "10x8"}});
  CHECK(centred.chance.threshold() == 0);
  CHECK(centred.runs == std::vector<Run>{{4, 2, 1}, {5, 3, 1}, {3, 4, 3}});
  const Plan placed = plan_of({{"pattern", "glider"}, {"grid", "10x8"}, {"at", "7,5"}});
  CHECK(placed.runs.back() == Run{7, 7, 3});
  // The box may hang over the edge as long as its live cells do not.
  CHECK(plan_of({{"pattern", "@-"}, {"grid", "3x3"}}, "x = 6, y = 6\n2$2b2o!").runs ==
        std::vector<Run>{{0, 0, 2}});
}

TEST_CASE("every named pattern is read, and the populations are those that people know") {
  const std::vector<std::pair<std::string, int64_t>> known = {
      {"acorn", 7},  {"blinker", 3},     {"block", 4},      {"diehard", 7},
      {"glider", 5}, {"gosper-gun", 36}, {"r-pentomino", 5}};
  REQUIRE(known.size() == pattern_names().size());
  for (const auto& [name, population] : known) {
    CAPTURE(name);
    CHECK(named_pattern(name)->population() == population);
  }
  CHECK(named_pattern("gosper-gun")->width == 36);
  CHECK(named_pattern("gosper-gun")->height == 9);
}

TEST_CASE("the rule is the one asked for, else the file's, else Conway's") {
  const std::string file = "x = 1, y = 1, rule = 23/36\no!";
  CHECK(plan_of({{"pattern", "@a.rle"}}, file).rule == parse_rule("B36/S23"));
  CHECK(plan_of({{"pattern", "@a.rle"}, {"rule", "B2/S"}}, file).rule == parse_rule("B2/S"));
  CHECK(plan_of({{"pattern", "@a.rle"}, {"rule", "B3/S23"}}, file).rule == Rule{});
  CHECK(plan_of({{"pattern", "@a.rle"}, {"rule", "auto"}}, "o!").rule == Rule{});
}

TEST_CASE("mistakes are named with what is wanted, all at once") {
  CHECK(only({{"pattern", "glidr"}}) ==
        "pattern=glidr: wanted @FILE, @- or one of acorn blinker block diehard glider gosper-gun "
        "r-pentomino (did you mean \"glider\"?)");
  CHECK(only({{"pattern", "@bad.rle"}}, "bo$\n2bq!") ==
        "pattern=@bad.rle: wanted a pattern as RLE or .cells (line 2, column 3: wanted b, o, $ or "
        "!, got \"q\")");
  CHECK(only({{"pattern", "@w.rle"}}, "x = 1, y = 1, rule = WireWorld\no!") ==
        "pattern=@w.rle: wanted a two-state rule (line 1, column 22: \"WireWorld\" is no rule "
        "B…/S…)");
  CHECK(only({{"pattern", "glider"}, {"grid", "2x9"}}) ==
        "grid=2x9: wanted room for the pattern, which is 3x3, at center");
  CHECK(only({{"pattern", "glider"}, {"at", "254,0"}}) ==
        "grid=256x256: wanted room for the pattern, which is 3x3, at 254,0");
  CHECK(only({{"pattern", "@-"}}, "1000000000o!") ==
        "grid=256x256: wanted room for the pattern, which is 1000000000x1, at center");
  for (const char* at : {"middle", "1", "1,", ",1", "1,2,3", "1.5,2", "9223372036854775807,0"}) {
    CAPTURE(at);
    CHECK(only({{"pattern", "glider"}, {"at", at}}) ==
          "at=" + std::string(at) + ": wanted x,y or center");
  }
  CHECK(only({{"rule", "B9"}}) == "rule=B9: wanted B…/S… with digits 0 to 8, such as B3/S23");
  CHECK(only({{"pattern", "glider"}, {"density", ".5"}}) ==
        "density=0.5: wanted either density or pattern");
  CHECK(mistakes({{"grid", "4000000000x4000000000"}}) == 1);
  CHECK(mistakes({{"grid", "9223372036854775807x2"}}) == 1);
  CHECK(only({{"tiles", "3x4"}, {"grid", "2x8"}}) ==
        "tiles=3x4: wanted no more tiles than cells in each direction");
  CHECK(mistakes({{"steps", "-1"}, {"rule", "x"}, {"tiles", "999x1"}, {"gird", "1x1"}}) == 4);
}

TEST_CASE("execution parameters are fitted to the grid, whatever was asked") {
  const Plan plan =
      plan_of({{"grid", "100x60"}, {"tiles", "7x5"}, {"workers", "99"}, {"halo", "64"}});
  CHECK(plan.workers == 35);
  CHECK(plan.halo == 12);
  CHECK(plan_of({{"steps", "3"}, {"halo", "64"}}).halo == 3);
  CHECK(plan_of({{"grid", "1x1"}, {"steps", "0"}}).halo == 1);
}

TEST_CASE("a film has at most a hundred frames, or one every `every` steps") {
  for (const char* steps : {"0", "1", "97", "98", "99", "100", "1103", "100000"}) {
    CAPTURE(steps);
    const Plan plan = plan_of({{"gif", "a.gif"}, {"steps", steps}});
    uint64_t frames = 0;
    for (uint64_t step = 0; step <= plan.steps; ++step) frames += plan.in_frames(step);
    CHECK(frames <= 100);
    CHECK(plan.in_frames(0));
    CHECK(plan.in_frames(plan.steps));
    CHECK((plan.steps < 98 ? frames == plan.steps + 1 : frames > 45));
  }
  const Plan every = plan_of({{"gif", "a.gif"}, {"steps", "500"}, {"every", "3"}});
  CHECK(every.frame_every == 3);
  const Plan large = plan_of({{"gif", "a.gif"}, {"grid", "3000x2000"}});
  CHECK(large.frame_scale == 6);
}

TEST_CASE("a picture shows live cells bright, and small grids enlarged") {
  BitGrid cells(300, 200);
  cells.set(299, 199);
  cells.set(64, 0);
  const ray::Image image = picture_of(cells);
  REQUIRE(image.width == 300);
  REQUIRE(image.height == 200);
  CHECK(image.pixels[64] == 1);
  CHECK(image.pixels.back() == 1);
  CHECK(std::count(image.pixels.begin(), image.pixels.end(), 1) == 2);
  BitGrid small(3, 2);
  small.set(1, 1);
  const ray::Image enlarged = picture_of(small);
  CHECK(enlarged.width == 510);
  CHECK(std::count(enlarged.pixels.begin(), enlarged.pixels.end(), 1) == 170 * 170);
}

TEST_CASE("a pixel for many cells is the brighter the more are alive, and one alive is seen") {
  const Ledger::Frame frame{0, 4, 1, {0, 1, 32, 64}};
  const ray::Image image = picture_of(frame, 8);
  CHECK(image.width == 512);
  CHECK(image.pixels[0] == 0);
  CHECK(image.pixels[128] == 2);
  CHECK(image.pixels[256] == 11);
  CHECK(image.pixels[384] == 15);
  REQUIRE(image.palette.size() == 16);
  CHECK(image.palette[1].red > image.palette[0].red + 50);
}
