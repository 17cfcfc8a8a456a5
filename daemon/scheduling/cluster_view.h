// ClusterView: what one node knows of all nodes' room: their last views, plus what it has itself
// assigned and got back since. This is the credit it plans with: nobody asks for a lease.
#pragma once

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "common/types/head_messages.h"
#include "daemon/scheduling/policy.h"

namespace rayd::scheduling {

class ClusterView {
 public:
  explicit ClusterView(NodeId self, Labels own_labels = {});

  /// A view that is not newer than the one known is ignored.
  void on_view(const NodeView& view);
  void on_state(NodeId node, NodeState state);
  /// The node refused an assignment at this version of its view: nothing more goes there until a
  /// newer one.
  void exclude(NodeId node, uint64_t view_version);

  void on_assigned(NodeId node, const ResourceSet& demand);
  void on_ended(NodeId node, const ResourceSet& demand);

  /// A spread task went there: its next turn comes after the others'.
  void on_spread(NodeId node);

  /// No other node could be given work, now or later.
  bool is_alone() const { return others_ == 0; }
  NodeState state_of(NodeId node) const;

  /// For policies; valid until the next call of anything here. This node's own numbers are exact,
  /// so the caller gives them. What it shows changes with each of the others, so that a placement
  /// among a thousand nodes copies none.
  const ClusterSnapshot& snapshot(const ResourceSet& own_total,
                                  const ResourceSet& own_available) const;

 private:
  struct Node {
    NodeView view;
    bool has_view = false;
    NodeState state = NodeState::kAlive;
    ResourceSet credit_used;  // assigned since the view, minus ended since the view
    uint64_t excluded_at = 0;
    bool is_excluded = false;
    std::shared_ptr<const Labels> labels = nullptr;
    uint64_t spread_turn = 0;
  };

  static NodeLoad load_of(NodeId id, const Node& node);
  std::vector<NodeLoad>::iterator place_of(NodeId id) const;
  /// Shows the node as it is now.
  void show(NodeId id, const Node& node);

  NodeId self_;
  uint64_t last_spread_turn_ = 0;
  mutable ClusterSnapshot shown_;
  std::map<NodeId, Node> nodes_;
  size_t others_ = 0;  // nodes other than this one, not dead
};

}  // namespace rayd::scheduling
