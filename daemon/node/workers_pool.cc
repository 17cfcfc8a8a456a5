// Starting, reusing and ending worker processes.
#include <algorithm>

#include "common/base/check.h"
#include "common/types/bundle_resources.h"
#include "daemon/node/actor_host.h"
#include "daemon/node/assignments.h"
#include "daemon/node/workers.h"

namespace rayd::node {
namespace {

/// Starts of one image that may fail in a row before the work that waits for it fails.
constexpr uint32_t kMaxStartFailures = 3;
/// Programs that were given none see none, unless their environment says otherwise.
void hide_gpus(std::vector<std::pair<std::string, std::string>>& environment) {
  const std::pair<std::string, std::string> none{"CUDA_VISIBLE_DEVICES", ""};
  const auto place = std::lower_bound(environment.begin(), environment.end(), none);
  if (place == environment.end() || place->first != none.first) environment.insert(place, none);
}

constexpr Duration kRetryStartAfter = Duration::millis(50);  // times the failures so far

}  // namespace

Workers::Pool& Workers::pool_of(RuntimeId runtime) {
  if (pools_.size() <= runtime) pools_.resize(runtime + 1);
  return pools_[runtime];
}

bool Workers::has_idle(RuntimeId runtime) const {
  return runtime < pools_.size() && !pools_[runtime].idle.empty();
}

uint32_t Workers::starting(RuntimeId runtime) const {
  return runtime < pools_.size() ? pools_[runtime].starting : 0;
}

Worker* Workers::take_idle(NodeContext& context, ShapeId shape) {
  const scheduling::Shape& what = shapes_.shape(shape);
  Pool& pool = pool_of(what.runtime);
  if (pool.idle.empty()) return nullptr;
  Worker* worker = pool.idle.back();
  pool.idle.pop_back();
  worker->state = Worker::State::kBusy;
  worker->since = context.now;
  worker->shape = shape;
  hold(*worker, what.demand);
  return worker;
}

void Workers::become_idle(NodeContext& context, Worker& worker) {
  RAY_CHECK(worker.slots.empty());
  if (worker.state == Worker::State::kEnding) return;  // holds what it held until it is reaped
  // What it left on its GPUs goes with the process.
  if (!worker.gpus.empty()) return stop(context, worker, StopWorker::How::kGraceful);
  release_held(worker);
  worker.state = Worker::State::kIdle;
  worker.since = context.now;
  worker.shape = scheduling::kNoId;
  worker.condemned_for = scheduling::kNoId;
  pool_of(worker.runtime).idle.push_back(&worker);
  if (!idle_deadline_) idle_deadline_ = context.now + parts_.options.idle_worker_timeout;
}

void Workers::release_held(Worker& worker) {
  release_innermost(worker);
  while (!worker.outer.empty()) {
    resume_outer(worker);
    release_innermost(worker);
  }
  drop_left_over(worker);
}

void Workers::release_innermost(Worker& worker) {
  worker.is_blocked = false;
  if (!worker.lent.is_zero()) ledger_.take_back(worker.lent);
  worker.lent = {};
  if (!worker.held.is_zero()) ledger_.release(worker.held);
  worker.held = {};
  gpus_.give_back(worker.gpus);
  worker.gpus.clear();
}

void Workers::hold(Worker& worker, const ResourceSet& demand) {
  worker.held = demand;
  ledger_.grant(demand);
  worker.gpus = gpus_.take(gpu_part(demand));
}

void Workers::end_holders(NodeContext& context, const std::vector<std::string>& resources) {
  std::vector<ClientId> holders;
  for (const Worker* worker : all_) {
    const bool holds = std::any_of(resources.begin(), resources.end(), [&](const auto& name) {
      return worker->held.custom_quantity(name) > 0 ||
             worker->left_over.held.custom_quantity(name) > 0 ||
             std::any_of(worker->outer.begin(), worker->outer.end(), [&](const OuterCall& outer) {
               return outer.held.custom_quantity(name) > 0;
             });
    });
    if (holds) holders.push_back(worker->id);
  }
  for (const ClientId holder : holders) end(context, holder, StopWorker::How::kKill);
}

void Workers::remove_from_idle(Worker& worker) {
  std::erase(pool_of(worker.runtime).idle, &worker);
}

Worker& Workers::start(NodeContext& context, RuntimeId runtime) {
  auto owned = std::make_unique<Worker>();
  Worker& worker = *owned;
  worker.id = {parts_.options.node.value, next_serial_};
  next_serial_ += 2;
  worker.runtime = runtime;
  worker.since = context.now;
  shapes_.hold_runtime(runtime);
  by_serial_.emplace(worker.id.serial, std::move(owned));
  all_.push_back(&worker);
  ++starting_;
  const scheduling::Runtime& what = shapes_.runtime(runtime);
  StartWorker action{worker.id, what.image, what.environment};
  const bool hides_gpus = what.gpus == scheduling::Runtime::Gpus::kNo && ledger_.total().gpu > 0;
  if (hides_gpus) hide_gpus(action.environment);
  context.out.push_back(std::move(action));
  return worker;
}

void Workers::want_starts(NodeContext& context, ShapeId shape, uint32_t count) {
  const scheduling::Shape& what = shapes_.shape(shape);
  Pool& pool = pool_of(what.runtime);
  if (pool.retry_at > context.now) return;
  while (pool.starting < count && starting_ < max_starting_) {
    ResourceSet demands = start_demands_;
    demands.add(what.demand);
    if (!fits(demands)) return;
    if (!may_start()) {
      evict_idle(context);
      return;
    }
    ++pool.starting;
    start_demands_ = std::move(demands);
    start(context, what.runtime).start_demand = what.demand;
  }
}

// At max_workers: the one that is idle longest makes room, one at a time.
bool Workers::evict_idle(NodeContext& context) {
  Worker* longest = nullptr;
  for (Worker* worker : all_) {
    if (worker->state == Worker::State::kEnding) return true;  // room is on its way
    if (worker->state != Worker::State::kIdle) continue;
    if (longest == nullptr || worker->since < longest->since) longest = worker;
  }
  if (longest == nullptr) return false;
  remove_from_idle(*longest);
  stop(context, *longest, StopWorker::How::kGraceful);
  return true;
}

void Workers::stop(NodeContext& context, Worker& worker, StopWorker::How how) {
  if (worker.state == Worker::State::kStarting) {
    --starting_;
    if (!worker.runs_actor()) {
      --pool_of(worker.runtime).starting;
      start_demands_.subtract(worker.start_demand);
    }
  }
  worker.state = Worker::State::kEnding;
  worker.is_killed = how == StopWorker::How::kKill;
  context.out.push_back(StopWorker{worker.id, how});
}

void Workers::end(NodeContext& context, ClientId id, StopWorker::How how) {
  Worker* worker = find(id);
  if (worker == nullptr || worker->is_killed) return;
  if (worker->state == Worker::State::kEnding && how == StopWorker::How::kGraceful) return;
  if (worker->state == Worker::State::kIdle) remove_from_idle(*worker);
  stop(context, *worker, how);
}

// The process is gone, or never was.
void Workers::forget(Worker& worker) {
  if (worker.state == Worker::State::kStarting) {
    --starting_;
    if (!worker.runs_actor()) {
      --pool_of(worker.runtime).starting;
      start_demands_.subtract(worker.start_demand);
    }
  }
  if (worker.runs_actor() && !worker.has_started) {
    // Its actor waits again, at its old place in the order.
    for (ActorRequest& request : actor_requests_)
      if (request.worker == worker.id) request.worker = {};
  }
  release_held(worker);
  shapes_.drop_runtime(worker.runtime);
  std::erase(all_, &worker);
  by_serial_.erase(worker.id.serial);
}

void Workers::count_start_failure(NodeContext& context, RuntimeId runtime,
                                  const std::string& reason) {
  context.out.push_back(
      Event{Event::Level::kWarn, "worker_start_failed",
            "image " + to_string(shapes_.runtime(runtime).image) + ": " + reason});
  Pool& pool = pool_of(runtime);
  if (++pool.start_failures >= kMaxStartFailures) {
    pool.start_failures = 0;
    fail_runtime(context, runtime, reason);
    return;
  }
  pool.retry_at = context.now + Duration{kRetryStartAfter.ns * pool.start_failures};
  retry_deadline_ = std::min(retry_deadline_.value_or(pool.retry_at), pool.retry_at);
}

void Workers::fail_runtime(NodeContext& context, RuntimeId runtime, const std::string& reason) {
  auto error = std::make_shared<ErrorInfo>();
  error->code = ErrorCode::kRuntimeEnv;
  error->node = parts_.options.node;
  error->message = "no worker process of image " + to_string(shapes_.runtime(runtime).image) +
                   " could be started on " + to_string(parts_.options.node) + ", " +
                   std::to_string(kMaxStartFailures) + " times in a row; the last time: " + reason;
  parts_.assignments.fail_runtime(context, runtime, error);
  std::vector<ActorRequest> failed;
  for (const ActorRequest& request : actor_requests_)
    if (request.runtime == runtime && request.worker == ClientId{}) failed.push_back(request);
  std::erase_if(actor_requests_, [&](const ActorRequest& request) {
    return request.runtime == runtime && request.worker == ClientId{};
  });
  for (const ActorRequest& request : failed) {
    shapes_.drop_runtime(request.runtime);
    parts_.actor_host.on_worker_failed(context, request.actor, request.incarnation, error);
  }
}

bool Workers::all_blocked_at_limit() const {
  if (may_start()) return false;
  return std::all_of(all_.begin(), all_.end(), [&](const Worker* worker) {
    if (worker->is_blocked) return true;
    return worker->state == Worker::State::kActor && !parts_.actor_host.is_at_work(worker->id);
  });
}

}  // namespace rayd::node
