// Accepting attempts, their arguments, and what their owners and workers say.
#include "daemon/node/assignments.h"

#include <algorithm>

#include "common/base/check.h"
#include "daemon/node/clients.h"
#include "daemon/node/node_core.h"
#include "daemon/node/objects.h"
#include "daemon/node/store_grants.h"
#include "daemon/node/tasks.h"
#include "daemon/node/tasks_references.h"
#include "daemon/node/worker_results.h"
#include "daemon/node/workers.h"

namespace rayd::node {
namespace {

constexpr size_t kEndedRemembered = 4096;

}  // namespace

uint32_t Assignments::allocate() {
  if (free_.empty()) {
    attempts_.emplace_back();
    return static_cast<uint32_t>(attempts_.size() - 1);
  }
  const uint32_t index = free_.back();
  free_.pop_back();
  return index;
}

uint32_t Assignments::index_of(TaskId task) const {
  if (task.node() == parts_.options.node) return parts_.tasks.own_attempt(task);
  const auto it = foreign_.find(task);
  return it == foreign_.end() ? kNoAttempt : it->second;
}

const std::vector<Arg>& Assignments::args_of(const Attempt& attempt) const {
  return is_own(attempt) ? parts_.tasks.args_of(attempt.task) : attempt.args;
}

// ---- accept -------------------------------------------------------------------------------------

uint32_t Assignments::open_own(TaskId task, uint32_t number, const TemplateRef& call, JobId job,
                               uint8_t depth) {
  const uint32_t index = allocate();
  Attempt& attempt = attempts_[index];
  attempt.task = task;
  attempt.number = number;
  attempt.phase = Attempt::Phase::kPulling;
  attempt.depth = depth;
  attempt.owner = parts_.options.node;
  attempt.job = job;
  attempt.call = call;
  attempt.shape = parts_.workers.shapes().shape_of(call);
  promise(attempt);
  return index;
}

void Assignments::on_peer(NodeContext& context, NodeId from, Assign&& message) {
  parts_.objects.receive(context, from, message.transfer);
  const auto drop_all = [&] {
    for (const ObjectId object : message.transfer.references) parts_.objects.drop(context, object);
  };
  const auto ended = ended_.find(message.task);
  if (ended != ended_.end() && message.attempt <= ended->second) return drop_all();
  const auto running = foreign_.find(message.task);
  if (running != foreign_.end()) {
    const uint32_t older = running->second;
    if (message.attempt <= attempts_[older].number) return drop_all();
    revoke(context, older, RevokeReason::kForce, Cancel::Recursive::kYes);
  }
  const ResourceSet& demand = message.call->demand;
  if (!demand.is_zero() && !room().covers(demand)) {
    drop_all();
    has_refused_ = true;
    remember_ended(message.task, message.attempt);  // should it be heard again, it is not run
    parts_.core.send(context, from,
                     Refused{message.task, message.attempt, parts_.workers.view_version()});
    return;
  }
  const uint32_t index = allocate();
  Attempt& attempt = attempts_[index];
  attempt.task = message.task;
  attempt.number = message.attempt;
  attempt.phase = Attempt::Phase::kPulling;
  attempt.owner = from;
  attempt.job = message.job;
  attempt.call = std::move(message.call);
  attempt.shape = parts_.workers.shapes().shape_of(attempt.call);
  attempt.args = std::move(message.args);
  attempt.values = std::move(message.values);
  attempt.values.resize(attempt.args.size());
  attempt.held = std::move(message.transfer.references);
  foreign_[attempt.task] = index;
  promise(attempt);
  begin(context, index);
}

void Assignments::begin(NodeContext& context, uint32_t index) {
  if (!await_arguments(context, index)) return;
  const Attempt& attempt = attempts_[index];
  enqueue(index);
  // Behind others that wait for resources nothing can be done now.
  const bool is_saturated = !parts_.workers.ledger().fits(attempt.call->demand);
  if (is_saturated && queue_of(attempt.shape).live > 1) return;
  dispatch(context);
}

// ---- arguments ----------------------------------------------------------------------------------

// True if all are here. Otherwise it waits for them, or has ended because one is lost.
bool Assignments::await_arguments(NodeContext& context, uint32_t index) {
  Attempt& attempt = attempts_[index];
  attempt.phase = Attempt::Phase::kPulling;
  attempt.missing = 0;
  const std::vector<Arg>& args = args_of(attempt);
  if (!has_references(args)) return true;
  const std::vector<ObjectId> references = references_to_pull(args, attempt.values);
  const Waiter waiter{Waiter::Who::kAssignment, attempt.task, Waiter::Need::kHere};
  for (const ObjectId reference : references) {
    const Value* value = parts_.objects.await(context, reference, waiter);
    if (value == nullptr) {
      ++attempt.missing;
    } else if (value->kind == Value::Kind::kError) {
      const ErrorRef lost = value->error;
      forget_waits(index);
      tell_failed(context, index, lost, Started::kNo);
      return false;
    }
  }
  return attempt.missing == 0;
}

void Assignments::forget_waits(uint32_t index) {
  const Attempt& attempt = attempts_[index];
  const Waiter waiter{Waiter::Who::kAssignment, attempt.task, Waiter::Need::kHere};
  for (const ObjectId reference : references_to_pull(args_of(attempt), attempt.values))
    parts_.objects.forget_waiter(reference, waiter);
}

void Assignments::on_object_ready(NodeContext& context, TaskId task, ObjectId object) {
  const uint32_t index = index_of(task);
  if (index == kNoAttempt) return;
  Attempt& attempt = attempts_[index];
  if (attempt.phase != Attempt::Phase::kPulling || attempt.missing == 0) return;
  const Value* value = parts_.objects.peek(object);
  if (value != nullptr && value->kind == Value::Kind::kError) {
    const ErrorRef lost = value->error;
    forget_waits(index);
    tell_failed(context, index, lost, Started::kNo);
    return;
  }
  if (--attempt.missing > 0) return;
  begin(context, index);  // asks again: one that was here may have been lost meanwhile
}

// The values for a Run. False: an argument has gone again, and the attempt waits for it (or ended).
bool Assignments::resolve(NodeContext& context, uint32_t index, std::vector<Value>& values) {
  Attempt& attempt = attempts_[index];
  const std::vector<Arg>& args = args_of(attempt);
  values.clear();
  if (args.empty()) return true;
  values.reserve(args.size());
  for (size_t i = 0; i < args.size(); ++i) {
    if (!args[i].is_reference()) {
      values.push_back(args[i].value);
      continue;
    }
    if (i < attempt.values.size() && is_inline(attempt.values[i])) {
      values.push_back(attempt.values[i]);
      continue;
    }
    const Value* value = parts_.objects.peek(args[i].reference);
    if (value != nullptr && value->is_here() && value->kind != Value::Kind::kError) {
      values.push_back(*value);
      continue;
    }
    leave_queue(attempt);
    if (await_arguments(context, index)) enqueue(index);
    return false;
  }
  return true;
}

// ---- ends ---------------------------------------------------------------------------------------

// Forgets the attempt. Its number may be used again at once.
void Assignments::release(NodeContext& context, uint32_t index) {
  Attempt& attempt = attempts_[index];
  if (attempt.phase == Attempt::Phase::kQueued) leave_queue(attempt);
  fulfil_promise(attempt);
  if (!is_own(attempt)) {
    remember_ended(attempt.task, attempt.number);
    const auto it = foreign_.find(attempt.task);
    if (it != foreign_.end() && it->second == index) foreign_.erase(it);
    const std::vector<ObjectId> held = std::move(attempt.held);
    attempt = {};
    free_.push_back(index);
    for (const ObjectId object : held) parts_.objects.drop(context, object);
    return;
  }
  attempt.phase = Attempt::Phase::kFree;
  attempt.wish = Attempt::Wish::kNone;
  attempt.recursive = Cancel::Recursive::kNo;
  attempt.order = 0;
  attempt.missing = 0;
  attempt.worker = nullptr;
  attempt.call.reset();
  attempt.granted.clear();
  free_.push_back(index);
}

// Its argument has to be made again, and perhaps needs this very room for that.
void Assignments::on_argument_late(TaskId task) {
  const auto it = foreign_.find(task);
  if (it != foreign_.end()) fulfil_promise(attempts_[it->second]);
}

void Assignments::remember_ended(TaskId task, uint32_t attempt) {
  const auto [it, is_new] = ended_.try_emplace(task, attempt);
  if (!is_new) {
    it->second = std::max(it->second, attempt);
    return;
  }
  ended_order_.push_back(task);
  if (ended_order_.size() <= kEndedRemembered) return;
  ended_.erase(ended_order_.front());
  ended_order_.pop_front();
}

void Assignments::tell_revoked(NodeContext& context, uint32_t index) {
  const Attempt& attempt = attempts_[index];
  const TaskId task = attempt.task;
  const uint32_t number = attempt.number;
  const NodeId owner = attempt.owner;
  const bool is_orphan = attempt.is_orphan;
  release(context, index);
  if (is_orphan) return;
  if (owner == parts_.options.node) {
    parts_.tasks.on_own_revoked(context, task, number);
  } else {
    parts_.core.send(context, owner, Revoked{task, number});
  }
}

void Assignments::tell_failed(NodeContext& context, uint32_t index, ErrorRef cause,
                              Started started) {
  const Attempt& attempt = attempts_[index];
  AttemptFailed failed;
  failed.task = attempt.task;
  failed.attempt = attempt.number;
  failed.cause = std::move(cause);
  failed.started =
      started == Started::kYes ? AttemptFailed::Started::kYes : AttemptFailed::Started::kNo;
  const NodeId owner = attempt.owner;
  const bool is_orphan = attempt.is_orphan;
  release(context, index);
  if (is_orphan) return;
  if (owner == parts_.options.node) {
    parts_.tasks.on_own_failed(context, failed);
  } else {
    parts_.core.send(context, owner, std::move(failed));
  }
}

// The message was checked and its extents are sealed.
void Assignments::tell_done(NodeContext& context, uint32_t index, Done&& message) {
  const Attempt& attempt = attempts_[index];
  const TaskId task = attempt.task;
  const uint32_t number = attempt.number;
  const NodeId owner = attempt.owner;
  if (message.error) message.error = complete_error(attempt, *message.error);
  set_location(parts_, message.results);
  if (owner == parts_.options.node) {
    // What the worker holds now, the value holds from now on; its Release comes after this.
    for (const Value& value : message.results)
      for (const ObjectId object : value.contains) parts_.objects.hold(context, object);
    release(context, index);
    parts_.tasks.on_own_done(context, task, number, std::move(message));
    return;
  }
  AttemptDone done{task, number, std::move(message.results), std::move(message.error), {}};
  std::vector<ObjectId> contained;
  for (uint32_t i = 0; i < done.results.size(); ++i) {
    Value& value = done.results[i];
    contained.insert(contained.end(), value.contains.begin(), value.contains.end());
    if (value.kind != Value::Kind::kStored) continue;
    parts_.objects.keep_result(context, task.object(i + 1), number, value);
    value.extent = {};  // means nothing elsewhere
  }
  done.transfer = parts_.objects.attach(context, owner, std::move(contained));
  release(context, index);
  parts_.core.send(context, owner, std::move(done));
}

ErrorRef Assignments::complete_error(const Attempt& attempt, const ErrorInfo& error) const {
  auto complete = std::make_shared<ErrorInfo>(error);
  complete->function = attempt.call->function.name;
  complete->task = attempt.task;
  complete->node = parts_.options.node;
  complete->attempt = attempt.number;
  return complete;
}

ErrorRef Assignments::died_of(const Attempt& attempt, const Worker& worker,
                              const std::string& cause) const {
  auto error = std::make_shared<ErrorInfo>();
  const bool was_wanted = attempt.wish == Attempt::Wish::kForce;
  error->code = was_wanted ? ErrorCode::kCancelled : ErrorCode::kWorkerDied;
  error->function = attempt.call->function.name;
  error->task = attempt.task;
  error->node = parts_.options.node;
  error->attempt = attempt.number;
  error->may_have_executed = ErrorInfo::MayHaveExecuted::kYes;
  error->message =
      to_string(worker.id) + " (pid " + std::to_string(worker.pid) + ") " +
      (was_wanted ? "was killed, as its cancel asked, while it ran " : "died while it ran ") +
      attempt.call->function.name + " (" + to_string(attempt.task) + ", attempt " +
      std::to_string(attempt.number) + ") on " + to_string(parts_.options.node) + ": " + cause;
  return error;
}

// ---- a worker's results -----------------------------------------------------------------------

void Assignments::on_done(NodeContext& context, ClientId id, Done&& message) {
  Worker* worker = parts_.workers.find(id);
  if (worker == nullptr) return;
  // The first slot, or one behind slots whose won revocation has not been heard of yet.
  size_t position = 0;
  for (; position < worker->slots.size(); ++position) {
    const Slot& slot = worker->slots[position];
    const Attempt& attempt = attempts_[slot.attempt_index];
    if (attempt.task == message.task && attempt.number == message.attempt) break;
    if (slot.state != Slot::State::kRevoking) return;
  }
  if (position == worker->slots.size()) return;
  if (position > 0 && position < worker->nested_calls()) return;  // it waits for one that has begun
  const uint32_t index = worker->slots[position].attempt_index;
  Attempt& attempt = attempts_[index];
  std::string fault = fault_in_results(parts_, id, *attempt.call, message);
  if (fault.empty() && !attempt.is_orphan) fault = seal_results(context, parts_, id, message);
  if (!fault.empty()) {
    worker->slots[position].state = Slot::State::kStarted;
    // Refused, it is killed, and the attempt ends with it; it counts as started.
    parts_.clients.refuse(context, id, "Done of " + to_string(attempt.task) + " has " + fault);
    return;
  }
  note_duration(queue_of(attempt.shape), context.now - worker->since);
  attempt.granted.clear();  // the worker has them, and gives them back
  remove_slot(context, *worker, position);
  parts_.tasks.begin_attempt(id);
  check_condemned(context, *worker);
  if (worker->slots.empty()) leave_worker(context, *worker);
  if (attempt.is_orphan) {
    release(context, index);  // unsealed results go with their arena
  } else {
    tell_done(context, index, std::move(message));
  }
  cancel_what_it_submitted(context, *worker, 0);
}

void Assignments::on_peer(NodeContext& context, NodeId, Discard&& message) {
  parts_.objects.discard_result(context, message.object, message.attempt);
}

}  // namespace rayd::node
