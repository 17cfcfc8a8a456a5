// Where tasks go: functions from a snapshot of the cluster to a plan, and the reasons for people.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/base/random.h"
#include "common/types/placement.h"
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
  std::shared_ptr<const Labels> labels = nullptr;  // null: none
  uint64_t spread_turn = 0;  // the larger, the later it was given a spread task; 0: never
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

/// Each to the node with room whose last turn is longest ago, so that many small tasks spread as
/// evenly as few large ones. Drawn among those of equal turn.
Plan plan_spread(const ClusterSnapshot& cluster, const ResourceSet& demand, uint32_t count,
                 Random& random);

/// Arguments of at least so many bytes more than here draw a task to the node that has them.
inline constexpr uint64_t kLocalityBytes = uint64_t{1} << 20;

/// What is to be placed.
struct Request {
  const ResourceSet& demand;
  const Placement& placement;
  /// Bytes of its arguments on each node; looked at by the default strategy.
  std::map<NodeId, uint64_t> argument_bytes = {};
};

/// The nodes that the request's strategy and required labels allow, whether they have room or not.
/// A soft affinity allows all when its node is not among them or can never have it.
ClusterSnapshot allowed(const ClusterSnapshot& cluster, const Request& request);

/// The policy of the request's strategy among the allowed nodes; where its preferred labels hold
/// first, then elsewhere.
Plan plan(const ClusterSnapshot& cluster, const Request& request, uint32_t count, Random& random);

/// Empty if a node that is allowed could run it when it is free; else what is missing and the cure,
/// like "needs GPU 1; no node has more than 0: start a node that has it, or ask for less".
std::string explain_infeasible(const ClusterSnapshot& cluster, const Request& request);

/// Where the request may run, for texts: "", "on node-3", "on nodes with zone=a".
std::string where_text(const Placement& placement);

/// Like "waits for CPU 1 (0 of 2 free, 2 lent by waiting tasks)".
std::string explain_wait(const ResourceSet& demand, const ResourceSet& total,
                         const ResourceSet& free, Quantity lent_cpu);

}  // namespace rayd::scheduling
