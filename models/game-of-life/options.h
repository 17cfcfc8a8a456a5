// Options: the parameters of the workload, what they mean together, and the plan that follows.
#pragma once

#include <ray/workload.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/game-of-life/plan.h"
#include "models/lib/rle.h"

namespace ray::model::life {

struct Options {
  Size grid{256, 256};
  std::string topology = "torus";
  int64_t steps = 100;
  std::string rule;     ///< empty: the pattern's own, or else B3/S23
  double density = -1;  ///< negative: not given
  Input pattern;        ///< empty: a random start
  std::string at = "center";
  int64_t every = 0;
  std::string rle;
  std::string png;
  std::string gif;
  int64_t checkpoint = 0;
  Input resume;      ///< empty: from the start
  Size tiles{0, 0};  ///< zero: chosen, as are the next two
  int64_t workers = 0;
  int64_t halo = 0;

  void params(Params& p);
  void check(Mistakes& mistakes) const;

  struct Surroundings {
    uint64_t seed = 0;
    int64_t cpus = 1;
  };
  /// Precondition: check() found no mistake.
  Plan plan(const Surroundings& surroundings) const;

 private:
  GridSize size() const { return {grid.width, grid.height}; }
  /// Throws PatternError, or std::invalid_argument for a name that is not known.
  Pattern read() const;
  void check_pattern(Mistakes& mistakes) const;
  void check_resume(Mistakes& mistakes) const;
  /// The upper left corner of the pattern on the grid; nothing when `at` is no place.
  struct Place {
    int64_t x = 0;
    int64_t y = 0;
  };
  std::optional<Place> place_of(const Pattern& pattern) const;
  Rule rule_of(const Pattern& pattern) const;
};

/// The names that `pattern=` knows.
std::vector<std::string> pattern_names();
/// Nothing when the name is not known.
std::optional<Pattern> named_pattern(std::string_view name);

}  // namespace ray::model::life
