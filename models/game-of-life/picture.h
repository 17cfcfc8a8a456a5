// Pictures of a grid: a pixel for a square of cells, the brighter the more of them are alive.
#pragma once

#include <ray/workload.h>

#include "models/game-of-life/ledger.h"

namespace ray::model::life {

/// A pixel for each square of scale x scale cells; small pictures are enlarged by whole factors.
Image picture_of(const Ledger::Frame& frame, int64_t scale);

/// A pixel a cell, or where that is more than 4096 pixels a side, fewer.
Image picture_of(const BitGrid& cells);

}  // namespace ray::model::life
