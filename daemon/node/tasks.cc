// From the submit to the end of a task.
#include "daemon/node/tasks.h"

#include <algorithm>

#include "common/base/check.h"
#include "daemon/node/call_arguments.h"
#include "daemon/node/clients.h"
#include "daemon/node/node_core.h"
#include "daemon/node/objects.h"
#include "daemon/node/store_grants.h"
#include "daemon/node/tasks_references.h"
#include "daemon/node/workers.h"

namespace rayd::node {

// ---- submit -------------------------------------------------------------------------------------

std::string Tasks::fault_in(ClientId client, const Submit& message,
                            const CallTemplate& call) const {
  const Submitter* submitter = find_submitter(client);
  const uint64_t last_seq = submitter == nullptr ? 0 : submitter->last_seq;
  if (message.task.client() != client || message.task.index() != 0)
    return to_string(message.task) + " is no task of this client";
  if (message.task.seq() <= last_seq)
    return to_string(message.task) + " after number " + std::to_string(last_seq);
  if (call.kind != CallTemplate::Kind::kTask) return "Submit of a template that is no task";
  if (!parts_.objects.is_free(message.task))
    return to_string(message.task) + " where such an object exists";
  return fault_in_arguments(parts_.objects, client, message.args);
}

void Tasks::on_submit(NodeContext& context, ClientId client, Submit&& message) {
  TemplateRef call = parts_.clients.find_template(client, message.template_id);
  if (call == nullptr)
    return parts_.clients.refuse(context, client, "Submit: a template it never defined");
  if (std::string fault = fault_in(client, message, *call); !fault.empty()) {
    parts_.clients.refuse(context, client, "Submit: " + fault);
    return;
  }
  const TaskId id = message.task;
  for (uint32_t i = 1; i <= call->return_count; ++i)
    parts_.objects.create(context, id.object(i), client);
  Submitter& submitter = submitter_of(client);
  submitter.last_seq = id.seq();
  ++submitter.accepted;
  Task& task = tasks_.create(id);
  task.depth = parts_.assignments.depth_below(client);
  task.retries_left = call->max_retries;
  task.live_returns = call->return_count;
  task.job = parts_.clients.job_of(client);
  task.call = std::move(call);
  task.args = std::move(message.args);
  hold_arguments(context, task);
  if (submitter.running.cancelled) {
    finish_with_error(context, id, task, cancelled_error(id, task, submitter.running.cancelled));
    return;
  }
  wait_for_arguments(context, id, task);
}

// One hold for each occurrence, from here to the end, and a pin on each record they come from.
void Tasks::hold_arguments(NodeContext& context, const Task& task) {
  for (const Arg& arg : task.args) {
    const auto take = [&](ObjectId object) {
      parts_.objects.hold(context, object);
      if (object.index() == 0 || !is_own_node(object.node())) return;
      if (Task* source = tasks_.find(object)) ++source->pins;
    };
    if (arg.is_reference()) take(arg.reference);
    for (const ObjectId object : arg.value.contains) take(object);
  }
}

void Tasks::wait_for_arguments(NodeContext& context, TaskId id, Task& task) {
  task.state = Task::State::kWaiting;
  task.missing = 0;
  if (has_references(task.args)) {
    const Waiter waiter{Waiter::Who::kTask, id, Waiter::Need::kReady};
    for (const ObjectId reference : references_to_pull(task.args, {})) {
      const Value* value = parts_.objects.await(context, reference, waiter);
      if (value == nullptr) {
        ++task.missing;
      } else if (value->kind == Value::Kind::kError) {
        const ErrorRef error = value->error;
        forget_waits(id, task);
        finish_with_error(context, id, task, error);
        return;
      }
    }
    if (task.missing > 0) return;
  }
  place_one(context, id, task);
}

void Tasks::forget_waits(TaskId id, const Task& task) {
  const Waiter waiter{Waiter::Who::kTask, id, Waiter::Need::kReady};
  for (const ObjectId reference : references_to_pull(task.args, {}))
    parts_.objects.forget_waiter(reference, waiter);
}

void Tasks::on_object_ready(NodeContext& context, TaskId id, ObjectId object) {
  Task* task = tasks_.find(id);
  if (task == nullptr || task->state != Task::State::kWaiting || task->missing == 0) return;
  const Value* value = parts_.objects.peek(object);
  if (value != nullptr && value->kind == Value::Kind::kError) {
    const ErrorRef error = value->error;
    forget_waits(id, *task);
    finish_with_error(context, id, *task, error);
    return;
  }
  if (--task->missing > 0) return;
  place_one(context, id, *task);
}

// ---- terminal messages --------------------------------------------------------------------------

Tasks::Task* Tasks::expecting(NodeId from, TaskId id, uint32_t attempt) {
  Task* task = tasks_.find(id);
  if (task == nullptr || task->state != Task::State::kAssigned) return nullptr;
  return task->node == from && task->attempt == attempt ? task : nullptr;
}

void Tasks::on_peer(NodeContext& context, NodeId from, AttemptDone&& message) {
  parts_.objects.receive(context, from, message.transfer);  // each is a hold of ours now
  Task* task = expecting(from, message.task, message.attempt);
  if (task == nullptr) {
    discard_results(context, message.task, message.attempt, message.results);
    return;
  }
  on_results(context, message.task, *task, std::move(message.results), message.error);
  place(context);
}

void Tasks::on_own_done(NodeContext& context, TaskId id, uint32_t attempt, Done&& message) {
  Task* task = expecting(parts_.options.node, id, attempt);
  RAY_CHECK(task != nullptr);  // an own attempt ends before its record
  on_results(context, id, *task, std::move(message.results), message.error);
}

void Tasks::on_results(NodeContext& context, TaskId id, Task& task, std::vector<Value>&& results,
                       const ErrorRef& error) {
  unassign(id, task);
  if (task.cancel) {
    discard_results(context, id, task.attempt, results);
    finish_with_error(context, id, task, cancelled_error(id, task, task.cancel));
    return;
  }
  if (!error) {
    results.resize(task.call->return_count);
    finish(context, id, task, std::move(results));
    return;
  }
  const bool may_retry = task.call->retry_exceptions == RetryExceptions::kYes;
  if (may_retry && charge_retry(task) == Retry::kYes) {
    wait_for_arguments(context, id, task);
  } else {
    finish_with_error(context, id, task, error);
  }
}

void Tasks::on_peer(NodeContext& context, NodeId from, AttemptFailed&& message) {
  Task* task = expecting(from, message.task, message.attempt);
  if (task == nullptr) return;
  on_failure(context, message.task, *task, message);
  place(context);
}

void Tasks::on_own_failed(NodeContext& context, const AttemptFailed& message) {
  Task* task = expecting(parts_.options.node, message.task, message.attempt);
  RAY_CHECK(task != nullptr);
  on_failure(context, message.task, *task, message);
}

void Tasks::on_failure(NodeContext& context, TaskId id, Task& task, const AttemptFailed& message) {
  unassign(id, task);
  if (task.cancel) {
    finish_with_error(context, id, task, cancelled_error(id, task, task.cancel));
    return;
  }
  // What failed before it started would fail again: no process, or an argument that is lost.
  const bool has_started = message.started == AttemptFailed::Started::kYes;
  if (has_started && charge_retry(task) == Retry::kYes) {
    wait_for_arguments(context, id, task);
    return;
  }
  finish_with_error(context, id, task, message.cause);
}

Tasks::Retry Tasks::charge_retry(Task& task) const {
  if (task.retries_left == 0) return Retry::kNo;
  if (task.retries_left > 0) --task.retries_left;
  return Retry::kYes;
}

void Tasks::on_peer(NodeContext& context, NodeId from, Refused&& message) {
  Task* task = expecting(from, message.task, message.attempt);
  cluster_.exclude(from, message.view);
  if (task != nullptr) on_not_started(context, message.task, *task);
}

void Tasks::on_peer(NodeContext& context, NodeId from, Revoked&& message) {
  Task* task = expecting(from, message.task, message.attempt);
  if (task == nullptr) return;
  on_not_started(context, message.task, *task);
  place(context);
}

void Tasks::on_own_revoked(NodeContext& context, TaskId id, uint32_t attempt) {
  Task* task = expecting(parts_.options.node, id, attempt);
  RAY_CHECK(task != nullptr);
  on_not_started(context, id, *task);
}

// Free of charge.
void Tasks::on_not_started(NodeContext& context, TaskId id, Task& task) {
  unassign(id, task);
  if (task.cancel) {
    finish_with_error(context, id, task, cancelled_error(id, task, task.cancel));
  } else {
    wait_for_arguments(context, id, task);
  }
}

// ---- the end ------------------------------------------------------------------------------------

void Tasks::finish_with_error(NodeContext& context, TaskId id, Task& task, ErrorRef error) {
  std::vector<Value> results(task.call->return_count, Value::of_error(std::move(error)));
  finish(context, id, task, std::move(results));
}

// The one way into kFinished. What calls out comes last: the record may be gone by then.
void Tasks::finish(NodeContext& context, TaskId id, Task& task, std::vector<Value>&& results) {
  RAY_CHECK(task.state != Task::State::kFinished);
  const bool is_rebuild = task.is_rebuild;
  const uint32_t attempt = task.attempt;
  const JobId job = task.job;
  std::vector<ObjectId> held;
  if (!task.args.empty()) held = all_named_by(task.args);
  task.state = Task::State::kFinished;
  task.cancel.reset();
  if (!is_rebuild) count_finished(context, id.client());
  if (is_needed(task)) {
    keep_as_lineage(id, task);
  } else {
    erase(id);
  }
  for (uint32_t i = 0; i < results.size(); ++i) {
    const ObjectId object = id.object(i + 1);
    const Value* there = is_rebuild ? parts_.objects.peek(object) : nullptr;
    if (there != nullptr && there->kind != Value::Kind::kNone) {
      discard(context, object, attempt, results[i]);  // the one that is there has won
    } else {
      parts_.objects.fulfil(context, object, std::move(results[i]));
    }
  }
  for (const ObjectId object : held) parts_.objects.drop(context, object);
  trim_lineage(job);
}

// Results of a superseded or cancelled attempt.
void Tasks::discard_results(NodeContext& context, TaskId id, uint32_t attempt,
                            const std::vector<Value>& results) {
  for (uint32_t i = 0; i < results.size(); ++i)
    discard(context, id.object(i + 1), attempt, results[i]);
}

void Tasks::discard(NodeContext& context, ObjectId object, uint32_t attempt, const Value& value) {
  for (const ObjectId inner : value.contains) parts_.objects.drop(context, inner);
  if (value.kind != Value::Kind::kStored) return;
  if (value.extent.length > 0) {
    parts_.store.free(context, value.extent);
    return;
  }
  for (const NodeId node : value.nodes)
    if (!is_own_node(node)) parts_.core.send(context, node, Discard{object, attempt});
}

// ---- counting -----------------------------------------------------------------------------------

Tasks::Submitter* Tasks::find_submitter(ClientId client) const {
  if (last_submitter_ != nullptr && last_client_ == client) return last_submitter_;
  const auto it = submitters_.find(client);
  if (it == submitters_.end()) return nullptr;
  last_client_ = client;
  return last_submitter_ = &it->second;
}

Tasks::Submitter& Tasks::submitter_of(ClientId client) {
  if (Submitter* found = find_submitter(client)) return *found;
  last_client_ = client;
  return *(last_submitter_ = &submitters_[client]);
}

void Tasks::forget_submitter(ClientId client) {
  submitters_.erase(client);
  last_submitter_ = nullptr;
}

void Tasks::on_call_accepted(ClientId client, TaskId call) {
  Submitter& submitter = submitter_of(client);
  ++submitter.accepted;
  submitter.last_call_seq = std::max(submitter.last_call_seq, call.seq());
}

void Tasks::on_call_ended(NodeContext& context, ClientId client) {
  count_finished(context, client);
}

void Tasks::count_finished(NodeContext& context, ClientId client) {
  Submitter* found = find_submitter(client);
  if (found == nullptr) return;
  Submitter& submitter = *found;
  ++submitter.finished;
  const uint64_t unfinished = submitter.accepted - submitter.finished;
  if (submitter.is_gone) {
    if (unfinished == 0) forget_submitter(client);
    return;
  }
  // Often enough that a small limit never waits for long, seldom enough to cost nothing.
  const uint64_t unpublished = submitter.finished - submitter.published;
  if (unpublished < std::min<uint64_t>(256, 1 + unfinished / 8)) return;
  submitter.published = submitter.finished;
  context.out.push_back(PublishFinished{client, submitter.finished});
}

uint64_t Tasks::unfinished_of(ClientId client) const {
  const Submitter* submitter = find_submitter(client);
  return submitter == nullptr ? 0 : submitter->accepted - submitter->finished;
}

void Tasks::begin_attempt(ClientId worker) {
  const auto it = submitters_.find(worker);  // leaves the memory of the last one to its owner
  if (it == submitters_.end()) return;
  it->second.running = {};
  it->second.running.after = it->second.last_of_all();
}

void Tasks::begin_inline(ClientId worker) {
  Submitter& submitter = submitter_of(worker);
  submitter.outer.push_back(std::move(submitter.running));
  submitter.running = {};
  submitter.running.after = submitter.last_of_all();
}

void Tasks::end_inline(ClientId worker) {
  Submitter& submitter = submitter_of(worker);
  const uint64_t after = submitter.running.after;
  submitter.running = std::move(submitter.outer.back());
  submitter.outer.pop_back();
  if (submitter.last_of_all() > after)
    submitter.running.inline_runs.emplace_back(after, submitter.last_of_all());
}

// ---- for Assignments ----------------------------------------------------------------------------

const std::vector<Arg>& Tasks::args_of(TaskId id) const {
  const Task* task = tasks_.find(id);
  RAY_CHECK(task != nullptr);
  return task->args;
}

uint32_t Tasks::own_attempt(TaskId id) const {
  const Task* task = tasks_.find(id);
  return task == nullptr ? kNoAttempt : task->own_attempt;
}

}  // namespace rayd::node
