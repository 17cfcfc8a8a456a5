// What the head says, and what a node tells the head of itself.

#include "daemon/node/node_state.h"

namespace rayd::node {
namespace {

constexpr Duration kViewInterval = Duration::millis(100);

}  // namespace

void NodeCore::State::on(NodeContext& context, FromHead&& input) {
  std::visit([&](auto&& message) { on_head(context, std::move(message)); },
             std::move(input.message));
}

// A head that started anew hears all this node holds. One of a lower epoch is the past.
void NodeCore::State::on_head(NodeContext& context, Welcome&& message) {
  if (message.epoch <= epoch) return;
  if (epoch != 0) {  // roots end with the head that ran them
    assignments.on_node_dead(context, kHeadNode);
    objects.drop_results_of_head(context);
  }
  Announce announce;
  announce.epoch = epoch;
  announce.view = workers.view();
  announce.settled_reported = objects.settled_reported();
  actor_host.reannounce(announce);
  actor_calls.reannounce(announce);
  bundles.reannounce(announce);
  groups.reannounce(announce);
  epoch = message.epoch;
  view_sent = announce.view.version;
  context.out.emplace_back(ToHead{std::move(announce)});
  clients.reannounce(context);
  actor_calls.ask_again(context);
  groups.ask_again(context);
}

void NodeCore::State::on_head(NodeContext& context, LeaseRenewed&& message) {
  actor_host.on_lease(context, message);
}

void NodeCore::State::on_head(NodeContext& context, Views&& message) {
  tasks.on_views(context, message.changed);
}

void NodeCore::State::on_head(NodeContext& context, NodeStateChanged&& message) {
  const NodeId node = message.node;
  if (objects.is_dead(node)) return;
  if (node == options.node) {
    // The shell reads this and begins anew as another ordinal.
    if (message.state == NodeState::kDead)
      context.out.emplace_back(Event{Event::Level::kError, "declared_dead", to_string(node)});
    return;
  }
  if (message.state == NodeState::kDead) objects.on_node_dead(context, node, message.m);
  tasks.on_node_state(context, node, message.state);
  if (message.state != NodeState::kDead) return;
  assignments.on_node_dead(context, node);
  actor_calls.on_node_dead(context, node);
  actor_host.on_node_dead(context, node);
}

void NodeCore::State::on_head(NodeContext& context, Settled&& message) {
  objects.on_settled(context, message.m);
}

void NodeCore::State::on_head(NodeContext& context, StartActor&& message) {
  actor_host.on_start(context, std::move(message));
}

void NodeCore::State::on_head(NodeContext& context, EndActor&& message) {
  actor_host.on_end(context, message);
}

void NodeCore::State::on_head(NodeContext& context, ActorChanged&& message) {
  actor_calls.on_actor_changed(context, message.info);
}

void NodeCore::State::on_head(NodeContext& context, AnnounceAck&& message) {
  actor_host.on_announce_ack(context, message);
}

void NodeCore::State::on_head(NodeContext& context, OperationReply&& message) {
  if (clients.expects(message.operation))
    clients.on_operation_reply(context, message);
  else
    actor_calls.on_operation_reply(context, message);
}

void NodeCore::State::on_head(NodeContext& context, JobEnded&& message) {
  clients.on_job_ended(message.job);
  tasks.on_job_ended(context, message.job);
  actor_calls.on_job_ended(context, message.job);
  workers.on_job_ended(context, message.job);
}

void NodeCore::State::on_head(NodeContext& context, PeerMessage&& message) {
  dispatch(context, kHeadNode, std::move(message));
}

void NodeCore::State::on_head(NodeContext& context, ReserveBundles&& message) {
  bundles.on_reserve(context, std::move(message));
}

void NodeCore::State::on_head(NodeContext& context, CommitBundles&& message) {
  bundles.on_commit(context, message);
}

void NodeCore::State::on_head(NodeContext& context, ReturnBundles&& message) {
  bundles.on_return(context, message);
}

void NodeCore::State::on_head(NodeContext& context, GroupChanged&& message) {
  groups.on_changed(context, std::move(message));
}

void NodeCore::State::on_head(NodeContext& context, GroupReply&& message) {
  groups.on_reply(context, std::move(message));
}

// The view leaves when it changed, at most ten times a second.
void NodeCore::State::send_view(NodeContext& context) {
  if (epoch == 0) return;
  if (workers.view_version() == view_sent) return view_due.reset();
  view_due = view_sent_at ? *view_sent_at + kViewInterval : context.now;
  if (*view_due > context.now) return;
  view_due.reset();
  view_sent_at = context.now;
  NodeView view = workers.view();
  view_sent = view.version;
  context.out.emplace_back(ToHead{ViewChanged{std::move(view)}});
}

}  // namespace rayd::node
