#include "models/game-of-life/options.h"

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include "models/game-of-life/checkpoint.h"

namespace ray::model::life {
namespace {

constexpr int64_t kMostCells = int64_t{1} << 36;  // 8 GiB a copy
constexpr uint64_t kMostSpreadFrames = 100;
constexpr uint64_t kMostFrames = 1000;
constexpr int64_t kFrameSide = 512;  // pixels

struct Named {
  const char* name;
  const char* rle;
};
constexpr Named kPatterns[] = {
    {"acorn", "bo5b$3bo3b$2o2b3o!"},
    {"blinker", "3o!"},
    {"block", "2o$2o!"},
    {"diehard", "6bob$2o6b$bo3b3o!"},
    {"glider", "bob$2bo$3o!"},
    {"gosper-gun",
     "24bo11b$22bobo11b$12b2o6b2o12b2o$11bo3bo4b2o12b2o$2o8bo5bo3b2o14b$"
     "2o8bo3bob2o4bobo11b$10bo5bo7bo11b$11bo3bo20b$12b2o22b!"},
    {"r-pentomino", "b2o$2ob$bob!"},
};

std::string size_text(const GridSize& size) {
  return std::to_string(size.width) + "x" + std::to_string(size.height);
}

/// How a start was given, for a message.
std::string given(const Input& pattern) {
  return pattern.is_file() ? "@" + pattern.name : pattern.content;
}

std::optional<int64_t> whole_number(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

int64_t floor_half(int64_t number) { return (number - (number < 0)) / 2; }

/// Frames this far apart are at most `most`, the first and the last included.
uint64_t frames_apart(uint64_t steps, uint64_t most) {
  return std::max<uint64_t>(1, (steps + most - 3) / (most - 2));
}

}  // namespace

std::vector<std::string> pattern_names() {
  std::vector<std::string> names;
  for (const Named& pattern : kPatterns) names.emplace_back(pattern.name);
  return names;
}

std::optional<Pattern> named_pattern(std::string_view name) {
  for (const Named& pattern : kPatterns) {
    if (pattern.name == name) return read_rle(pattern.rle);
  }
  return std::nullopt;
}

void Options::params(Params& p) {
  p.size("grid", grid, "the world").unit("cells");
  p.choice("topology", topology, {"torus", "bounded"},
           "edges meet the opposite edges, or everything outside is dead");
  p.integer("steps", steps, "how many generations").range(0, int64_t{1} << 40);
  p.text("rule", rule, "births and survivals, such as B36/S23; auto: the pattern's, or B3/S23")
      .default_word("auto");
  p.probability("density", density, "a random start: how likely a cell is alive")
      .default_word("0.3");
  p.input("pattern", pattern,
          "the start instead: a name (glider, r-pentomino, gosper-gun …), @FILE or @- with RLE or "
          ".cells");
  p.text("at", at, "where the pattern's upper left corner is: x,y, or center").list();
  p.integer("every", every, "the population to series.csv every so many steps; 0: never")
      .unit("steps")
      .at_least(0);
  p.output("rle", rle, "write the end as RLE");
  p.output("png", png, "write a picture of the end");
  p.output("gif", gif,
           "write a film: a frame every `every` steps (at most 1000), or up to 100 over the run");
  p.integer("checkpoint", checkpoint,
            "write checkpoint-STEP.bin every so many steps, and go on from the last one when a "
            "worker dies; 0: never")
      .unit("steps")
      .at_least(0);
  p.input("resume", resume, "go on from this checkpoint instead of the start: @FILE");
  p.size("tiles", tiles, "tiles across and down").default_word("auto").execution();
  p.integer("workers", workers, "actors that hold the tiles; auto: the cluster's CPUs")
      .range(1, 100'000)
      .default_word("auto")
      .execution();
  p.integer("halo", halo, "steps a message; no more than the smallest tile's side")
      .unit("steps")
      .range(1, 1024)
      .default_word("auto")
      .execution();
}

Pattern Options::read() const {
  if (pattern.is_file()) return read_pattern(pattern.name, pattern.content);
  std::optional<Pattern> named = named_pattern(pattern.content);
  if (!named) throw std::invalid_argument("unknown pattern " + pattern.content);
  return *std::move(named);
}

std::optional<Options::Place> Options::place_of(const Pattern& pattern) const {
  if (at == "center") {
    return Place{floor_half(grid.width - pattern.width), floor_half(grid.height - pattern.height)};
  }
  const size_t comma = at.find(',');
  if (comma == std::string::npos) return std::nullopt;
  const auto x = whole_number(std::string_view(at).substr(0, comma));
  const auto y = whole_number(std::string_view(at).substr(comma + 1));
  const auto near = [](int64_t number) { return std::abs(number) < kPatternLimit; };
  if (!x || !y || !near(*x) || !near(*y)) return std::nullopt;
  return Place{*x, *y};
}

void Options::check_pattern(Mistakes& mistakes) const {
  Pattern start;
  try {
    start = read();
  } catch (const PatternError& error) {
    mistakes.push_back({"pattern", given(pattern),
                        "a pattern as RLE or .cells (" + std::string(error.what()) + ")", ""});
    return;
  } catch (const std::invalid_argument&) {
    std::string wanted = "@FILE, @- or one of";
    for (const std::string& name : pattern_names()) wanted += " " + name;
    const std::string nearest = nearest_name(pattern.content, pattern_names());
    if (!nearest.empty()) wanted += " (did you mean \"" + nearest + "\"?)";
    mistakes.push_back({"pattern", pattern.content, wanted, ""});
    return;
  }
  if (rule.empty() && !start.rule.empty() && !parse_rule(start.rule)) {
    const PatternError error(start.rule_place, "\"" + start.rule + "\" is no rule B…/S…");
    mistakes.push_back(
        {"pattern", given(pattern), "a two-state rule (" + std::string(error.what()) + ")", ""});
  }
  const std::optional<Place> place = place_of(start);
  if (!place) {
    mistakes.push_back({"at", at, "x,y or center", ""});
    return;
  }
  for (const Run& run : start.runs) {
    const int64_t x = run.x + place->x;
    const int64_t y = run.y + place->y;
    if (x >= 0 && y >= 0 && x + run.length <= grid.width && y < grid.height) continue;
    mistakes.push_back(
        {"grid", size_text(size()),
         "room for the pattern, which is " + size_text({start.width, start.height}) + ", at " + at,
         ""});
    return;
  }
}

// All that the file says of itself must be what was asked for: then the end is that of an unbroken
// run.
void Options::check_resume(Mistakes& mistakes) const {
  Checkpoint checkpoint;
  try {
    checkpoint = decode_checkpoint(resume.content);
  } catch (const std::invalid_argument& error) {
    mistakes.push_back(
        {"resume", given(resume),
         "@FILE with a checkpoint of game-of-life (" + std::string(error.what()) + ")", ""});
    return;
  }
  const auto same = [&](const char* parameter, const std::string& ours, const std::string& theirs) {
    if (ours == theirs) return;
    mistakes.push_back({parameter, ours, theirs + ", as " + given(resume) + " has it", ""});
  };
  same("grid", size_text(size()), size_text({checkpoint.cells.width(), checkpoint.cells.height()}));
  same("topology", topology, checkpoint.topology == Topology::kTorus ? "torus" : "bounded");
  if (const Rule asked = rule.empty() ? checkpoint.rule : parse_rule(rule).value_or(Rule{});
      rule_text(asked) != rule_text(checkpoint.rule)) {
    same("rule", rule_text(asked), rule_text(checkpoint.rule));
  }
  if (static_cast<uint64_t>(steps) < checkpoint.step) {
    mistakes.push_back(
        {"steps", std::to_string(steps),
         "at least " + std::to_string(checkpoint.step) + ", the step of " + given(resume), ""});
  }
}

void Options::check(Mistakes& mistakes) const {
  if (grid.width > kMostCells / grid.height) {
    mistakes.push_back(
        {"grid", size_text(size()), "at most " + std::to_string(kMostCells) + " cells", ""});
  }
  if (!rule.empty() && !parse_rule(rule)) {
    mistakes.push_back({"rule", rule, "B…/S… with digits 0 to 8, such as B3/S23", ""});
  }
  if (tiles.width > grid.width || tiles.height > grid.height) {
    mistakes.push_back({"tiles", size_text({tiles.width, tiles.height}),
                        "no more tiles than cells in each direction", ""});
  }
  if (resume.is_given()) return check_resume(mistakes);
  if (!pattern.is_given()) return;
  if (density >= 0) {
    mistakes.push_back({"density", Json(density).text(), "either density or pattern", ""});
  }
  check_pattern(mistakes);
}

Rule Options::rule_of(const Pattern& start) const {
  const std::string& text = rule.empty() ? start.rule : rule;
  return text.empty() ? Rule{} : parse_rule(text).value_or(Rule{});
}

Plan Options::plan(const Surroundings& surroundings) const {
  Plan plan;
  plan.size = size();
  plan.topology = topology == "torus" ? Topology::kTorus : Topology::kBounded;
  plan.steps = static_cast<uint64_t>(steps);
  plan.seed = surroundings.seed;
  Pattern start;
  if (!pattern.is_given()) {
    plan.chance = Chance(density < 0 ? .3 : density);
  } else {
    start = read();
    const Place place = place_of(start).value_or(Place{});
    plan.runs = start.runs;
    for (Run& run : plan.runs) {
      run.x += place.x;
      run.y += place.y;
    }
  }
  plan.rule = rule_of(start);
  if (resume.is_given()) {
    Checkpoint checkpoint = decode_checkpoint(resume.content);
    plan.rule = checkpoint.rule;
    plan.first_step = checkpoint.step;
    plan.cells_at_start = std::move(checkpoint.cells.words());
  }
  plan.checkpoint_every = static_cast<uint64_t>(this->checkpoint);

  const int64_t wanted = workers > 0 ? workers : std::max<int64_t>(1, surroundings.cpus);
  plan.tiles =
      tiles.width > 0 ? TileCounts{tiles.width, tiles.height} : choose_tiles(plan.size, wanted);
  plan.workers = std::min(wanted, plan.tiles.tiles());
  const Tiling tiling = plan.tiling();
  plan.halo = halo > 0 ? std::min(halo, tiling.deepest_halo()) : choose_halo(tiling);
  plan.halo = std::clamp<int64_t>(plan.halo, 1, std::max<int64_t>(1, steps));

  plan.series_every = static_cast<uint64_t>(every);
  if (!gif.empty()) {
    plan.frame_every = frames_apart(plan.steps, kMostSpreadFrames);
    if (plan.series_every > 0) {
      const uint64_t frames = plan.steps / plan.series_every;
      plan.frame_every = plan.series_every * frames_apart(frames, kMostFrames);
    }
    plan.frame_scale = (std::max(grid.width, grid.height) + kFrameSide - 1) / kFrameSide;
  }
  plan.cells = !rle.empty() || !png.empty();
  return plan;
}

}  // namespace ray::model::life
