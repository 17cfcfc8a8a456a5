// Scale: what a cluster of 10, 100 and 1,000 nodes costs its head and its nodes: real cores and
// codecs, no faults, no checks, no simulated network.
#pragma once

#include <cstdint>

namespace rayd::sim {

enum class ScaleFormat : bool { kTable, kJson };

/// Prints the table, or a line of JSON for each size; `nodes`: of this one only, 0: of all. The
/// status of the program.
int run_scale(ScaleFormat format, uint32_t nodes);

}  // namespace rayd::sim
