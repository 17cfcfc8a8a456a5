// Workloads: what the programs of a run may do. A run takes some of these together.
#pragma once

#include <cstdint>

#include "common/base/random.h"
#include "tests/sim/trace.h"

namespace rayd::sim {

/// The features (script.h) of the workloads that this seed has.
uint32_t choose_workloads(Random& random, Trace& trace, Time now);

}  // namespace rayd::sim
