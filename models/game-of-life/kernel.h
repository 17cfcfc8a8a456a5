// The kernel: one step of any B/S rule for a rectangle of cells, hundreds of cells at a time.
//
// A word holds 64 cells of a row, bit i the i-th from the left. For each cell the three cells
// above, the two beside and the three below are added up in binary, one bit of all sums in each
// word, by adders of bitwise operations: no cell is ever looked at alone. The same source is
// compiled for several instruction sets (kernel_body.inc), and the best that this CPU has is chosen
// at run time.
#pragma once

#include <cstdint>
#include <span>

#include "models/game-of-life/rule.h"

namespace ray::model::life {

/// Where a step reads and writes. Rows are `stride` words apart, `from` and `to` point to the first
/// word of the first row that is computed; they do not overlap.
struct StepArea {
  const uint64_t* from = nullptr;  ///< read from one row and one word before to one of each after
  uint64_t* to = nullptr;          ///< written: `rows` x `words`, exactly
  int64_t stride = 0;
  int64_t rows = 0;
  int64_t words = 0;
};

using StepFunction = void (*)(const StepArea&, const Rule&);

struct Kernel {
  const char* name = "";
  StepFunction step = nullptr;
};

/// Those that this CPU can run, the fastest first; never empty.
std::span<const Kernel> kernels();

}  // namespace ray::model::life
