// Who runs next, and where: queues by shape, free CPUs first, then lines behind running tasks.
#include <algorithm>

#include "common/base/check.h"
#include "daemon/node/assignments.h"
#include "daemon/node/objects.h"
#include "daemon/node/workers.h"
#include "daemon/scheduling/policy.h"

namespace rayd::node {
namespace {

/// How deep lines are while durations are not known.
constexpr size_t kFirstLines = 8;

}  // namespace

// ---- queues -------------------------------------------------------------------------------------

Assignments::ShapeQueue& Assignments::queue_of(ShapeId shape) {
  if (queues_.size() <= shape) queues_.resize(shape + 1);
  return queues_[shape];
}

// One that comes back takes its old place.
void Assignments::enqueue(uint32_t index) {
  Attempt& attempt = attempts_[index];
  if (attempt.order == 0) attempt.order = parts_.workers.next_order();
  promise(attempt);
  attempt.phase = Attempt::Phase::kQueued;
  attempt.worker = nullptr;
  ShapeQueue& queue = queue_of(attempt.shape);
  if (queue.by_depth.size() <= attempt.depth) queue.by_depth.resize(attempt.depth + 1u);
  std::deque<QueueEntry>& line = queue.by_depth[attempt.depth];
  const QueueEntry entry{attempt.order, index};
  if (line.empty() || line.back().order < entry.order) {
    line.push_back(entry);
  } else {
    auto place = line.begin();
    while (place->order < entry.order) ++place;
    if (place->order == entry.order) {
      *place = entry;  // its own entry is still there
    } else {
      line.insert(place, entry);
    }
  }
  ++queue.live;
  ++queued_;
  if (!queue.is_listed) {
    queue.is_listed = true;
    waiting_.push_back(attempt.shape);
  }
}

// Its entry stays behind and is skipped.
void Assignments::leave_queue(Attempt& attempt) {
  RAY_CHECK(attempt.phase == Attempt::Phase::kQueued);
  --queue_of(attempt.shape).live;
  --queued_;
  attempt.phase = Attempt::Phase::kPulling;
}

/// The attempt that is next. Precondition: one waits.
uint32_t Assignments::head(ShapeQueue& queue) {
  for (size_t depth = queue.by_depth.size(); depth-- > 0;) {
    std::deque<QueueEntry>& line = queue.by_depth[depth];
    while (!line.empty()) {
      const QueueEntry& entry = line.front();
      const Attempt& attempt = attempts_[entry.index];
      if (attempt.phase == Attempt::Phase::kQueued && attempt.order == entry.order)
        return entry.index;
      line.pop_front();
    }
  }
  RAY_CHECK(false);
  return kNoAttempt;
}

uint64_t Assignments::head_order(ShapeId shape) {
  ShapeQueue& queue = queue_of(shape);
  return queue.live == 0 ? UINT64_MAX : attempts_[head(queue)].order;
}

// ---- dispatch -----------------------------------------------------------------------------------

void Assignments::dispatch(NodeContext& context) {
  if (is_dispatching_ || (waiting_.empty() && active_.empty())) return;
  is_dispatching_ = true;
  if (!waiting_.empty()) {
    sort_waiting();
    // By position: what is resolved on the way may add shapes at the end.
    for (size_t i = 0; i < waiting_.size(); ++i) place_on_free(context, waiting_[i]);
    const uint64_t barrier = std::min(parts_.workers.oldest_actor_request(), oldest_starved());
    for (size_t i = 0; i < waiting_.size(); ++i) line_up(context, waiting_[i], barrier);
    sort_waiting();
  }
  take_back_overtaken(context);
  is_dispatching_ = false;
}

// Oldest head first; shapes where nothing waits leave.
void Assignments::sort_waiting() {
  std::erase_if(waiting_, [&](ShapeId shape) {
    ShapeQueue& queue = queue_of(shape);
    if (queue.live > 0) return false;
    queue.is_listed = false;
    for (std::deque<QueueEntry>& line : queue.by_depth) line.clear();
    return true;
  });
  if (waiting_.size() < 2) return;
  std::sort(waiting_.begin(), waiting_.end(),
            [&](ShapeId a, ShapeId b) { return head_order(a) < head_order(b); });
}

// A task for each free CPU that has a worker; workers for the other free CPUs.
void Assignments::place_on_free(NodeContext& context, ShapeId shape) {
  ShapeQueue& queue = queue_of(shape);
  const scheduling::Shape& what = parts_.workers.shapes().shape(shape);
  std::vector<Value> values;
  while (queue.live > 0 && parts_.workers.fits(what.demand)) {
    if (!parts_.workers.has_idle(what.runtime)) {
      parts_.workers.want_starts(context, shape, queue.live);
      return;
    }
    const uint32_t index = head(queue);
    if (!resolve(context, index, values)) continue;
    Worker* worker = parts_.workers.take_idle(context, shape);
    join_shape(*worker, shape);
    push(context, *worker, index, std::move(values));
  }
}

// Lines behind running tasks, on the shortest line first.
void Assignments::line_up(NodeContext& context, ShapeId shape, uint64_t barrier) {
  const scheduling::Shape& what = parts_.workers.shapes().shape(shape);
  if (what.exclusive == scheduling::Shape::Exclusive::kYes) return;
  ShapeQueue& queue = queue_of(shape);
  if (queue.workers.empty()) return;
  const size_t limit = line_limit(queue, shape);
  std::vector<Value> values;
  while (queue.live > 0) {
    const uint32_t index = head(queue);
    if (attempts_[index].order > barrier) return;
    Worker* worker = shortest_line(context, queue, limit, attempts_[index].task.client());
    if (worker == nullptr) return;
    if (!resolve(context, index, values)) continue;
    push(context, *worker, index, std::move(values));
  }
}

// The oldest attempt whose shape runs nowhere because its resources are in use: lines of younger
// tasks must not keep them in use.
uint64_t Assignments::oldest_starved() {
  uint64_t oldest = UINT64_MAX;
  for (const ShapeId shape : waiting_) {
    const scheduling::Shape& what = parts_.workers.shapes().shape(shape);
    if (!queue_of(shape).workers.empty() || parts_.workers.fits(what.demand)) continue;
    oldest = std::min(oldest, head_order(shape));
  }
  return oldest;
}

// About `overtake_after` of work, and while workers are starting no more than a fair share.
size_t Assignments::line_limit(const ShapeQueue& queue, ShapeId shape) const {
  const size_t depth = std::max<uint32_t>(1, parts_.options.pipeline_depth);
  size_t limit = std::min(depth, kFirstLines);
  if (queue.usual_ns >= 0) {
    const int64_t fitting = parts_.options.overtake_after.ns / std::max<int64_t>(1, queue.usual_ns);
    limit = std::min(depth, static_cast<size_t>(std::max<int64_t>(1, fitting)));
  }
  const scheduling::Shape& what = parts_.workers.shapes().shape(shape);
  const uint32_t starting = parts_.workers.starting(what.runtime);
  if (starting == 0) return limit;
  size_t tasks = queue.live;
  for (const Worker* worker : queue.workers) tasks += worker->slots.size();
  const size_t sharing = queue.workers.size() + starting;
  return std::min(limit, (tasks + sharing - 1) / sharing);
}

// Not behind the task that submitted it, which is likely to wait for it; not behind a long one.
Worker* Assignments::shortest_line(NodeContext& context, const ShapeQueue& queue, size_t limit,
                                   ClientId submitter) const {
  Worker* shortest = nullptr;
  for (Worker* worker : queue.workers) {
    if (worker->slots.size() >= limit || worker->state != Worker::State::kBusy) continue;
    if (worker->is_blocked || worker->revoking > 0 || worker->id == submitter) continue;
    if (worker->condemned_for != kNoAttempt || !worker->outer.empty()) continue;
    if (worker->slots.size() > 1 && worker->slots[1].is_left_over) continue;  // of another shape
    // As take_back_overtaken has it: what is taken back must not line up there again.
    if (context.now - worker->since >= parts_.options.overtake_after) continue;
    if (shortest == nullptr || worker->slots.size() < shortest->slots.size()) shortest = worker;
  }
  return shortest;
}

void Assignments::join_shape(Worker& worker, ShapeId shape) {
  ShapeQueue& queue = queue_of(shape);
  if (queue.workers.empty()) active_.push_back(shape);
  queue.workers.push_back(&worker);
}

void Assignments::leave_shape(Worker& worker) {
  ShapeQueue& queue = queue_of(worker.shape);
  std::erase(queue.workers, &worker);
  if (queue.workers.empty()) std::erase(active_, worker.shape);
  worker.shape = scheduling::kNoId;
}

void Assignments::push(NodeContext& context, Worker& worker, uint32_t index,
                       std::vector<Value>&& values) {
  Run run = enter_slot(context, worker, index, std::move(values));
  worker.slots.push_back({index, Slot::State::kQueued});
  if (worker.slots.size() == 1) {
    worker.since = context.now;
    worker.depth = attempts_[index].depth;
  }
  context.out.push_back(ToWorker{worker.id, std::move(run)});
}

// What is to be pushed into the worker's ring; the slot is the caller's to enter.
Run Assignments::enter_slot(NodeContext& context, Worker& worker, uint32_t index,
                            std::vector<Value>&& values) {
  Attempt& attempt = attempts_[index];
  leave_queue(attempt);
  attempt.phase = Attempt::Phase::kSlot;
  attempt.worker = &worker;
  fulfil_promise(attempt);
  for (const Value& value : values) {
    for (const ObjectId object : value.contains) {
      parts_.objects.grant(context, worker.id, object);
      attempt.granted.push_back(object);
    }
  }
  Run run{attempt.task, attempt.number, attempt.call, std::move(values), {}, 0, attempt.job, {}};
  for (const scheduling::GpuShare& share : worker.gpus) run.gpus.push_back(share.device);
  return run;
}

void Assignments::note_duration(ShapeQueue& queue, Duration duration) {
  if (queue.usual_ns < 0) {
    queue.usual_ns = duration.ns;
  } else {
    queue.usual_ns += (duration.ns - queue.usual_ns) / 8;
  }
}

// Whoever waits behind a task that runs for longer than overtake_after goes back into the queue
// when it could run elsewhere: on a free or lent CPU, with a worker that idles or can be started.
void Assignments::take_back_overtaken(NodeContext& context) {
  deadline_.reset();
  for (const ShapeId shape : active_) {
    const scheduling::Shape& what = parts_.workers.shapes().shape(shape);
    if (!parts_.workers.fits(what.demand)) continue;
    if (!parts_.workers.has_idle(what.runtime) && !parts_.workers.may_start()) continue;
    for (Worker* worker : queue_of(shape).workers) {
      if (worker->slots.size() <= worker->revoking + worker->nested_calls()) continue;
      const Time at = worker->since + parts_.options.overtake_after;
      if (at <= context.now) {
        revoke_behind(context, *worker);
      } else {
        deadline_ = std::min(deadline_.value_or(at), at);
      }
    }
  }
}

void Assignments::on_tick(NodeContext& context) {
  if (deadline_ && *deadline_ <= context.now) dispatch(context);
}

// ---- giving queued attempts back to their owner -------------------------------------------------

void Assignments::promise(Attempt& attempt) {
  if (attempt.is_promised) return;
  attempt.is_promised = true;
  promised_.add(attempt.call->demand);
}

void Assignments::fulfil_promise(Attempt& attempt) {
  if (!attempt.is_promised) return;
  attempt.is_promised = false;
  promised_.subtract(attempt.call->demand);
  // Promised room is in no view, so nobody would hear that it is back.
  if (has_refused_) parts_.workers.renew_view();
  has_refused_ = false;
}

ResourceSet Assignments::room() const {
  ResourceSet room = parts_.workers.ledger().free();
  room.subtract(promised_);
  return room;
}

uint32_t Assignments::starved(ShapeId shape) const {
  if (shape >= queues_.size()) return 0;
  const uint32_t live = queues_[shape].live;
  const scheduling::Shape& what = parts_.workers.shapes().shape(shape);
  return live - scheduling::fits_times(parts_.workers.ledger().free(), what.demand, live);
}

void Assignments::revoke_infeasible(NodeContext& context) {
  for (uint32_t index = 0; index < attempts_.size(); ++index) {
    const Attempt& attempt = attempts_[index];
    const bool waits =
        attempt.phase == Attempt::Phase::kPulling || attempt.phase == Attempt::Phase::kQueued;
    if (!waits || parts_.workers.is_feasible(attempt.call->demand)) continue;
    revoke(context, index, RevokeReason::kMove, Cancel::Recursive::kNo);
  }
}

void Assignments::give_back(NodeContext& context, ShapeId shape, uint32_t count) {
  for (; count > 0 && queue_of(shape).live > 0; --count) {
    const uint32_t index = head(queue_of(shape));
    if (!is_own(attempts_[index])) return;
    tell_revoked(context, index);
  }
}

void Assignments::fail_runtime(NodeContext& context, RuntimeId runtime, const ErrorRef& cause) {
  const std::vector<ShapeId> shapes = waiting_;
  for (const ShapeId shape : shapes) {
    if (parts_.workers.shapes().shape(shape).runtime != runtime) continue;
    // Those that wait now; what their owners try again at once waits for the next failure.
    std::vector<uint32_t> failing;
    for (uint32_t index = 0; index < attempts_.size(); ++index)
      if (attempts_[index].phase == Attempt::Phase::kQueued && attempts_[index].shape == shape)
        failing.push_back(index);
    std::sort(failing.begin(), failing.end(),
              [&](uint32_t a, uint32_t b) { return attempts_[a].order < attempts_[b].order; });
    for (const uint32_t index : failing)
      if (attempts_[index].phase == Attempt::Phase::kQueued)
        tell_failed(context, index, complete_error(attempts_[index], *cause), Started::kNo);
  }
}

}  // namespace rayd::node
