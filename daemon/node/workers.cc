#include "daemon/node/workers.h"

#include <algorithm>

#include "common/base/check.h"
#include "daemon/node/actor_host.h"
#include "daemon/node/assignments.h"
#include "daemon/node/bundles.h"
#include "daemon/node/clients.h"
#include "daemon/node/node_core.h"
#include "daemon/node/tasks.h"

namespace rayd::node {
namespace {

uint32_t default_max_workers(const ResourceSet& total) {
  return static_cast<uint32_t>(8 * total.cpu / kUnit + 64);
}

}  // namespace

Workers::Workers(Parts& parts)
    : parts_(parts),
      ledger_(parts.options.total),
      gpus_(parts.options.total.gpu),
      max_workers_(parts.options.max_workers != 0 ? parts.options.max_workers
                                                  : default_max_workers(parts.options.total)),
      max_starting_(std::max<uint32_t>(2, static_cast<uint32_t>(parts.options.total.cpu / kUnit))) {
}

Worker* Workers::find(ClientId client) const {
  if (client.node != parts_.options.node.value || client.serial % 2 == 0) return nullptr;
  const auto it = by_serial_.find(client.serial);
  return it == by_serial_.end() ? nullptr : it->second.get();
}

void Workers::on_started(NodeContext& context, const WorkerStarted& message) {
  Worker* worker = find(message.worker);
  if (worker == nullptr || worker->has_started) return;
  worker->has_started = true;
  worker->pid = message.pid;
  parts_.clients.on_worker(worker->id, shapes_.runtime(worker->runtime).image);
  if (worker->state == Worker::State::kEnding) return;  // withdrawn meanwhile
  RAY_CHECK(worker->state == Worker::State::kStarting);
  --starting_;
  if (worker->runs_actor()) {
    give_to_actor(context, *worker);
  } else {
    --pool_of(worker->runtime).starting;
    start_demands_.subtract(worker->start_demand);
    become_idle(context, *worker);
  }
  serve(context);
}

void Workers::on_start_failed(NodeContext& context, const WorkerStartFailed& message) {
  Worker* worker = find(message.worker);
  if (worker == nullptr || worker->has_started) return;
  const RuntimeId runtime = worker->runtime;
  shapes_.hold_runtime(runtime);  // the worker's own hold goes with it
  const bool was_wanted = worker->state == Worker::State::kStarting;
  forget(*worker);
  if (was_wanted) count_start_failure(context, runtime, message.reason);
  shapes_.drop_runtime(runtime);
  serve(context);
}

void Workers::on_died(NodeContext& context, const WorkerDied& message) {
  Worker* worker = find(message.worker);
  if (worker == nullptr) return;
  const RuntimeId runtime = worker->runtime;
  shapes_.hold_runtime(runtime);
  // A worker that dies before it finished anything would be replaced for ever: that is a start
  // that failed. One that died of a task is that task's affair, and its retries are bounded.
  const bool was_actor = worker->runs_actor() && worker->has_started;
  const bool failed_start = worker->state != Worker::State::kEnding && !worker->has_finished &&
                            message.claimed.empty() && !was_actor;
  if (worker->state != Worker::State::kEnding)
    context.out.push_back(Event{
        Event::Level::kWarn, "worker_died",
        to_string(worker->id) + " (pid " + std::to_string(worker->pid) + "): " + message.cause});
  if (worker->state == Worker::State::kIdle) remove_from_idle(*worker);
  parts_.assignments.on_worker_died(context, message);
  forget(*worker);
  if (was_actor) parts_.actor_host.on_worker_died(context, message);
  if (failed_start) count_start_failure(context, runtime, "it ended: " + message.cause);
  shapes_.drop_runtime(runtime);
  serve(context);
}

void Workers::on_blocked(NodeContext& context, ClientId id, Blocked&& message) {
  Worker* worker = find(id);
  if (worker == nullptr || worker->is_blocked) return;
  if (worker->state != Worker::State::kBusy && worker->state != Worker::State::kActor) return;
  if (message.wait != 0 && message.wait <= worker->last_wait) return;  // heard before
  worker->is_blocked = true;
  worker->is_relieved = false;
  worker->blocked_order = next_order();
  worker->wait = message.wait;
  worker->waits_for = std::move(message.objects);
  if (message.wait != 0) worker->last_wait = message.wait;
  worker->lent = lendable_part(worker->held);
  if (!worker->lent.is_zero()) ledger_.lend(worker->lent);
  parts_.assignments.on_worker_blocked(context, *worker);
  serve(context);
}

void Workers::on_unblocked(NodeContext& context, ClientId id) {
  Worker* worker = find(id);
  if (worker == nullptr) return;
  // What was given to it to run inside of its wait has not begun: it would be the one that blocks.
  if (!worker->is_blocked && !worker->outer.empty())
    parts_.assignments.on_wait_over(context, *worker);
  if (!worker->is_blocked) return;
  worker->is_blocked = false;
  if (!worker->lent.is_zero()) ledger_.take_back(worker->lent);
  worker->lent = {};
}

void Workers::on_done(NodeContext& context, ClientId id, Done&& message) {
  Worker* worker = find(id);
  if (worker == nullptr) return;
  if (!worker->has_finished) {
    worker->has_finished = true;
    pool_of(worker->runtime).start_failures = 0;
  }
  if (worker->is_blocked && !worker->runs_actor()) on_unblocked(context, id);
  if (!worker->runs_actor()) {
    parts_.assignments.on_done(context, id, std::move(message));
    serve(context);
    return;
  }
  parts_.tasks.begin_attempt(id);
  if (!worker->is_constructed) {
    worker->is_constructed = true;
    ledger_.release(worker->held);
    worker->held = worker->running_demand;
    ledger_.grant(worker->held);
  }
  parts_.actor_host.on_done(context, id, std::move(message));
  serve(context);
}

void Workers::serve(NodeContext& context) {
  parts_.bundles.on_released(context);
  if (!actor_requests_.empty()) grant_actors(context);
  parts_.assignments.dispatch(context);
  parts_.tasks.on_room_here(context);
}

JobId Workers::job_of(ClientId id) const {
  const Worker* worker = find(id);
  if (worker == nullptr) return {};
  return worker->runs_actor() ? worker->job : parts_.assignments.job_of(*worker);
}

const std::string& Workers::name_space_of(ClientId id) const {
  static const std::string kNone;
  const Worker* worker = find(id);
  if (worker == nullptr) return kNone;
  if (worker->runs_actor()) return worker->name_space;
  const CallTemplate* call = parts_.assignments.running_call(*worker);
  return call == nullptr ? kNone : call->name_space;
}

NodeView Workers::view() const {
  NodeView view = view_of(parts_.options);
  view.version = ledger_.version();
  view.total = ledger_.total();
  view.used = ledger_.granted();
  view.lent = ledger_.lent();
  view.queued = parts_.assignments.queued();
  return view;
}

void Workers::on_job_ended(NodeContext& context, JobId job) {
  parts_.assignments.on_job_ended(context, job);
}

void Workers::on_tick(NodeContext& context) {
  if (retry_deadline_ && *retry_deadline_ <= context.now) {
    retry_deadline_.reset();
    for (const Pool& pool : pools_)
      if (pool.retry_at > context.now)
        retry_deadline_ = std::min(retry_deadline_.value_or(pool.retry_at), pool.retry_at);
    serve(context);
  }
  if (!idle_deadline_ || *idle_deadline_ > context.now) return;
  idle_deadline_.reset();
  const Duration timeout = parts_.options.idle_worker_timeout;
  for (Worker* worker : all_) {
    if (worker->state != Worker::State::kIdle) continue;
    const Time until = worker->since + timeout;
    if (until > context.now) {
      idle_deadline_ = std::min(idle_deadline_.value_or(until), until);
    } else {
      remove_from_idle(*worker);
      stop(context, *worker, StopWorker::How::kGraceful);
    }
  }
}

std::optional<Time> Workers::next_deadline() const {
  if (!idle_deadline_) return retry_deadline_;
  if (!retry_deadline_) return idle_deadline_;
  return std::min(*idle_deadline_, *retry_deadline_);
}

WorkerSnapshot Workers::snapshot_of(const Worker& worker) const {
  WorkerSnapshot snapshot;
  snapshot.worker = worker.id;
  snapshot.pid = worker.pid;
  snapshot.actor = worker.actor;
  snapshot.image = shapes_.runtime(worker.runtime).image;
  switch (worker.state) {
    case Worker::State::kStarting: snapshot.phase = WorkerPhase::kStarting; break;
    case Worker::State::kIdle: snapshot.phase = WorkerPhase::kIdle; break;
    case Worker::State::kBusy: snapshot.phase = WorkerPhase::kBusy; break;
    case Worker::State::kActor: snapshot.phase = WorkerPhase::kActor; break;
    case Worker::State::kEnding: snapshot.phase = WorkerPhase::kEnding; break;
  }
  if (worker.is_blocked) snapshot.phase = WorkerPhase::kBlocked;
  if (!worker.slots.empty()) snapshot.task = parts_.assignments.running_task(worker);
  return snapshot;
}

void Workers::append_to(Snapshot& snapshot) const {
  snapshot.view = view();
  for (const Worker* worker : all_) snapshot.workers.push_back(snapshot_of(*worker));
}

}  // namespace rayd::node
