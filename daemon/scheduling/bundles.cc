#include "daemon/scheduling/bundles.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <tuple>

namespace rayd::scheduling {
namespace {

struct Room {
  NodeId node;
  ResourceSet left;
  uint32_t bundles = 0;  // of this group
};

bool fits(const Room& room, const ResourceSet& bundle) {
  return bundle.is_zero() || room.left.covers(bundle);
}

/// Larger ones first, for they have fewer places; equal ones in their order.
std::vector<size_t> order_of(const std::vector<ResourceSet>& bundles) {
  std::vector<size_t> order(bundles.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto weight = [&](size_t i) {
    const ResourceSet& set = bundles[i];
    Quantity custom = 0;
    for (const auto& [name, quantity] : set.custom) custom += quantity;
    return std::tuple{set.gpu, custom, set.cpu, set.memory_bytes};
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return weight(a) > weight(b); });
  return order;
}

/// True if `a` is the better place for the next bundle.
bool is_better(const Room& a, const Room& b, GroupStrategy strategy) {
  const bool packs = strategy == GroupStrategy::kPack;
  if (a.bundles != b.bundles) return packs ? a.bundles > b.bundles : a.bundles < b.bundles;
  return a.left.cpu > b.left.cpu;
}

std::optional<std::vector<NodeId>> try_one_by_one(std::vector<Room> rooms,
                                                  const std::vector<ResourceSet>& bundles,
                                                  GroupStrategy strategy) {
  std::vector<NodeId> nodes(bundles.size());
  for (const size_t i : order_of(bundles)) {
    Room* best = nullptr;
    for (Room& room : rooms) {
      if (!fits(room, bundles[i])) continue;
      if (strategy == GroupStrategy::kStrictSpread && room.bundles > 0) continue;
      if (best == nullptr || is_better(room, *best, strategy)) best = &room;
    }
    if (best == nullptr) return std::nullopt;
    nodes[i] = best->node;
    best->left.subtract(bundles[i]);
    ++best->bundles;
  }
  return nodes;
}

std::optional<std::vector<NodeId>> try_one_node(const std::vector<Room>& rooms,
                                                const std::vector<ResourceSet>& bundles) {
  ResourceSet all;
  for (const ResourceSet& bundle : bundles) all.add(bundle);
  const Room* best = nullptr;
  for (const Room& room : rooms)
    if (fits(room, all) && (best == nullptr || room.left.cpu > best->left.cpu)) best = &room;
  if (best == nullptr) return std::nullopt;
  return std::vector<NodeId>(bundles.size(), best->node);
}

std::optional<std::vector<NodeId>> try_all(const std::vector<Room>& rooms,
                                           const std::vector<ResourceSet>& bundles,
                                           GroupStrategy strategy) {
  const bool one_node = strategy == GroupStrategy::kStrictPack;
  // Few nodes at best: one, if one has room for all.
  if (one_node || strategy == GroupStrategy::kPack)
    if (auto nodes = try_one_node(rooms, bundles)) return nodes;
  if (one_node) return std::nullopt;
  return try_one_by_one(rooms, bundles, strategy);
}

std::string why_never(const ClusterSnapshot& cluster, const std::vector<ResourceSet>& bundles,
                      GroupStrategy strategy) {
  static const Placement kAnywhere;
  for (size_t i = 0; i < bundles.size(); ++i) {
    const std::string one = explain_infeasible(cluster, {bundles[i], kAnywhere});
    if (!one.empty()) return "bundle " + std::to_string(i) + " " + one;
  }
  const std::string count = std::to_string(bundles.size());
  if (strategy == GroupStrategy::kStrictSpread)
    return "needs " + count + " nodes, one for each bundle (STRICT_SPREAD), and there are " +
           std::to_string(cluster.nodes.size()) +
           " that could have one: start more, or take SPREAD";
  ResourceSet all;
  for (const ResourceSet& bundle : bundles) all.add(bundle);
  if (strategy == GroupStrategy::kStrictPack)
    return "needs " + all.to_text() +
           " on one node (STRICT_PACK), and no node has all of it: start one, or take PACK";
  return "needs " + all.to_text() + " in " + count +
         " bundles, and the nodes together have not so much: start more, or ask for less";
}

}  // namespace

BundlePlan plan_bundles(const ClusterSnapshot& cluster, const std::vector<ResourceSet>& bundles,
                        GroupStrategy strategy, const std::vector<NodeId>& taken) {
  std::vector<Room> now, free;
  for (const NodeLoad& node : cluster.nodes) {
    const auto of_group = static_cast<uint32_t>(std::count(taken.begin(), taken.end(), node.node));
    free.push_back({node.node, node.total, of_group});
    if (node.accepts == NodeLoad::Accepts::kYes)
      now.push_back({node.node, node.available, of_group});
  }
  BundlePlan plan;
  if (auto nodes = try_all(now, bundles, strategy)) {
    plan.nodes = std::move(*nodes);
  } else if (try_all(free, bundles, strategy)) {
    plan.why = "waits until there is room for all of its bundles";
  } else {
    plan.why = why_never(cluster, bundles, strategy);
    plan.feasible = BundlePlan::Feasible::kNo;
  }
  return plan;
}

}  // namespace rayd::scheduling
