// Checkpoint: the cells of a run at one step, as a file. There is no state of a generator to keep,
// so a run may go on from it on any number of workers and tiles.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "models/game-of-life/rule.h"
#include "models/game-of-life/tiling.h"
#include "models/lib/bit_grid.h"

namespace ray::model::life {

struct Checkpoint {
  uint64_t step = 0;
  Topology topology = Topology::kTorus;
  Rule rule;
  BitGrid cells;
};

/// Little-endian words behind a line that says what it is; with the digest of the cells.
std::string encode_checkpoint(const Checkpoint& checkpoint);
/// Throws std::invalid_argument, saying what is wrong: another kind of file, cut short, damaged.
Checkpoint decode_checkpoint(std::string_view bytes);

}  // namespace ray::model::life
