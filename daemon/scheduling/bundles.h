// Where the bundles of a placement group go: a function from a snapshot of the cluster to a node
// for each, all or none.
#pragma once

#include <string>
#include <vector>

#include "common/types/group.h"
#include "daemon/scheduling/policy.h"

namespace rayd::scheduling {

struct BundlePlan {
  /// One for each bundle asked for; empty: there is no room for all of them now.
  std::vector<NodeId> nodes;
  /// Without nodes: why, and whether nodes that are all free could have them.
  std::string why;
  enum class Feasible : bool { kNo, kYes };
  Feasible feasible = Feasible::kYes;
};

/// Large bundles first.
///   PACK           the fewest nodes: each onto a node that has one, while it fits
///   SPREAD         each onto the node with the fewest of the group, while others fit
///   STRICT_PACK    all onto one node
///   STRICT_SPREAD  no two on one node
/// `taken`: the nodes of the group's bundles that have a place already.
BundlePlan plan_bundles(const ClusterSnapshot& cluster, const std::vector<ResourceSet>& bundles,
                        GroupStrategy strategy, const std::vector<NodeId>& taken);

}  // namespace rayd::scheduling
