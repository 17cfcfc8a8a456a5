#include "daemon/scheduling/cluster_view.h"

#include <utility>

namespace rayd::scheduling {

void ClusterView::on_view(const NodeView& view) {
  if (view.node == self_) return;
  Node& node = nodes_[view.node];
  if (node.state == NodeState::kDead) return;
  if (node.has_view && view.version <= node.view.version) return;
  if (!std::exchange(node.has_view, true)) ++others_;
  node.view = view;
  if (node.labels == nullptr || *node.labels != view.labels)
    node.labels = std::make_shared<const Labels>(view.labels);
  node.credit_used = {};
  if (view.version > node.excluded_at) node.is_excluded = false;
}

void ClusterView::on_state(NodeId id, NodeState state) {
  if (id == self_) return;
  Node& node = nodes_[id];  // also before its first view: a late one must not revive the dead
  if (node.state == NodeState::kDead) return;
  node.state = state;
  if (state == NodeState::kDead && node.has_view) --others_;
}

void ClusterView::exclude(NodeId id, uint64_t view_version) {
  const auto it = nodes_.find(id);
  if (it == nodes_.end()) return;
  Node& node = it->second;
  if (node.view.version > view_version) return;  // it has said more since
  node.is_excluded = true;
  node.excluded_at = view_version;
}

void ClusterView::on_assigned(NodeId id, const ResourceSet& demand) {
  const auto it = nodes_.find(id);
  if (it != nodes_.end()) it->second.credit_used.add(demand);
}

void ClusterView::on_ended(NodeId id, const ResourceSet& demand) {
  const auto it = nodes_.find(id);
  if (it != nodes_.end()) it->second.credit_used.subtract(demand);
}

void ClusterView::on_spread(NodeId id) {
  ++last_spread_turn_;
  if (id == self_) {
    own_spread_turn_ = last_spread_turn_;
  } else if (const auto it = nodes_.find(id); it != nodes_.end()) {
    it->second.spread_turn = last_spread_turn_;
  }
}

NodeState ClusterView::state_of(NodeId id) const {
  const auto it = nodes_.find(id);
  return it == nodes_.end() ? NodeState::kAlive : it->second.state;
}

ClusterSnapshot ClusterView::snapshot(const ResourceSet& own_total,
                                      const ResourceSet& own_available) const {
  ClusterSnapshot snapshot;
  snapshot.self = self_;
  const auto add_self = [&] {
    snapshot.nodes.push_back({self_, "", own_total, own_available, NodeLoad::Accepts::kYes,
                              own_labels_, own_spread_turn_});
  };
  bool self_done = false;
  for (const auto& [id, node] : nodes_) {
    if (!self_done && self_ < id) {
      add_self();
      self_done = true;
    }
    if (!node.has_view) continue;
    if (node.state == NodeState::kDead || node.state == NodeState::kDraining) continue;
    NodeLoad load;
    load.node = id;
    load.name = node.view.name;
    load.labels = node.labels;
    load.spread_turn = node.spread_turn;
    load.total = node.view.total;
    load.available = node.view.total;
    load.available.subtract(node.view.used);
    load.available.add(node.view.lent);
    load.available.subtract(node.credit_used);
    if (node.state == NodeState::kSuspect || node.is_excluded)
      load.accepts = NodeLoad::Accepts::kNotNow;
    snapshot.nodes.push_back(std::move(load));
  }
  if (!self_done) add_self();
  return snapshot;
}

}  // namespace rayd::scheduling
