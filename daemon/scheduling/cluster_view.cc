#include "daemon/scheduling/cluster_view.h"

#include <algorithm>
#include <utility>

namespace rayd::scheduling {

ClusterView::ClusterView(NodeId self, Labels own_labels) : self_(self) {
  shown_.self = self;
  NodeLoad& own = shown_.nodes.emplace_back();
  own.node = self;
  own.labels = std::make_shared<const Labels>(std::move(own_labels));
}

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
  show(view.node, node);
}

void ClusterView::on_state(NodeId id, NodeState state) {
  if (id == self_) return;
  Node& node = nodes_[id];  // also before its first view: a late one must not revive the dead
  if (node.state == NodeState::kDead) return;
  node.state = state;
  if (state == NodeState::kDead && node.has_view) --others_;
  show(id, node);
}

void ClusterView::exclude(NodeId id, uint64_t view_version) {
  const auto it = nodes_.find(id);
  if (it == nodes_.end()) return;
  Node& node = it->second;
  if (node.view.version > view_version) return;  // it has said more since
  node.is_excluded = true;
  node.excluded_at = view_version;
  show(id, node);
}

void ClusterView::on_assigned(NodeId id, const ResourceSet& demand) {
  const auto it = nodes_.find(id);
  if (it == nodes_.end()) return;
  it->second.credit_used.add(demand);
  show(id, it->second);
}

void ClusterView::on_ended(NodeId id, const ResourceSet& demand) {
  const auto it = nodes_.find(id);
  if (it == nodes_.end()) return;
  it->second.credit_used.subtract(demand);
  show(id, it->second);
}

void ClusterView::on_spread(NodeId id) {
  ++last_spread_turn_;
  if (id == self_) {
    place_of(self_)->spread_turn = last_spread_turn_;
  } else if (const auto it = nodes_.find(id); it != nodes_.end()) {
    it->second.spread_turn = last_spread_turn_;
    show(id, it->second);
  }
}

NodeState ClusterView::state_of(NodeId id) const {
  const auto it = nodes_.find(id);
  return it == nodes_.end() ? NodeState::kAlive : it->second.state;
}

// ---- what policies see --------------------------------------------------------------------------

NodeLoad ClusterView::load_of(NodeId id, const Node& node) {
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
  return load;
}

std::vector<NodeLoad>::iterator ClusterView::place_of(NodeId id) const {
  return std::lower_bound(shown_.nodes.begin(), shown_.nodes.end(), id,
                          [](const NodeLoad& load, NodeId node) { return load.node < node; });
}

void ClusterView::show(NodeId id, const Node& node) {
  const auto place = place_of(id);
  const bool is_shown = place != shown_.nodes.end() && place->node == id;
  const bool is_candidate =
      node.has_view && node.state != NodeState::kDead && node.state != NodeState::kDraining;
  if (is_shown && is_candidate)
    *place = load_of(id, node);
  else if (is_shown)
    shown_.nodes.erase(place);
  else if (is_candidate)
    shown_.nodes.insert(place, load_of(id, node));
}

const ClusterSnapshot& ClusterView::snapshot(const ResourceSet& own_total,
                                             const ResourceSet& own_available) const {
  NodeLoad& own = *place_of(self_);
  own.total = own_total;
  own.available = own_available;
  return shown_;
}

}  // namespace rayd::scheduling
