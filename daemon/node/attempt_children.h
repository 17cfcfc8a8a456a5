// AttemptChildren: which of a client's numbers the calls of one attempt have.
//
// A worker runs one attempt after the other, so an attempt's children are what lies above the last
// number before it began; without the numbers of tasks that ran inline, inside of its waits, and
// have ended.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "common/types/value.h"

namespace rayd::node {

struct AttemptChildren {
  uint64_t after = 0;
  uint64_t upto = UINT64_MAX;  // above: those of a task that runs inline
  std::vector<std::pair<uint64_t, uint64_t>> inline_runs;  // (after, upto], rising
  /// Set: the attempt was cancelled, and what it calls from now on is cancelled too.
  ErrorRef cancelled;

  bool contains(uint64_t seq) const {
    if (seq <= after || seq > upto) return false;
    return std::none_of(inline_runs.begin(), inline_runs.end(),
                        [&](const auto& run) { return seq > run.first && seq <= run.second; });
  }
};

}  // namespace rayd::node
