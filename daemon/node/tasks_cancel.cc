// Cancelling tasks: by their callers, with their parents, with their jobs.
#include "common/base/check.h"
#include "daemon/node/actor_calls.h"
#include "daemon/node/node_core.h"
#include "daemon/node/objects.h"
#include "daemon/node/tasks.h"

namespace rayd::node {
void Tasks::on_cancel(NodeContext& context, ClientId, const Cancel& message) {
  static const ErrorRef kAsked = make_error(ErrorCode::kCancelled, "Cancel was called");
  cancel(context, message.task, message.force, message.recursive, kAsked);
}

void Tasks::cancel(NodeContext& context, TaskId id, Cancel::Force force,
                   Cancel::Recursive recursive, const ErrorRef& cause) {
  Task* task = tasks_.find(id);
  if (task == nullptr || task->state == Task::State::kFinished) return;  // it has ended
  if (!task->cancel) task->cancel = cause;
  switch (task->state) {
    case Task::State::kWaiting:
    case Task::State::kQueued:
      if (task->state == Task::State::kWaiting) forget_waits(id, *task);
      if (task->state == Task::State::kQueued) leave_queue(id, *task);
      finish_with_error(context, id, *task, cancelled_error(id, *task, task->cancel));
      return;
    case Task::State::kAssigned: break;
    case Task::State::kFinished: return;
  }
  const RevokeReason reason =
      force == Cancel::Force::kYes ? RevokeReason::kForce : RevokeReason::kCancel;
  if (is_own_node(task->node)) {
    parts_.assignments.revoke(context, task->own_attempt, reason, recursive);
  } else {
    parts_.core.send(context, task->node, Revoke{id, task->attempt, reason, recursive});
  }
}

void Tasks::cancel_children(NodeContext& context, ClientId parent, size_t inline_runs,
                            Cancel::Force force, ErrorRef cause) {
  Submitter& submitter = submitter_of(parent);
  AttemptChildren& attempt = inline_runs == 0
                                 ? submitter.running
                                 : submitter.outer.at(submitter.outer.size() - inline_runs);
  if (!attempt.cancelled) attempt.cancelled = cause;
  const AttemptChildren children = submitter.children_below(inline_runs);
  for (const TaskId id : children_of(parent, inline_runs))
    cancel(context, id, force, Cancel::Recursive::kYes, cause);
  parts_.actor_calls.cancel_children(context, parent, children, cause);
}

AttemptChildren Tasks::Submitter::children_below(size_t inline_runs) const {
  if (inline_runs == 0) return running;
  AttemptChildren children = outer.at(outer.size() - inline_runs);
  children.upto = inline_runs == 1 ? running.after : outer[outer.size() - inline_runs + 1].after;
  return children;
}

std::vector<TaskId> Tasks::children_of(ClientId parent, size_t inline_runs) const {
  const Submitter* submitter = find_submitter(parent);
  const AttemptChildren attempt =
      submitter == nullptr ? AttemptChildren{} : submitter->children_below(inline_runs);
  std::vector<TaskId> children;
  tasks_.for_each_of(parent, [&](TaskId id, const Task& task) {
    if (attempt.contains(id.seq()) && task.state != Task::State::kFinished) children.push_back(id);
  });
  return children;
}

ErrorRef Tasks::cancelled(ClientId client) const {
  const Submitter* submitter = find_submitter(client);
  return submitter == nullptr ? nullptr : submitter->running.cancelled;
}

// Nobody is left who could ask them by force.
void Tasks::on_client_gone(NodeContext& context, ClientId client, ErrorRef cause) {
  Submitter& submitter = submitter_of(client);
  for (size_t inline_runs = 0; inline_runs <= submitter.outer.size(); ++inline_runs) {
    cancel_children(context, client, inline_runs, Cancel::Force::kNo, cause);
    for (const TaskId id : children_of(client, inline_runs))
      to_be_killed_.emplace_back(context.now + parts_.options.cancel_grace, id);
  }
  submitter.is_gone = true;
  if (submitter.accepted == submitter.finished) forget_submitter(client);
}

void Tasks::on_tick(NodeContext& context) {
  while (!to_be_killed_.empty() && to_be_killed_.front().first <= context.now) {
    const TaskId id = to_be_killed_.front().second;
    to_be_killed_.pop_front();
    const Task* task = tasks_.find(id);
    if (task == nullptr || !task->cancel) continue;
    const ErrorRef cause = task->cancel;
    cancel(context, id, Cancel::Force::kYes, Cancel::Recursive::kYes, cause);
  }
}

std::optional<Time> Tasks::next_deadline() const {
  if (to_be_killed_.empty()) return std::nullopt;
  return to_be_killed_.front().first;
}

void Tasks::on_job_ended(NodeContext& context, JobId job) {
  std::vector<TaskId> running, lineage;
  tasks_.for_each([&](TaskId id, const Task& task) {
    if (task.job != job) return;
    (task.state == Task::State::kFinished ? lineage : running).push_back(id);
  });
  // Whatever outlives the job lives on without lineage.
  for (const TaskId id : lineage)
    if (tasks_.find(id) != nullptr) erase(id);
  const ErrorRef cause = make_error(ErrorCode::kCancelled, to_string(job) + " has ended");
  for (const TaskId id : running)
    cancel(context, id, Cancel::Force::kYes, Cancel::Recursive::kYes, cause);
}

ErrorRef Tasks::cancelled_error(TaskId id, const Task& task, const ErrorRef& cause) const {
  auto error = std::make_shared<ErrorInfo>();
  error->code = ErrorCode::kCancelled;
  error->function = task.call->function.name;
  error->task = id;
  error->node = task.node;
  error->attempt = task.attempt;
  error->message =
      task.call->function.name + " (" + to_string(id) + ") was cancelled: " + cause->message;
  return error;
}

}  // namespace rayd::node
