// Nodes: ordinals, leases and membership (protocols.md §5), and each node's view.
//
//   joins ──announces──▶ alive ◀──renews──▶ suspect ──lease over──▶ dead ──all reported──▶ settled
//                                 silence, or its connection closed
//
// Silence is counted from the last receipt. The node whose daemon runs the head too is never
// silent: it sleeps and dies with the head. When the head itself was away (a suspended machine),
// the time does not count against anybody.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "daemon/head/head_core.h"
#include "daemon/head/head_parts.h"
#include "daemon/scheduling/cluster_view.h"

namespace rayd::head {

/// What a placement needs and prefers.
struct Wanted {
  ResourceSet demand;
  rayd::Placement placement;
  NodeId preferred;                     // 0: none
  std::map<NodeId, uint64_t> excluded;  // until a view newer than this
  enum class BesideHeadIs : uint8_t { kAsGood, kLast };
  BesideHeadIs beside_head_is = BesideHeadIs::kAsGood;
};

class Nodes {
 public:
  explicit Nodes(HeadParts& parts) : parts_(parts), cluster_(kHeadNode) {}

  void load(NodeRow&& row);
  void begin_epoch(HeadContext& context);

  void on_joins(HeadContext& context, const NodeJoins& message);
  void on_connected(HeadContext& context, const NodeConnected& message);
  void on_disconnected(HeadContext& context, NodeId node);
  /// The caller then reconciles actors.
  void on_announce(HeadContext& context, NodeId node, const Announce& message);
  void on_renew(HeadContext& context, NodeId node, const RenewLease& message);
  void on_view(HeadContext& context, NodeId node, const NodeView& view);
  void on_settled_report(HeadContext& context, NodeId node, uint64_t m);
  void on_leave(HeadContext& context, NodeId node);
  void on_tick(HeadContext& context);
  std::optional<Time> next_deadline() const;

  /// An ordinal that is in use; the others are dead.
  bool is_live(NodeId node) const;
  /// Whose key a live one has.
  std::optional<KeyHash> key_of(NodeId node) const;
  /// A machine with this key is, or was, a member.
  bool knows(const KeyHash& key) const;
  /// It is dead, and a message came from it: it is told so.
  void refuse(HeadContext& context, NodeId node);
  /// To every live node that has announced itself.
  template <class Message>
  void tell_all(HeadContext& context, const Message& message) {
    for (const auto& [id, node] : nodes_)
      if (hears(node)) parts_.outbox.to_node(context, id, message);
  }

  /// A node with room now, else one that will have room; nullopt: none can ever have it.
  std::optional<NodeId> choose(HeadContext& context, const Wanted& wanted);
  /// Empty if some node can have it, or if there are no nodes yet.
  std::string explain_infeasible(const scheduling::Request& request) const;
  /// Not empty: no node can ever be what is asked for: "must run on node-2, which is dead".
  std::string why_never(const Placement& placement) const;
  /// It asks for a bundle of a group that has no place (yet).
  bool waits_for_group(const Placement& placement) const;

  // ---- for Groups
  /// The nodes that have announced themselves.
  scheduling::ClusterSnapshot candidates() const;
  /// So much is asked of it: counts until a newer view comes.
  void on_reserved(NodeId node, const ResourceSet& demand) { cluster_.on_assigned(node, demand); }
  /// Of the view that is known; 0: no such node.
  uint64_t view_version(NodeId node) const;
  /// What has changed goes to all now.
  void send_views(HeadContext& context);

  void append_to(HeadSnapshot& snapshot) const;

 private:
  struct Node {
    NodeRow row;
    NodeState state = NodeState::kAlive;
    NodeView view;
    Time heard;
    uint64_t settled_reported = 0;  // membership version
    enum class Announced : bool { kNo, kYes };
    Announced announced = Announced::kNo;
    enum class Epoch : uint8_t { kThis, kEarlier };
    Epoch ended_in = Epoch::kThis;  // dead ones of earlier epochs are not shown
  };

  static bool hears(const Node& node) {
    return node.state != NodeState::kDead && node.announced == Node::Announced::kYes;
  }
  Node* find(NodeId node);
  void note_heard(HeadContext& context, NodeId id, Node& node);
  void set_state(HeadContext& context, NodeId id, Node& node, NodeState state);
  void declare_dead(HeadContext& context, NodeId id, Node& node, const std::string& why);
  void settle(HeadContext& context);
  void forget_dead(HeadContext& context);
  std::optional<Time> lease_deadline(const Node& node) const;
  void watch(const Node& node);
  void check_leases(HeadContext& context);
  void send_views_in_time(HeadContext& context);

  HeadParts& parts_;
  std::map<NodeId, Node> nodes_;
  scheduling::ClusterView cluster_;
  std::set<NodeId> changed_views_;
  std::optional<Time> views_sent_at_;
  std::optional<Time> views_due_;
  /// No lease runs out before; a renewal, which comes often, leaves it as it is.
  std::optional<Time> leases_due_;
};

}  // namespace rayd::head
