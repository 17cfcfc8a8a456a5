// ActorHost: incarnations that live on this node (protocols.md P3, side B).
//
//   Start ──▶ waiting for a worker ──▶ constructing ──▶ up ──▶ down (reaped, told until
//   acknowledged)
//                     │ refused                          │ lease ran out
//                     ▼                                  ▼
//               StartRefused                     frozen: nothing in, nothing out
#pragma once

#include <optional>

#include "daemon/node/parts.h"

namespace rayd::node {

class ActorHost {
 public:
  explicit ActorHost(Parts& parts) : parts_(parts) {}

  void on_start(NodeContext& context, StartActor&& message);
  void on_end(NodeContext& context, const EndActor& message);
  void on_announce_ack(NodeContext& context, const AnnounceAck& message);
  void on_worker(NodeContext& context, ActorId actor, uint32_t incarnation, ClientId worker);
  void on_worker_failed(NodeContext& context, ActorId actor, uint32_t incarnation, ErrorRef cause);
  void on_worker_died(NodeContext& context, const WorkerDied& message);
  void on_done(NodeContext& context, ClientId worker, Done&& message);
  void on_object_ready(NodeContext& context, TaskId task, ObjectId object);
  void on_peer(NodeContext& context, NodeId from, Attach&& message);
  void on_peer(NodeContext& context, NodeId from, ActorCall&& message);
  void on_peer(NodeContext& context, NodeId from, SkipCall&& message);
  void on_peer(NodeContext& context, NodeId from, CancelCall&& message);
  void on_lease(NodeContext& context, const LeaseRenewed& message);
  void on_node_dead(NodeContext& context, NodeId node);
  /// The actor that lives in this worker; nil if none. A handle it holds to itself is not counted.
  ActorId actor_in(ClientId worker) const;
  void reannounce(Announce& announce) const;
  void on_tick(NodeContext& context);
  std::optional<Time> next_deadline() const;
  void append_to(struct Snapshot& snapshot) const;

 private:
  Parts& parts_;
};

}  // namespace rayd::node
