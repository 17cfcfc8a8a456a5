// ActorCalls: the caller's side of actors (protocols.md P3, side C): creation, order per caller and
// actor, resending to a new incarnation, failing what may not be repeated.
#pragma once

#include <string>

#include "daemon/node/parts.h"

namespace rayd::node {

class ActorCalls {
 public:
  explicit ActorCalls(Parts& parts) : parts_(parts) {}

  void on_create(NodeContext& context, ClientId client, CreateActor&& message);
  void on_call(NodeContext& context, ClientId client, CallActor&& message);
  void on_kill(NodeContext& context, ClientId client, const KillActor& message);
  void on_get_actor(NodeContext& context, ClientId client, const GetActor& message);
  void on_cancel(NodeContext& context, ClientId client, const Cancel& message);
  /// True if `task` is a call or creation that this part knows (else Tasks does).
  bool owns(TaskId task) const;
  void on_object_ready(NodeContext& context, TaskId task, ObjectId object);
  /// The last reference to an actor of ours is gone: it ends after the calls already made.
  void on_last_handle(NodeContext& context, ActorId actor);
  void on_actor_changed(NodeContext& context, const ActorInfo& info);
  void on_operation_reply(NodeContext& context, const OperationReply& reply);
  void on_peer(NodeContext& context, NodeId from, ActorReply&& message);
  void on_peer(NodeContext& context, NodeId from, StaleIncarnation&& message);
  void on_client_gone(NodeContext& context, ClientId client);
  void on_job_ended(NodeContext& context, JobId job);
  void on_node_dead(NodeContext& context, NodeId node);
  /// After a head restart: subscriptions and unanswered operations again.
  void reannounce(NodeContext& context, Announce& announce);
  void append_to(struct Snapshot& snapshot) const;

 private:
  Parts& parts_;
};

}  // namespace rayd::node
