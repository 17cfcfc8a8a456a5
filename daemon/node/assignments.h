// Assignments: attempts this node has accepted (protocols.md P2, side B), its own tasks' included.
//
//   accepted ──pull all arguments──▶ queued ──work ring──▶ slot ──claim──▶ running ──▶ Done |
//   Failed
//                                      ▲                     │ Revoke won: Revoked{not started}
//                                      └── worker blocked, overtaken, or died unclaimed: free
//
// The reservation belongs to a worker's running slot; tasks of the same shape and image queued
// behind it in the ring hold none and inherit it at the claim.
#pragma once

#include <optional>

#include "daemon/node/parts.h"
#include "daemon/node/snapshot.h"

namespace rayd::node {

class Assignments {
 public:
  explicit Assignments(Parts& parts) : parts_(parts) {}

  void on_peer(NodeContext& context, NodeId from, Assign&& message);
  void on_peer(NodeContext& context, NodeId from, Revoke&& message);
  void on_peer(NodeContext& context, NodeId from, Discard&& message);
  void on_object_ready(NodeContext& context, TaskId task, ObjectId object);
  /// A worker's terminal message for a plain task.
  void on_done(NodeContext& context, ClientId worker, Done&& message);
  void on_slot_revoked(NodeContext& context, const SlotRevoked& message);
  void on_worker_died(NodeContext& context, const WorkerDied& message);
  void on_node_dead(NodeContext& context, NodeId node);
  /// Resources or a worker became free: hand out queued attempts.
  void dispatch(NodeContext& context);
  void on_tick(NodeContext& context);
  std::optional<Time> next_deadline() const;
  void append_to(Snapshot& snapshot) const;

 private:
  Parts& parts_;
};

}  // namespace rayd::node
