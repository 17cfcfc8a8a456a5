// Where tasks go: this node first, others when they have room and this one has not.
#include <algorithm>

#include "common/base/check.h"
#include "daemon/node/call_arguments.h"
#include "daemon/node/node_core.h"
#include "daemon/node/objects.h"
#include "daemon/node/tasks.h"
#include "daemon/node/tasks_references.h"
#include "daemon/node/workers.h"

namespace rayd::node {

scheduling::ClusterSnapshot Tasks::cluster() const {
  const scheduling::Ledger& ledger = parts_.workers.ledger();
  return cluster_.snapshot(ledger.total(), parts_.assignments.room());
}

void Tasks::place_one(NodeContext& context, TaskId id, Task& task) {
  const ResourceSet& demand = task.call->demand;
  const bool fits_here = parts_.workers.is_feasible(demand);
  // The common cases of the policy, without a snapshot: nobody else, or room here.
  if (fits_here && (cluster_.is_alone() || parts_.assignments.room().covers(demand)))
    return assign(context, id, task, parts_.options.node);
  const ShapeId shape = parts_.workers.shapes().shape_of(task.call);
  if (!full_for_.contains(shape)) {
    const scheduling::Plan plan = scheduling::plan_hybrid(cluster(), demand, 1, context.random);
    if (!plan.steps.empty()) return assign(context, id, task, plan.steps.front().node);
    full_for_.insert(shape);
  }
  // No room anywhere now. In this node's queue it is nearest to the next room.
  if (fits_here) return assign(context, id, task, parts_.options.node);
  queue_up(id, task);
}

void Tasks::queue_up(TaskId id, Task& task) {
  task.state = Task::State::kQueued;
  queued_[parts_.workers.shapes().shape_of(task.call)].insert(id);
}

void Tasks::assign(NodeContext& context, TaskId id, Task& task, NodeId node) {
  task.state = Task::State::kAssigned;
  task.node = node;
  ++task.attempt;
  if (!is_own_node(node)) return assign_remote(context, id, task);
  task.own_attempt = parts_.assignments.open_own(id, task.attempt, task.call, task.job, task.depth);
  parts_.assignments.begin(context, task.own_attempt);
}

void Tasks::assign_remote(NodeContext& context, TaskId id, Task& task) {
  assigned_to_[task.node].insert(id);
  cluster_.on_assigned(task.node, task.call->demand);
  Assign message;
  message.task = id;
  message.attempt = task.attempt;
  message.call = task.call;
  message.job = task.job;
  message.args = task.args;
  message.values = values_for_others(parts_.objects, task.args);
  message.transfer =
      parts_.objects.attach(context, task.node, all_named_by(message.args, message.values));
  parts_.core.send(context, task.node, std::move(message));
}

void Tasks::unassign(TaskId id, Task& task) {
  task.own_attempt = kNoAttempt;
  if (is_own_node(task.node)) return;
  cluster_.on_ended(task.node, task.call->demand);
  const auto it = assigned_to_.find(task.node);
  RAY_CHECK(it != assigned_to_.end());
  it->second.erase(id);
  if (it->second.empty()) assigned_to_.erase(it);
}

// ---- room elsewhere -----------------------------------------------------------------------------

void Tasks::on_views(NodeContext& context, const std::vector<NodeView>& changed) {
  for (const NodeView& view : changed) cluster_.on_view(view);
  place(context);
}

void Tasks::place(NodeContext& context) {
  full_for_.clear();
  if (!queued_.empty()) place_queued(context);
  if (!cluster_.is_alone()) move_backlog(context);
}

void Tasks::leave_queue(TaskId id, const Task& task) {
  const auto it = queued_.find(parts_.workers.shapes().shape_of(task.call));
  RAY_CHECK(it != queued_.end());
  it->second.erase(id);
  if (it->second.empty()) queued_.erase(it);
}

void Tasks::place_queued(NodeContext& context) {
  std::vector<ShapeId> shapes;
  for (const auto& [shape, ids] : queued_) shapes.push_back(shape);
  for (const ShapeId shape : shapes) {
    for (auto it = queued_.find(shape); it != queued_.end(); it = queued_.find(shape)) {
      const TaskId id = *it->second.begin();
      Task* task = tasks_.find(id);
      leave_queue(id, *task);
      place_one(context, id, *task);
      // Queued again: neither is there room for the others of its shape.
      task = tasks_.find(id);
      if (task != nullptr && task->state == Task::State::kQueued) break;
    }
  }
}

// What waits for a CPU here, while another node has room, moves.
void Tasks::move_backlog(NodeContext& context) {
  const std::vector<ShapeId> shapes = parts_.assignments.waiting_shapes();
  for (const ShapeId shape : shapes) {
    const ResourceSet& demand = parts_.workers.shapes().shape(shape).demand;
    const uint32_t waiting = parts_.assignments.starved(shape);
    if (waiting == 0) continue;
    scheduling::ClusterSnapshot others = cluster();
    std::erase_if(others.nodes, [&](const auto& node) { return is_own_node(node.node); });
    const scheduling::Plan plan = scheduling::plan_hybrid(others, demand, waiting, context.random);
    parts_.assignments.give_back(context, shape, waiting - plan.left);
  }
}

// ---- other nodes' states ------------------------------------------------------------------------

void Tasks::on_node_state(NodeContext& context, NodeId node, NodeState state) {
  cluster_.on_state(node, state);
  const auto it = assigned_to_.find(node);
  if (it != assigned_to_.end() && (state == NodeState::kSuspect || state == NodeState::kDead)) {
    const std::vector<TaskId> ids(it->second.begin(), it->second.end());
    for (const TaskId id : ids) {
      Task* task = tasks_.find(id);
      if (task == nullptr || task->state != Task::State::kAssigned || task->node != node) continue;
      const bool is_dead = state == NodeState::kDead;
      const bool is_wanted = task->cancel == nullptr;
      if (is_wanted && charge_retry(*task) == Retry::kYes) {
        // If B only was silent, it hears that this attempt is over; its results are discarded.
        if (!is_dead)
          parts_.core.send(
              context, node,
              Revoke{id, task->attempt, RevokeReason::kCancel, Cancel::Recursive::kYes});
        unassign(id, *task);
        wait_for_arguments(context, id, *task);
      } else if (is_dead) {
        const ErrorRef error =
            is_wanted ? node_died_error(id, *task) : cancelled_error(id, *task, task->cancel);
        unassign(id, *task);
        finish_with_error(context, id, *task, error);
      }
    }
  }
  place(context);
}

ErrorRef Tasks::node_died_error(TaskId id, const Task& task) const {
  auto error = std::make_shared<ErrorInfo>();
  error->code = ErrorCode::kNodeDied;
  error->function = task.call->function.name;
  error->task = id;
  error->node = task.node;
  error->attempt = task.attempt;
  error->may_have_executed = ErrorInfo::MayHaveExecuted::kYes;
  error->message = to_string(task.node) + " died while " + task.call->function.name + " (" +
                   to_string(id) + ", attempt " + std::to_string(task.attempt) +
                   ") was assigned to it, and no retries are left";
  return error;
}

}  // namespace rayd::node
