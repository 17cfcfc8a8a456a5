// Tasks: the owner's side of plain tasks (protocols.md P2, side A), with placement and lineage.
//
//   waiting for arguments ──▶ queued ──Assign(B,k)──▶ assigned(B,k) ──Done/Failed──▶ finished
//                               ▲  Refused, Revoked{not started}: free │
//                               └── Failed with retries left: k+1 ─────┘
//
// A finished record stays as lineage while a return or another record needs it.
#pragma once

#include <optional>
#include <vector>

#include "daemon/node/parts.h"
#include "daemon/node/snapshot.h"

namespace rayd::node {

class Tasks {
 public:
  explicit Tasks(Parts& parts) : parts_(parts) {}

  void on_submit(NodeContext& context, ClientId client, Submit&& message);
  void on_object_ready(NodeContext& context, TaskId task, ObjectId object);
  /// From a client; of a task of this node (others are forwarded to the owner by the caller).
  void on_cancel(NodeContext& context, ClientId client, const Cancel& message);
  void on_job_ended(NodeContext& context, JobId job);
  /// Children of an attempt that died or was cancelled, and of a driver that is gone.
  void cancel_children(NodeContext& context, ClientId parent, ErrorRef cause);

  // terminal and other messages of B (this node included)
  void on_peer(NodeContext& context, NodeId from, Refused&& message);
  void on_peer(NodeContext& context, NodeId from, AttemptDone&& message);
  void on_peer(NodeContext& context, NodeId from, AttemptFailed&& message);
  void on_peer(NodeContext& context, NodeId from, Revoked&& message);

  void on_views(NodeContext& context, const std::vector<NodeView>& changed);
  void on_node_state(NodeContext& context, NodeId node, NodeState state);
  /// A client's call of an actor was accepted, or has ended: counted with its tasks, so that
  /// PublishFinished and ClientSnapshot.unfinished_tasks speak of both.
  void on_call_accepted(ClientId client);
  void on_call_ended(NodeContext& context, ClientId client);
  uint64_t unfinished_of(ClientId client) const;
  /// The last copy of a return of ours is gone: rebuild it (single-flight), or fail it as lost.
  void on_lost(NodeContext& context, ObjectId object);
  /// A return was freed: its record may go.
  void on_return_freed(NodeContext& context, ObjectId object);
  /// Room appeared on this node: place queued tasks.
  void place(NodeContext& context);
  void on_tick(NodeContext& context);
  std::optional<Time> next_deadline() const;
  void append_to(Snapshot& snapshot) const;

 private:
  Parts& parts_;
};

}  // namespace rayd::node
