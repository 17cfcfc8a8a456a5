#include "daemon/head/nodes.h"

#include <algorithm>

#include "common/base/check.h"
#include "daemon/head/actors.h"
#include "daemon/head/groups.h"
#include "daemon/head/jobs.h"

namespace rayd::head {
namespace {

constexpr Duration kViewsInterval = Duration::seconds(1);
/// A tick that is later than this: the head itself was away.
constexpr Duration kAway = Duration::seconds(1);

/// What is left of the scarcest resource of the demand when all that waits there has its share, in
/// 1/10000; often negative.
int64_t free_share(const scheduling::NodeLoad& load, const ResourceSet& demand, uint32_t waiting) {
  int64_t least = INT64_MAX;
  const auto consider = [&](Quantity total, Quantity available, Quantity demanded) {
    if (demanded == 0 || total == 0) return;
    least = std::min(least, (available - int64_t{waiting} * demanded) * 10'000 / total);
  };
  consider(load.total.cpu, load.available.cpu, demand.cpu);
  consider(load.total.gpu, load.available.gpu, demand.gpu);
  consider(load.total.memory_bytes, load.available.memory_bytes, demand.memory_bytes);
  for (const auto& [name, quantity] : demand.custom)
    consider(load.total.custom_quantity(name), load.available.custom_quantity(name), quantity);
  return least;
}

}  // namespace

Nodes::Node* Nodes::find(NodeId node) {
  const auto it = nodes_.find(node);
  return it == nodes_.end() ? nullptr : &it->second;
}

bool Nodes::is_live(NodeId node) const {
  const auto it = nodes_.find(node);
  return it != nodes_.end() && it->second.state != NodeState::kDead;
}

std::optional<KeyHash> Nodes::key_of(NodeId node) const {
  if (!is_live(node)) return std::nullopt;
  return nodes_.at(node).row.identity;
}

bool Nodes::knows(const KeyHash& key) const {
  return !key.is_nil() && std::any_of(nodes_.begin(), nodes_.end(), [&](const auto& entry) {
    return entry.second.row.identity == key;
  });
}

// ---- the journal --------------------------------------------------------------------------------

void Nodes::load(NodeRow&& row) {
  if (row.name.empty()) {
    nodes_.erase(row.node);
    return;
  }
  Node& node = nodes_[row.node];
  node.state = row.state;
  node.ended_in = Node::Epoch::kEarlier;
  node.row = std::move(row);
}

// Those that lived get a full lease to announce themselves, but for the one beside the head, which
// died with it.
void Nodes::begin_epoch(HeadContext& context) {
  std::vector<NodeId> gone;
  for (auto& [id, node] : nodes_) {
    cluster_.on_state(id, node.state);
    if (node.state == NodeState::kDead) continue;
    if (node.row.beside_head == BesideHead::kYes) {
      gone.push_back(id);
      continue;
    }
    node.state = NodeState::kSuspect;
    node.heard = context.now;
    watch(node);
  }
  for (const NodeId id : gone) {
    Node& node = nodes_.at(id);
    declare_dead(context, id, node, "its daemon ran the head, which has started anew");
    node.ended_in = Node::Epoch::kEarlier;
  }
  settle(context);
  forget_dead(context);
}

// With nobody left who could hold anything of theirs, the dead need not be remembered.
void Nodes::forget_dead(HeadContext& context) {
  const bool any = std::any_of(nodes_.begin(), nodes_.end(), [](const auto& entry) {
    return entry.second.state != NodeState::kDead;
  });
  if (any) return;
  for (const auto& [id, node] : nodes_)
    parts_.outbox.append(context, NodeRow{id, {}, NodeState::kDead, 0, BesideHead::kNo, {}});
  nodes_.clear();
}

// ---- coming -------------------------------------------------------------------------------------

void Nodes::on_joins(HeadContext& context, const NodeJoins& message) {
  // A machine that comes again has begun anew: what it was before is over.
  const KeyHash key = message.announce.view.identity;
  std::vector<NodeId> before;
  for (const auto& [id, node] : nodes_)
    if (!key.is_nil() && node.row.identity == key && node.state != NodeState::kDead)
      before.push_back(id);
  for (const NodeId id : before) declare_dead(context, id, nodes_.at(id), "its machine joins anew");
  MembershipRow& membership = parts_.membership;
  const NodeId id{membership.next_node++};
  Node& node = nodes_[id];
  node.row = {id, message.announce.view.name, NodeState::kAlive,
              0,  message.beside_head,        message.announce.view.identity};
  if (node.row.name.empty()) node.row.name = to_string(id);
  node.heard = context.now;
  watch(node);
  node.settled_reported = membership.m;  // whatever died before it came concerns it not
  parts_.outbox.append(context, membership);
  parts_.outbox.append(context, node.row);
  parts_.outbox.emit(context,
                     ToJoiner{message.session, Welcome{membership.epoch, id, membership.m}});
  parts_.outbox.emit(context, HeadEvent{"node_joined", to_string(id) + " " + node.row.name});
}

// Who is it? Its first words will say; ours tell a node of an earlier epoch to announce all it has.
void Nodes::on_connected(HeadContext& context, const NodeConnected& message) {
  parts_.outbox.emit(context, ToJoiner{message.session, Welcome{parts_.membership.epoch, kHeadNode,
                                                                parts_.membership.m}});
}

void Nodes::on_announce(HeadContext& context, NodeId id, const Announce& message) {
  Node& node = nodes_.at(id);
  node.announced = Node::Announced::kYes;
  node.settled_reported = std::max(node.settled_reported, message.settled_reported);
  for (const auto& [other, known] : nodes_)
    if (known.state == NodeState::kDead || (known.state == NodeState::kSuspect && other != id))
      parts_.outbox.to_node(context, id, NodeStateChanged{other, known.state, known.row.m});
  Views views;
  for (const auto& [other, known] : nodes_)
    if (other != id && hears(known)) views.changed.push_back(known.view);
  if (!views.changed.empty()) parts_.outbox.to_node(context, id, std::move(views));
  if (parts_.membership.settled > 0)
    parts_.outbox.to_node(context, id, Settled{parts_.membership.settled});
  note_heard(context, id, node);
  node.view = message.view;
  node.view.node = id;
  cluster_.on_view(node.view);
  changed_views_.insert(id);
  send_views(context);
  settle(context);
}

void Nodes::on_view(HeadContext& context, NodeId id, const NodeView& view) {
  Node& node = nodes_.at(id);
  if (view.version <= node.view.version) return;
  node.view = view;
  node.view.node = id;
  cluster_.on_view(node.view);
  changed_views_.insert(id);
  send_views_in_time(context);
}

// ---- views --------------------------------------------------------------------------------------

void Nodes::send_views_in_time(HeadContext& context) {
  if (views_due_) return;
  const bool is_early = views_sent_at_ && context.now - *views_sent_at_ < kViewsInterval;
  if (!is_early) return send_views(context);
  views_due_ = *views_sent_at_ + kViewsInterval;
}

void Nodes::send_views(HeadContext& context) {
  views_due_.reset();
  views_sent_at_ = context.now;
  for (const auto& [id, node] : nodes_) {
    if (!hears(node)) continue;
    Views views;
    for (const NodeId changed : changed_views_)
      if (changed != id && hears(nodes_.at(changed)))
        views.changed.push_back(nodes_.at(changed).view);
    if (!views.changed.empty()) parts_.outbox.to_node_at_once(context, id, std::move(views));
  }
  changed_views_.clear();
}

// ---- leases -------------------------------------------------------------------------------------

void Nodes::note_heard(HeadContext& context, NodeId id, Node& node) {
  node.heard = context.now;
  if (node.state == NodeState::kSuspect) set_state(context, id, node, NodeState::kAlive);
}

void Nodes::on_renew(HeadContext& context, NodeId id, const RenewLease& message) {
  note_heard(context, id, nodes_.at(id));
  parts_.outbox.to_node_at_once(context, id, LeaseRenewed{message.number});
}

void Nodes::on_disconnected(HeadContext& context, NodeId id) {
  Node* node = find(id);
  if (node == nullptr || node->state != NodeState::kAlive) return;
  set_state(context, id, *node, NodeState::kSuspect);
}

void Nodes::on_leave(HeadContext& context, NodeId id) {
  declare_dead(context, id, nodes_.at(id), "it was stopped");
}

void Nodes::set_state(HeadContext& context, NodeId id, Node& node, NodeState state) {
  node.state = state;
  watch(node);
  cluster_.on_state(id, state);
  tell_all(context, NodeStateChanged{id, state, 0});
  const char* name = state == NodeState::kSuspect ? "node_suspect" : "node_alive";
  parts_.outbox.emit(context, HeadEvent{name, to_string(id) + " " + node.row.name});
}

std::optional<Time> Nodes::lease_deadline(const Node& node) const {
  if (node.row.beside_head == BesideHead::kYes) return std::nullopt;
  switch (node.state) {
    case NodeState::kAlive:
    case NodeState::kDraining: return node.heard + parts_.options.suspect_after;
    case NodeState::kSuspect: return node.heard + parts_.options.dead_after;
    case NodeState::kDead: break;
  }
  return std::nullopt;
}

std::optional<Time> Nodes::next_deadline() const {
  return leases_due_ && (!views_due_ || *leases_due_ < *views_due_) ? leases_due_ : views_due_;
}

void Nodes::watch(const Node& node) {
  const std::optional<Time> due = lease_deadline(node);
  if (due && (!leases_due_ || *due < *leases_due_)) leases_due_ = due;
}

void Nodes::on_tick(HeadContext& context) {
  if (leases_due_ && *leases_due_ <= context.now) check_leases(context);
  if (views_due_ && *views_due_ <= context.now) send_views(context);
}

void Nodes::check_leases(HeadContext& context) {
  Duration late;
  for (const auto& [id, node] : nodes_)
    if (const auto due = lease_deadline(node)) late = std::max(late, context.now - *due);
  if (late > kAway)
    for (auto& [id, node] : nodes_) node.heard = node.heard + late;
  std::vector<NodeId> dead;
  for (auto& [id, node] : nodes_) {
    const auto due = lease_deadline(node);
    if (!due || *due > context.now) continue;
    if (node.state == NodeState::kSuspect)
      dead.push_back(id);
    else
      set_state(context, id, node, NodeState::kSuspect);
  }
  for (const NodeId id : dead) declare_dead(context, id, nodes_.at(id), "its lease ran out");
  leases_due_.reset();
  for (const auto& [id, node] : nodes_) watch(node);
}

// ---- dying --------------------------------------------------------------------------------------

void Nodes::declare_dead(HeadContext& context, NodeId id, Node& node, const std::string& why) {
  MembershipRow& membership = parts_.membership;
  node.state = NodeState::kDead;
  node.ended_in = Node::Epoch::kThis;
  node.row.state = NodeState::kDead;
  node.row.m = ++membership.m;
  parts_.outbox.append(context, membership);
  parts_.outbox.append(context, node.row);
  cluster_.on_state(id, NodeState::kDead);
  changed_views_.erase(id);
  const NodeStateChanged news{id, NodeState::kDead, node.row.m};
  if (node.announced == Node::Announced::kYes) parts_.outbox.to_node(context, id, news);
  tell_all(context, news);
  parts_.outbox.emit(context,
                     HeadEvent{"node_dead", to_string(id) + " " + node.row.name + ": " + why});
  parts_.groups.on_node_dead(context, id);
  parts_.actors.on_node_dead(context, id);
  parts_.jobs.on_node_dead(context, id);
  settle(context);
}

void Nodes::refuse(HeadContext& context, NodeId id) {
  const Node* node = find(id);
  const uint64_t m = node == nullptr ? parts_.membership.m : node->row.m;
  parts_.outbox.to_node(context, id, NodeStateChanged{id, NodeState::kDead, m});
}

void Nodes::on_settled_report(HeadContext& context, NodeId id, uint64_t m) {
  Node& node = nodes_.at(id);
  node.settled_reported = std::max(node.settled_reported, m);
  settle(context);
}

// Announced while m is the newest: every node has processed what it had of all the dead.
void Nodes::settle(HeadContext& context) {
  MembershipRow& membership = parts_.membership;
  if (membership.settled == membership.m) return;
  for (const auto& [id, node] : nodes_)
    if (node.state != NodeState::kDead && node.settled_reported < membership.m) return;
  membership.settled = membership.m;
  parts_.outbox.append(context, membership);
  tell_all(context, Settled{membership.m});
}

// ---- placement ----------------------------------------------------------------------------------

scheduling::ClusterSnapshot Nodes::candidates() const {
  scheduling::ClusterSnapshot cluster = cluster_.snapshot({}, {});
  std::erase_if(cluster.nodes, [&](const scheduling::NodeLoad& load) {
    const auto it = nodes_.find(load.node);
    return it == nodes_.end() || !hears(it->second);
  });
  return cluster;
}

std::optional<NodeId> Nodes::choose(HeadContext& context, const Wanted& wanted) {
  scheduling::ClusterSnapshot cluster = candidates();
  cluster.self = wanted.preferred;
  std::erase_if(cluster.nodes, [&](const scheduling::NodeLoad& load) {
    if (load.accepts != scheduling::NodeLoad::Accepts::kYes) return true;
    const auto it = wanted.excluded.find(load.node);
    return it != wanted.excluded.end() && nodes_.at(load.node).view.version <= it->second;
  });
  const scheduling::Request request{wanted.demand, wanted.placement};
  const auto with_room = [&](const scheduling::ClusterSnapshot& among) -> std::optional<NodeId> {
    const scheduling::Plan plan = scheduling::plan(among, request, 1, context.random);
    if (plan.steps.empty()) return std::nullopt;
    const NodeId node = plan.steps.front().node;
    cluster_.on_assigned(node, wanted.demand);
    if (wanted.placement.strategy == Placement::Strategy::kSpread) cluster_.on_spread(node);
    return node;
  };
  if (wanted.beside_head_is == Wanted::BesideHeadIs::kLast) {
    scheduling::ClusterSnapshot others = cluster;
    std::erase_if(others.nodes, [&](const scheduling::NodeLoad& load) {
      return nodes_.at(load.node).row.beside_head == BesideHead::kYes;
    });
    if (const auto node = with_room(others)) return node;
  }
  if (const auto node = with_room(cluster)) return node;
  // None has room now: where the least waits for its size, with what was sent there since its view;
  // or a thousand actors would all wait at their creator's node.
  std::optional<NodeId> best;
  int64_t best_share = 0;
  for (const scheduling::NodeLoad& load : scheduling::allowed(cluster, request).nodes) {
    if (!load.total.covers(wanted.demand)) continue;
    const int64_t share = free_share(load, wanted.demand, nodes_.at(load.node).view.queued);
    if (best && share < best_share) continue;
    if (best && share == best_share && load.node != wanted.preferred) continue;
    best = load.node;
    best_share = share;
  }
  if (best) cluster_.on_assigned(*best, wanted.demand);
  return best;
}

uint64_t Nodes::view_version(NodeId id) const {
  const auto it = nodes_.find(id);
  return it == nodes_.end() ? 0 : it->second.view.version;
}

std::string Nodes::why_never(const Placement& placement) const {
  const NodeId node = placement.node;
  const bool was_node = node != kHeadNode && node.value < parts_.membership.next_node;
  if (placement.is_bound() && was_node && !is_live(node))
    return "must run on " + to_string(node) + ", which is dead";
  const bool is_in_group = placement.strategy == Placement::Strategy::kBundle;
  if (is_in_group && parts_.groups.state_of(placement.group) == GroupState::kRemoved)
    return "must run in " + to_string(placement.group) + ", which was removed";
  return {};
}

bool Nodes::waits_for_group(const Placement& placement) const {
  return placement.strategy == Placement::Strategy::kBundle &&
         parts_.groups.state_of(placement.group) != GroupState::kCreated;
}

std::string Nodes::explain_infeasible(const scheduling::Request& request) const {
  const scheduling::ClusterSnapshot cluster = candidates();
  return cluster.nodes.empty() ? std::string{} : scheduling::explain_infeasible(cluster, request);
}

void Nodes::append_to(HeadSnapshot& snapshot) const {
  for (const auto& [id, node] : nodes_) {
    if (node.state == NodeState::kDead && node.ended_in == Node::Epoch::kEarlier) continue;
    HeadSnapshot::Node& shown = snapshot.nodes.emplace_back();
    shown.view = node.view;
    shown.view.node = id;
    if (shown.view.name.empty()) shown.view.name = node.row.name;
    shown.state = node.state;
  }
}

}  // namespace rayd::head
