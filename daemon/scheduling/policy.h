// Where tasks go: functions from a snapshot of the cluster to a plan, and the reasons for people.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/base/random.h"
#include "common/types/resources.h"

namespace rayd::scheduling {

/// One node as a policy sees it.
struct NodeLoad {
  NodeId node;
  std::string name;
  ResourceSet total;
  ResourceSet available;  // may be negative in parts
  /// kFull: no assignments now (suspect, draining, or it refused and has not said more since).
  enum class Accepts : uint8_t { kYes, kNotNow };
  Accepts accepts = Accepts::kYes;
};

struct ClusterSnapshot {
  NodeId self;
  std::vector<NodeLoad> nodes;  // ordered by id
};

struct Plan {
  struct Step {
    NodeId node;
    uint32_t count = 0;
  };
  std::vector<Step> steps;
  uint32_t left = 0;  // no node has room for these now
};

/// How often `demand` fits into `available`, at most `limit` times.
uint32_t fits_times(const ResourceSet& available, const ResourceSet& demand, uint32_t limit);

/// Prefers this node until its room is used, then draws among the least loaded fifth of those that
/// have room (as Ray's hybrid policy; a draw, so that owners do not all choose the same node).
Plan plan_hybrid(const ClusterSnapshot& cluster, const ResourceSet& demand, uint32_t count,
                 Random& random);

/// Empty if a node could run it when it is free; else what is missing and the cure, like
/// "needs GPU 1; no node has more than 0: start a node that has it, or ask for less".
std::string explain_infeasible(const ClusterSnapshot& cluster, const ResourceSet& demand);

/// Like "waits for CPU 1 (0 of 2 free, 2 lent by waiting tasks)".
std::string explain_wait(const ResourceSet& demand, const ResourceSet& total,
                         const ResourceSet& free, Quantity lent_cpu);

}  // namespace rayd::scheduling
