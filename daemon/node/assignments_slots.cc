// Slots of work rings: revoking them, forced cancels, and what happens when workers block or die.
#include <algorithm>

#include "common/base/check.h"
#include "daemon/node/assignments.h"
#include "daemon/node/objects.h"
#include "daemon/node/tasks.h"
#include "daemon/node/workers.h"

namespace rayd::node {
namespace {

ErrorRef parent_was_cancelled() {
  static const ErrorRef kError =
      make_error(ErrorCode::kCancelled, "the task that submitted it was cancelled");
  return kError;
}

}  // namespace

void Assignments::on_peer(NodeContext& context, NodeId from, Revoke&& message) {
  const auto it = foreign_.find(message.task);
  if (it == foreign_.end()) return;  // its terminal message is on the way
  const Attempt& attempt = attempts_[it->second];
  if (attempt.number != message.attempt || attempt.owner != from) return;
  revoke(context, it->second, message.reason, message.recursive);
}

void Assignments::revoke(NodeContext& context, uint32_t index, RevokeReason reason,
                         Cancel::Recursive recursive) {
  Attempt& attempt = attempts_[index];
  switch (attempt.phase) {
    case Attempt::Phase::kFree: return;
    case Attempt::Phase::kPulling:
      forget_waits(index);
      tell_revoked(context, index);
      return;
    case Attempt::Phase::kQueued: tell_revoked(context, index); return;
    case Attempt::Phase::kSlot: break;
  }
  const auto wish = static_cast<Attempt::Wish>(static_cast<uint8_t>(reason) + 1);
  attempt.wish = std::max(attempt.wish, wish);
  if (recursive == Cancel::Recursive::kYes) attempt.recursive = recursive;
  Worker& worker = *attempt.worker;
  for (Slot& slot : worker.slots) {
    if (slot.attempt_index != index) continue;
    if (slot.state == Slot::State::kQueued) revoke_slot(context, worker, slot);
    if (slot.state == Slot::State::kStarted) on_started_despite(context, worker, slot);
    return;
  }
}

void Assignments::revoke_slot(NodeContext& context, Worker& worker, Slot& slot) {
  const Attempt& attempt = attempts_[slot.attempt_index];
  slot.state = Slot::State::kRevoking;
  ++worker.revoking;
  context.out.push_back(RevokeSlot{worker.id, attempt.task, attempt.number});
}

// All but what has begun: they come back to their old places in the queue.
void Assignments::revoke_behind(NodeContext& context, Worker& worker) {
  for (size_t i = worker.nested_calls(); i < worker.slots.size(); ++i)
    if (worker.slots[i].state == Slot::State::kQueued)
      revoke_slot(context, worker, worker.slots[i]);
}

void Assignments::on_worker_blocked(NodeContext& context, Worker& worker) {
  revoke_behind(context, worker);
}

void Assignments::on_slot_revoked(NodeContext& context, const SlotRevoked& message) {
  Worker* worker = parts_.workers.find(message.worker);
  if (worker == nullptr) return;
  const auto it = std::find_if(worker->slots.begin(), worker->slots.end(), [&](const Slot& slot) {
    const Attempt& attempt = attempts_[slot.attempt_index];
    return attempt.task == message.task && attempt.number == message.attempt;
  });
  if (it == worker->slots.end() || it->state != Slot::State::kRevoking) return;
  const uint32_t index = it->attempt_index;
  if (message.outcome == SlotRevoked::Outcome::kAlreadyStarted) {
    it->state = Slot::State::kStarted;
    --worker->revoking;
    on_started_despite(context, *worker, *it);
    parts_.workers.serve(context);
    return;
  }
  remove_slot(context, *worker, static_cast<size_t>(it - worker->slots.begin()));
  check_condemned(context, *worker);
  if (worker->slots.empty()) leave_worker(context, *worker);
  Attempt& attempt = attempts_[index];
  Release unread;  // the worker never reads the Run, nor counts its references
  for (const ObjectId object : attempt.granted) unread.objects.push_back({object, 1});
  attempt.granted.clear();
  if (!unread.objects.empty()) parts_.objects.on_release(context, message.worker, unread);
  if (attempt.wish == Attempt::Wish::kNone && !attempt.is_orphan) {
    enqueue(index);
  } else {
    tell_revoked(context, index);
  }
  cancel_what_it_submitted(context, *worker, 0);
  parts_.workers.serve(context);
}

// It is too late to take it back: a cancel sets the cancel word, a forced one the worker's end.
void Assignments::on_started_despite(NodeContext& context, Worker& worker, Slot& slot) {
  const uint32_t index = slot.attempt_index;
  Attempt& attempt = attempts_[index];
  if (attempt.wish == Attempt::Wish::kMove) attempt.wish = Attempt::Wish::kNone;
  if (attempt.wish == Attempt::Wish::kNone) {
    check_condemned(context, worker);
    return;
  }
  size_t position = 0;
  while (&worker.slots[position] != &slot) ++position;
  const bool is_nested = position < worker.nested_calls();
  // The cancel word is the innermost call's; one that waits below is told when it goes on.
  if (position == 0 || !is_nested)
    context.out.push_back(SetCancelWord{worker.id, attempt.task, attempt.number});
  if (attempt.wish == Attempt::Wish::kForce && worker.state == Worker::State::kBusy) {
    worker.condemned_for = index;
    revoke_behind(context, worker);
  }
  check_condemned(context, worker);
  if (is_nested) cancel_what_it_submitted(context, worker, position);
}

// What a worker has submitted is that of the calls that have begun, until their Done has come: a
// later slot that has been claimed already must wait for that, or the work of the one before it
// would be cancelled.
void Assignments::cancel_what_it_submitted(NodeContext& context, const Worker& worker,
                                           size_t position) {
  if (position >= worker.nested_calls()) return;
  const Slot& slot = worker.slots[position];
  if (slot.state != Slot::State::kStarted) return;
  const Attempt& attempt = attempts_[slot.attempt_index];
  if (attempt.wish < Attempt::Wish::kCancel || attempt.recursive != Cancel::Recursive::kYes) return;
  const auto force =
      attempt.wish == Attempt::Wish::kForce ? Cancel::Force::kYes : Cancel::Force::kNo;
  parts_.tasks.cancel_children(context, worker.id, position, force, parent_was_cancelled());
}

// A forced cancel kills only if its attempt is a claimed one: no slot of the worker behind it may
// be running or about to run. What has begun inside of its wait, or around it, dies with it.
void Assignments::check_condemned(NodeContext& context, Worker& worker) {
  if (worker.condemned_for == kNoAttempt || worker.revoking > 0) return;
  const uint32_t index = worker.condemned_for;
  const bool is_alone = worker.slots.size() == worker.nested_calls() &&
                        std::any_of(worker.slots.begin(), worker.slots.end(),
                                    [&](const Slot& slot) { return slot.attempt_index == index; });
  worker.condemned_for = kNoAttempt;
  if (is_alone) parts_.workers.end(context, worker.id, StopWorker::How::kKill);
}

void Assignments::remove_slot(NodeContext& context, Worker& worker, size_t position) {
  const auto it = worker.slots.begin() + static_cast<ptrdiff_t>(position);
  if (it->state == Slot::State::kRevoking) --worker.revoking;
  attempts_[it->attempt_index].worker = nullptr;
  if (it->is_left_over) parts_.workers.drop_left_over(worker);
  worker.slots.erase(it);
  if (position > 0 || worker.slots.empty()) return;
  if (!worker.outer.empty()) {
    end_inline(context, worker);
  } else if (worker.slots.front().is_left_over) {
    worker.slots.front().is_left_over = false;
    leave_shape(worker);
    const ShapeId shape = attempts_[worker.slots.front().attempt_index].shape;
    join_shape(worker, shape);
    parts_.workers.run_left_over(worker, shape);
  }
  worker.since = context.now;
  worker.depth = attempts_[worker.slots.front().attempt_index].depth;
}

// It has no slots: others may have it.
void Assignments::leave_worker(NodeContext& context, Worker& worker) {
  if (worker.shape != scheduling::kNoId) leave_shape(worker);
  parts_.workers.become_idle(context, worker);
}

// ---- deaths -------------------------------------------------------------------------------------

void Assignments::on_worker_died(NodeContext& context, const WorkerDied& message) {
  Worker* worker = parts_.workers.find(message.worker);
  if (worker == nullptr) return;
  if (worker->shape == scheduling::kNoId && worker->slots.empty()) return;  // ran no plain task
  const std::deque<Slot> slots = std::move(worker->slots);
  worker->slots.clear();
  worker->revoking = 0;
  worker->state = Worker::State::kEnding;
  leave_worker(context, *worker);
  std::vector<uint32_t> started, revoked;
  for (const Slot& slot : slots) {
    Attempt& attempt = attempts_[slot.attempt_index];
    attempt.worker = nullptr;
    attempt.granted.clear();  // gone with the client
    const bool is_claimed =
        slot.state == Slot::State::kStarted ||
        std::find(message.claimed.begin(), message.claimed.end(),
                  std::pair{attempt.task, attempt.number}) != message.claimed.end();
    if (is_claimed) {
      started.push_back(slot.attempt_index);
    } else if (attempt.wish != Attempt::Wish::kNone || attempt.is_orphan) {
      revoked.push_back(slot.attempt_index);
    } else {
      enqueue(slot.attempt_index);
    }
  }
  std::vector<ErrorRef> causes;
  for (const uint32_t index : started)
    causes.push_back(died_of(attempts_[index], *worker, message.cause));
  for (size_t i = 0; i < started.size(); ++i)
    tell_failed(context, started[i], causes[i], Started::kYes);
  for (const uint32_t index : revoked) tell_revoked(context, index);
}

// Nobody waits for its tasks any more.
void Assignments::on_node_dead(NodeContext& context, NodeId node) {
  for (uint32_t index = 0; index < attempts_.size(); ++index) {
    Attempt& attempt = attempts_[index];
    if (attempt.phase == Attempt::Phase::kFree || attempt.owner != node) continue;
    attempt.is_orphan = true;
    revoke(context, index, RevokeReason::kForce, Cancel::Recursive::kYes);
  }
  parts_.workers.serve(context);
}

// Own tasks are cancelled by Tasks, foreign ones that have not started by their owners.
void Assignments::on_job_ended(NodeContext& context, JobId job) {
  for (uint32_t index = 0; index < attempts_.size(); ++index) {
    const Attempt& attempt = attempts_[index];
    if (attempt.phase == Attempt::Phase::kSlot && attempt.job == job && !is_own(attempt))
      revoke(context, index, RevokeReason::kForce, Cancel::Recursive::kYes);
  }
}

// ---- what others ask ----------------------------------------------------------------------------

uint8_t Assignments::depth_below(ClientId client) const {
  const Worker* worker = parts_.workers.find(client);
  if (worker == nullptr) return 0;
  return static_cast<uint8_t>(std::min<uint32_t>(63, worker->depth + 1u));
}

JobId Assignments::job_of(const Worker& worker) const {
  return worker.slots.empty() ? JobId{} : attempts_[worker.slots.front().attempt_index].job;
}

TaskId Assignments::running_task(const Worker& worker) const {
  return worker.slots.empty() ? TaskId{} : attempts_[worker.slots.front().attempt_index].task;
}

const CallTemplate* Assignments::running_call(const Worker& worker) const {
  return worker.slots.empty() ? nullptr : attempts_[worker.slots.front().attempt_index].call.get();
}

}  // namespace rayd::node
