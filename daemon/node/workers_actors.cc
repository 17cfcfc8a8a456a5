// Dedicated workers for actors.
#include <algorithm>

#include "common/base/check.h"
#include "daemon/node/actor_host.h"
#include "daemon/node/workers.h"

namespace rayd::node {
namespace {

/// How many waiting actors may be passed by one that fits.
constexpr uint32_t kActorsLookedAt = 16;

/// For each kind of resource the larger quantity.
ResourceSet larger_of(const ResourceSet& a, const ResourceSet& b) {
  ResourceSet larger = a;
  larger.cpu = std::max(a.cpu, b.cpu);
  larger.gpu = std::max(a.gpu, b.gpu);
  larger.memory_bytes = std::max(a.memory_bytes, b.memory_bytes);
  for (const auto& [name, quantity] : b.custom) {
    const Quantity missing = quantity - larger.custom_quantity(name);
    if (missing <= 0) continue;
    ResourceSet more;
    more.custom.push_back({name, missing});
    larger.add(more);
  }
  return larger;
}

}  // namespace

uint64_t Workers::oldest_actor_request() const {
  for (const ActorRequest& request : actor_requests_)
    if (request.worker == ClientId{}) return request.order;
  return UINT64_MAX;
}

void Workers::request_for_actor(NodeContext& context, ActorId actor, uint32_t incarnation,
                                const CallTemplate& creation, JobId job) {
  ActorRequest request;
  request.actor = actor;
  request.incarnation = incarnation;
  request.held = larger_of(creation.actor.placement_demand, creation.demand);
  request.running = creation.demand;
  request.runtime = shapes_.hold_runtime_of(creation);
  request.job = job;
  request.name_space = creation.name_space;
  request.order = next_order();
  actor_requests_.push_back(std::move(request));
  serve(context);
}

void Workers::withdraw_actor_request(NodeContext& context, ActorId actor) {
  const auto it = std::find_if(actor_requests_.begin(), actor_requests_.end(),
                               [&](const ActorRequest& r) { return r.actor == actor; });
  if (it == actor_requests_.end()) return;
  const ActorRequest request = *it;
  actor_requests_.erase(it);
  shapes_.drop_runtime(request.runtime);
  if (Worker* worker = find(request.worker)) stop(context, *worker, StopWorker::How::kKill);
  serve(context);
}

// An actor that keeps no CPU may be placed on lent ones: it gives them back when it is
// constructed. One that keeps CPUs for life would leave its lender without.
bool Workers::actor_fits(const ActorRequest& request) const {
  if (!gpus_.fits(gpu_part(request.held))) return false;
  return lendable_part(request.running).is_zero() ? ledger_.fits(request.held)
                                                  : ledger_.fits_unlent(request.held);
}

void Workers::grant_actors(NodeContext& context) {
  // A granted request leaves the list at once if a worker is idle, and calls out: start over.
  uint32_t waiting = 0;
  for (size_t i = 0; i < actor_requests_.size() && waiting < kActorsLookedAt;) {
    ActorRequest& request = actor_requests_[i];
    const bool waits = request.worker == ClientId{};
    if (waits && actor_fits(request) && grant_actor(context, request) == Grant::kGranted) {
      i = 0;
      waiting = 0;
    } else {
      ++i;
      if (waits) ++waiting;
    }
  }
}

Workers::Grant Workers::grant_actor(NodeContext& context, ActorRequest& request) {
  Pool& pool = pool_of(request.runtime);
  Worker* worker = nullptr;
  if (!pool.idle.empty()) {
    worker = pool.idle.back();
    pool.idle.pop_back();
  } else {
    if (pool.retry_at > context.now || starting_ >= max_starting_) return Grant::kWaits;
    if (!may_start()) {
      evict_idle(context);
      return Grant::kWaits;
    }
    worker = &start(context, request.runtime);
  }
  request.worker = worker->id;
  worker->actor = request.actor;
  worker->incarnation = request.incarnation;
  worker->job = request.job;
  worker->name_space = request.name_space;
  hold(*worker, request.held);
  worker->running_demand = request.running;
  if (worker->has_started) give_to_actor(context, *worker);
  return Grant::kGranted;
}

void Workers::give_to_actor(NodeContext& context, Worker& worker) {
  worker.state = Worker::State::kActor;
  worker.since = context.now;
  const auto it = std::find_if(actor_requests_.begin(), actor_requests_.end(),
                               [&](const ActorRequest& r) { return r.worker == worker.id; });
  RAY_CHECK(it != actor_requests_.end());
  shapes_.drop_runtime(it->runtime);
  actor_requests_.erase(it);
  parts_.actor_host.on_worker(context, worker.actor, worker.incarnation, worker.id);
}

}  // namespace rayd::node
