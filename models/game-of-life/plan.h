// Plan: everything that the workers of one run must know, decided once by the driver.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/game-of-life/rule.h"
#include "models/game-of-life/tiling.h"
#include "models/lib/rle.h"
#include "models/lib/rng.h"
#include "models/lib/words.h"

namespace ray::model::life {

struct Plan {
  GridSize size{256, 256};
  Topology topology = Topology::kTorus;
  Rule rule;
  uint64_t first_step = 0;  ///< of the start: that of a checkpoint, else 0
  uint64_t steps = 100;     ///< the step at which the run ends

  // Execution: never changes a result.
  TileCounts tiles;
  int64_t workers = 1;  ///< at most the number of tiles
  int64_t halo = 1;     ///< steps a message, 1 … deepest_halo()

  // The start: the cells of a checkpoint, by rows as a BitGrid has them; if there are none, a
  // random one, over which runs of live cells are drawn.
  Words cells_at_start;
  uint64_t seed = 0;
  Chance chance;
  std::vector<Run> runs;

  // What is reported besides the end.
  uint64_t series_every = 0;      ///< the population at multiples of this and at the end; 0: never
  uint64_t frame_every = 0;       ///< a frame at multiples of this and at the end; 0: never
  int64_t frame_scale = 1;        ///< cells a side that one pixel of a frame stands for
  uint64_t checkpoint_every = 0;  ///< all cells at multiples of this between; 0: never
  bool cells = false;             ///< the final cells too

  Tiling tiling() const { return {size, tiles, topology}; }
  bool in_series(uint64_t step) const {
    return series_every != 0 && (step % series_every == 0 || step == steps);
  }
  bool in_frames(uint64_t step) const {
    return frame_every != 0 && (step % frame_every == 0 || step == steps);
  }

  bool in_checkpoints(uint64_t step) const {
    return checkpoint_every != 0 && step % checkpoint_every == 0 && step > first_step &&
           step < steps;
  }

  Words encode() const;
  static Plan decode(std::span<const uint64_t> words);
};

/// The pixels of a frame that a block of cells touches.
Block frame_block(const Block& cells, int64_t scale);

}  // namespace ray::model::life
