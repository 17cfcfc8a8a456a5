// Workers: the node's worker processes and its resources.
//
//   starting ──▶ idle ◀──▶ busy ◀──▶ blocked (its CPUs are lent)
//                 │          └──────▶ actor (for the life of an incarnation)
//                 └─ idle too long, job ended ──▶ ending ──▶ dead (reaped)
//
// granted − lent ≤ total, except that a lender resumes at once (protocols.md P2 invariant ii).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemon/node/parts.h"
#include "daemon/node/snapshot.h"

namespace rayd::node {

class Workers {
 public:
  explicit Workers(Parts& parts) : parts_(parts) {}

  void on_started(NodeContext& context, const WorkerStarted& message);
  void on_start_failed(NodeContext& context, const WorkerStartFailed& message);
  void on_died(NodeContext& context, const WorkerDied& message);
  void on_blocked(NodeContext& context, ClientId worker);
  void on_unblocked(NodeContext& context, ClientId worker);
  /// Routes a worker's Done to Assignments or ActorHost.
  void on_done(NodeContext& context, ClientId worker, Done&& message);

  /// A dedicated worker for an actor: `placement` is needed to start, `running` is held for its
  /// life. ActorHost::on_worker or on_worker_failed answers.
  void request_for_actor(NodeContext& context, ActorId actor, uint32_t incarnation,
                         const CallTemplate& creation, JobId job);
  void withdraw_actor_request(NodeContext& context, ActorId actor);
  /// Ends a worker: at once (kKill), or after its current call.
  void end(NodeContext& context, ClientId worker, StopWorker::How how);

  bool is_worker(ClientId client) const;
  /// The job of the worker's running task or actor; 0 if it runs none.
  JobId job_of(ClientId worker) const;
  /// True if `demand` fits the node's total at all.
  bool is_feasible(const ResourceSet& demand) const;
  NodeView view() const;
  void on_job_ended(NodeContext& context, JobId job);
  void on_tick(NodeContext& context);
  std::optional<Time> next_deadline() const;
  void append_to(Snapshot& snapshot) const;

 private:
  Parts& parts_;
};

}  // namespace rayd::node
