// At max_workers, when every worker waits: a task that one of them waits for runs inside of that
// wait, on the worker that waits; where no task can, a wait fails, naming the limit.
//
// The slot is the worker's first from the moment it is pushed, with resources of its own; the call
// that waits has lent its CPUs and has them back when its wait ends. The worker begins it unless
// the wait ends before: then its Unblocked comes first, and the slot is taken back. Only waits that
// need all they ask for are numbered (Blocked::wait), so no call waits for what it does not need.
#include <algorithm>

#include "common/base/check.h"
#include "daemon/node/assignments.h"
#include "daemon/node/objects.h"
#include "daemon/node/tasks.h"
#include "daemon/node/workers.h"

namespace rayd::node {
namespace {

/// Calls inside of calls in one worker; it also looks at its stack itself.
constexpr size_t kMaxInlineRuns = 256;

}  // namespace

// Whoever began to wait last is first, for the deepest wait for the least. One at a time: its end
// may be all that the others need.
void Assignments::relieve_limit(NodeContext& context) {
  if (queued_ == 0 || !parts_.workers.all_blocked_at_limit()) return;
  std::vector<Worker*> waiting;
  for (Worker* worker : parts_.workers.all()) {
    if (worker->revoking > 0) return;  // what comes back may be what somebody waits for
    if (!worker->is_blocked) continue;
    // It goes on: its wait was failed, or it has been told all that it waits for.
    if (worker->is_relieved || unanswered(*worker).empty()) return;
    waiting.push_back(worker);
  }
  std::sort(waiting.begin(), waiting.end(),
            [](const Worker* a, const Worker* b) { return a->blocked_order > b->blocked_order; });
  for (Worker* worker : waiting)
    if (run_inline(context, *worker)) return;
  if (!waiting.empty()) fail_wait(context, *waiting.front());
}

// Of the innermost call. Wants of those that wait below it are theirs.
std::vector<ObjectId> Assignments::unanswered(const Worker& worker) const {
  std::vector<ObjectId> wanted;
  if (worker.wait != 0) {
    for (const ObjectId object : worker.waits_for)
      if (parts_.objects.is_wanted_by(worker.id, object)) wanted.push_back(object);
    return wanted;
  }
  wanted = parts_.objects.wanted_by(worker.id);
  for (const OuterCall& outer : worker.outer)
    for (const ObjectId object : outer.waits_for) std::erase(wanted, object);
  return wanted;
}

bool Assignments::run_inline(NodeContext& context, Worker& worker) {
  const bool is_able = worker.state == Worker::State::kBusy && worker.wait != 0 &&
                       worker.condemned_for == kNoAttempt && worker.revoking == 0 &&
                       worker.slots.size() == worker.nested_calls() &&
                       worker.outer.size() < kMaxInlineRuns;
  if (!is_able) return false;
  std::vector<Value> values;
  for (const ObjectId object : unanswered(worker)) {
    const uint32_t index = index_of(object.task());
    if (!may_run_inline(worker, index, object)) continue;
    if (!resolve(context, index, values)) continue;
    const uint64_t wait = worker.wait;
    parts_.workers.begin_inline(worker, attempts_[index].call->demand);
    Run run = enter_slot(context, worker, index, std::move(values));
    worker.slots.front().state = Slot::State::kStarted;  // it waits, so it has begun
    worker.slots.push_front({index, Slot::State::kQueued});
    parts_.tasks.begin_inline(worker.id);
    worker.since = context.now;
    worker.depth = attempts_[index].depth;
    context.out.push_back(ToWorker{worker.id, std::move(run)});
    context.out.push_back(ToClient{worker.id, RunInline{wait}});
    return true;
  }
  return false;
}

bool Assignments::may_run_inline(const Worker& worker, uint32_t index, ObjectId wanted) const {
  if (index == kNoAttempt) return false;
  const Attempt& attempt = attempts_[index];
  if (attempt.task != wanted.task() || attempt.phase != Attempt::Phase::kQueued) return false;
  const scheduling::Shape& shape = parts_.workers.shapes().shape(attempt.shape);
  return shape.runtime == worker.runtime && shape.exclusive == scheduling::Shape::Exclusive::kNo &&
         parts_.workers.fits(shape.demand);
}

// The innermost call has ended, or was taken back: the one below it waits on.
void Assignments::end_inline(NodeContext& context, Worker& worker) {
  parts_.workers.end_inline(worker);
  parts_.tasks.end_inline(worker.id);
  const Attempt& attempt = attempts_[worker.slots.front().attempt_index];
  if (attempt.wish >= Attempt::Wish::kCancel)
    context.out.push_back(SetCancelWord{worker.id, attempt.task, attempt.number});
}

// The worker may still claim it, but not before all that has begun there has ended.
void Assignments::on_wait_over(NodeContext& context, Worker& worker) {
  Slot left = worker.slots.front();
  left.is_left_over = true;
  worker.slots.pop_front();
  worker.slots.push_back(left);
  parts_.workers.leave_inline(worker);
  parts_.tasks.end_inline(worker.id);
  worker.since = context.now;
  worker.depth = attempts_[worker.slots.front().attempt_index].depth;
  if (left.state == Slot::State::kQueued) revoke_slot(context, worker, worker.slots.back());
  const Attempt& attempt = attempts_[worker.slots.front().attempt_index];
  if (attempt.wish >= Attempt::Wish::kCancel)
    context.out.push_back(SetCancelWord{worker.id, attempt.task, attempt.number});
}

void Assignments::fail_wait(NodeContext& context, Worker& worker) {
  worker.is_relieved = true;
  auto error = std::make_shared<ErrorInfo>();
  error->code = ErrorCode::kWorkersLimit;
  error->node = parts_.options.node;
  if (!worker.slots.empty()) {
    const Attempt& attempt = attempts_[worker.slots.front().attempt_index];
    error->task = attempt.task;
    error->function = attempt.call->function.name;
    error->attempt = attempt.number;
  }
  error->message = "all " + std::to_string(parts_.workers.max_workers()) + " workers of " +
                   to_string(parts_.options.node) +
                   " wait and no other may be started (max_workers), so the tasks they wait for "
                   "cannot run: raise max_workers, or wait less deep";
  parts_.objects.fail_wants(context, worker.id, unanswered(worker), error);
}

}  // namespace rayd::node
