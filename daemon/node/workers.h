// Workers: the node's worker processes and its resources.
//
//   starting ──▶ idle ◀──▶ busy ◀──▶ blocked (its CPUs are lent)
//                 │          └──────▶ actor (for the life of an incarnation)
//                 └─ idle too long, room needed for another image ──▶ ending ──▶ dead (reaped)
//
// granted − lent ≤ total, except that a lender resumes at once (protocols.md P2 invariant ii).
// Only CPUs are lent. Tasks and actors that hold no CPU once they run may use them; an actor that
// keeps CPUs for life waits for free ones.
//
// A worker of an image serves every job that uses the image; when a job ends, what runs for it is
// killed, and idle workers stay until idle_worker_timeout.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "daemon/node/parts.h"
#include "daemon/node/snapshot.h"
#include "daemon/node/workers_record.h"
#include "daemon/scheduling/gpus.h"
#include "daemon/scheduling/ledger.h"
#include "daemon/scheduling/shapes.h"

namespace rayd::node {

class Workers {
 public:
  explicit Workers(Parts& parts);

  void on_started(NodeContext& context, const WorkerStarted& message);
  void on_start_failed(NodeContext& context, const WorkerStartFailed& message);
  /// Tells Assignments and ActorHost; the caller then ends the client.
  void on_died(NodeContext& context, const WorkerDied& message);
  void on_blocked(NodeContext& context, ClientId worker, Blocked&& message);
  void on_unblocked(NodeContext& context, ClientId worker);
  /// Routes a worker's Done to Assignments or ActorHost.
  void on_done(NodeContext& context, ClientId worker, Done&& message);

  /// A dedicated worker for an actor: `placement` is needed to start and until it is constructed
  /// (its first Done), `running` is held for its life. ActorHost::on_worker or on_worker_failed
  /// answers, perhaps before this returns.
  void request_for_actor(NodeContext& context, ActorId actor, uint32_t incarnation,
                         const CallTemplate& creation, JobId job);
  void withdraw_actor_request(NodeContext& context, ActorId actor);
  /// Ends a worker: at once (kKill), or after its current call.
  void end(NodeContext& context, ClientId worker, StopWorker::How how);

  bool is_worker(ClientId client) const { return find(client) != nullptr; }
  /// The job of the worker's running task or actor; 0 if it runs none.
  JobId job_of(ClientId worker) const;
  /// That of the same job; empty if it runs none.
  const std::string& name_space_of(ClientId worker) const;
  /// True if `demand` fits the node's total at all.
  bool is_feasible(const ResourceSet& demand) const { return ledger_.total().covers(demand); }
  NodeView view() const;
  uint64_t view_version() const { return ledger_.version(); }
  void renew_view() { ledger_.note_change(); }
  void on_job_ended(NodeContext& context, JobId job);
  void on_tick(NodeContext& context);
  std::optional<Time> next_deadline() const;
  void append_to(Snapshot& snapshot) const;

  // ---- for Assignments and Tasks --------------------------------------------------------------
  Worker* find(ClientId client) const;
  scheduling::ShapeTable& shapes() { return shapes_; }
  const scheduling::ShapeTable& shapes() const { return shapes_; }
  const scheduling::Ledger& ledger() const { return ledger_; }
  /// Resources and, of GPUs, devices in one piece.
  bool fits(const ResourceSet& demand) const {
    return ledger_.fits(demand) && gpus_.fits(gpu_part(demand));
  }
  uint32_t max_workers() const { return max_workers_; }
  /// In the order asked, over attempts and actor requests.
  uint64_t next_order() { return next_order_++; }
  /// The oldest actor that waits for resources; UINT64_MAX: none.
  uint64_t oldest_actor_request() const;

  /// An idle worker of the shape's runtime, now busy and holding the shape's demand; nullptr: none.
  /// Precondition: the demand fits.
  Worker* take_idle(NodeContext& context, ShapeId shape);
  /// The worker's last slot is gone: it holds nothing and is idle.
  void become_idle(NodeContext& context, Worker& worker);
  /// Starts workers until `count` of this runtime are starting, within resources and max_workers.
  void want_starts(NodeContext& context, ShapeId shape, uint32_t count);
  bool has_idle(RuntimeId runtime) const;
  bool may_start() const { return all_.size() < max_workers_; }
  uint32_t starting(RuntimeId runtime) const;
  /// No worker can be started, and each waits: a task for something, an actor for a call.
  bool all_blocked_at_limit() const;
  const std::vector<Worker*>& all() const { return all_; }
  /// The worker is given a call to run inside of its wait, with resources of its own; and that has
  /// ended, so that the wait goes on. Precondition of the first: the demand fits.
  void begin_inline(Worker& worker, const ResourceSet& demand);
  void end_inline(Worker& worker);
  /// The wait was over before: it goes on without, while the call keeps its resources.
  void leave_inline(Worker& worker);
  /// The call that was left is taken back; or it runs after all, in place of the one that has
  /// ended.
  void drop_left_over(Worker& worker);
  void run_left_over(Worker& worker, ShapeId shape);

  // ---- for Bundles ------------------------------------------------------------------------------
  void set_apart(const ResourceSet& sum) { ledger_.grant(sum); }
  void take_again(const ResourceSet& sum) { ledger_.release(sum); }
  void add_offer(const ResourceSet& offer) { ledger_.add_total(offer); }
  void remove_offer(const ResourceSet& offer) { ledger_.remove_total(offer); }
  /// Kills every worker that holds one of these resources.
  void end_holders(NodeContext& context, const std::vector<std::string>& resources);

  /// Something became free: actors first, then queued attempts.
  void serve(NodeContext& context);

 private:
  /// The workers of one image and environment.
  struct Pool {
    std::vector<Worker*> idle;    // last in, first out: warm caches; the first is idle longest
    uint32_t starting = 0;        // not those for actors
    uint32_t start_failures = 0;  // since one of them last finished a call
    Time retry_at;                // no start before
  };
  struct ActorRequest {
    ActorId actor;
    uint32_t incarnation = 0;
    ResourceSet held;     // while it is placed and constructed: the larger of both demands
    ResourceSet running;  // afterwards
    RuntimeId runtime = scheduling::kNoId;
    JobId job;
    std::string name_space;
    uint64_t order = 0;
    ClientId worker;  // {0,0}: waits; else the worker that is starting for it
  };
  enum class Grant : uint8_t { kGranted, kWaits };

  Pool& pool_of(RuntimeId runtime);
  Worker& start(NodeContext& context, RuntimeId runtime);
  bool evict_idle(NodeContext& context);
  void stop(NodeContext& context, Worker& worker, StopWorker::How how);
  void hold(Worker& worker, const ResourceSet& demand);
  void remove_from_idle(Worker& worker);
  void release_held(Worker& worker);
  void release_innermost(Worker& worker);
  static void resume_outer(Worker& worker);
  void forget(Worker& worker);
  void count_start_failure(NodeContext& context, RuntimeId runtime, const std::string& reason);
  void fail_runtime(NodeContext& context, RuntimeId runtime, const std::string& reason);

  void grant_actors(NodeContext& context);
  Grant grant_actor(NodeContext& context, ActorRequest& request);
  bool actor_fits(const ActorRequest& request) const;
  void give_to_actor(NodeContext& context, Worker& worker);
  WorkerSnapshot snapshot_of(const Worker& worker) const;

  Parts& parts_;
  scheduling::ShapeTable shapes_;
  scheduling::Ledger ledger_;
  scheduling::Gpus gpus_;
  uint32_t max_workers_ = 0;
  uint32_t max_starting_ = 0;
  std::unordered_map<uint32_t, std::unique_ptr<Worker>> by_serial_;  // looked up only
  std::vector<Worker*> all_;                                         // by serial
  std::vector<Pool> pools_;                                          // by runtime
  std::vector<ActorRequest> actor_requests_;                         // by order
  ResourceSet start_demands_;  // what workers that are starting will be given
  uint32_t starting_ = 0;
  uint32_t next_serial_ = 1;
  uint64_t next_order_ = 1;
  std::optional<Time> idle_deadline_;
  std::optional<Time> retry_deadline_;
};

}  // namespace rayd::node
