// Where tasks go: this node first, others when they have room and this one has not.
#include <algorithm>

#include "common/base/check.h"
#include "daemon/node/call_arguments.h"
#include "daemon/node/groups.h"
#include "daemon/node/node_core.h"
#include "daemon/node/objects.h"
#include "daemon/node/tasks.h"
#include "daemon/node/tasks_references.h"
#include "daemon/node/workers.h"

namespace rayd::node {

Tasks::Tasks(Parts& parts)
    : parts_(parts), cluster_(parts.options.node, view_of(parts.options).labels) {}

const scheduling::ClusterSnapshot& Tasks::cluster() const {
  const scheduling::Ledger& ledger = parts_.workers.ledger();
  return cluster_.snapshot(ledger.total(), parts_.assignments.room());
}

void Tasks::place_one(NodeContext& context, TaskId id, Task& task) {
  const ResourceSet& demand = task.call->demand;
  const Placement& placement = task.call->placement;
  if (!placement.is_anywhere()) return place_as_asked(context, id, task);
  const bool fits_here = parts_.workers.is_feasible(demand);
  scheduling::Request request{demand, placement};
  if (!cluster_.is_alone() && has_references(task.args))
    request.argument_bytes = argument_bytes(task.args);
  // The common cases of the policy, without a snapshot: nobody else, or room here.
  const bool is_drawn = !request.argument_bytes.empty();
  if (fits_here && (cluster_.is_alone() || (!is_drawn && parts_.assignments.room().covers(demand))))
    return assign(context, id, task, parts_.options.node);
  const ShapeId shape = parts_.workers.shapes().shape_of(task.call);
  if (is_drawn || !full_for_.contains(shape)) {
    const scheduling::Plan plan = scheduling::plan(cluster(), request, 1, context.random);
    if (!plan.steps.empty()) return assign(context, id, task, plan.steps.front().node);
    full_for_.insert(shape);
  }
  // No room anywhere now. In this node's queue it is nearest to the next room.
  if (fits_here) return assign(context, id, task, parts_.options.node);
  queue_up(id, task);
}

// Empty: what it asks for may be there, now or later.
std::string Tasks::why_never(const CallTemplate& call) const {
  const Placement& placement = call.placement;
  if (placement.is_bound() && cluster_.state_of(placement.node) == NodeState::kDead)
    return "must run on " + to_string(placement.node) + ", which is dead";
  if (placement.strategy != Placement::Strategy::kBundle) return {};
  const GroupInfo* group = parts_.groups.find(placement.group);
  if (group == nullptr) return {};
  if (group->state == GroupState::kRemoved)
    return "must run in " + to_string(placement.group) + ", which is gone: " + group->why;
  if (placement.bundle >= static_cast<int32_t>(group->bundles.size()))
    return "must run in bundle " + std::to_string(placement.bundle) + " of " +
           to_string(placement.group) + ", which has " + std::to_string(group->bundles.size());
  return {};
}

// Spread, bound to a node, in a bundle, or for some labels only.
void Tasks::place_as_asked(NodeContext& context, TaskId id, Task& task) {
  const Placement& placement = task.call->placement;
  if (placement.strategy == Placement::Strategy::kBundle)
    parts_.groups.need(context, placement.group);
  if (const std::string never = why_never(*task.call); !never.empty()) {
    const bool is_dead = placement.is_bound();
    auto error = make_error(is_dead ? ErrorCode::kNodeDied : ErrorCode::kInfeasible,
                            task.call->function.name + " (" + to_string(id) + ") " + never);
    return finish_with_error(context, id, task, std::move(error));
  }
  const bool is_spread = placement.strategy == Placement::Strategy::kSpread;
  const scheduling::Request request{task.call->demand, placement};
  const ShapeId shape = parts_.workers.shapes().shape_of(task.call);
  const scheduling::ClusterSnapshot& cluster = this->cluster();
  if (!full_for_.contains(shape)) {
    const scheduling::Plan plan = scheduling::plan(cluster, request, 1, context.random);
    if (!plan.steps.empty()) {
      const NodeId node = plan.steps.front().node;
      if (is_spread) cluster_.on_spread(node);
      return assign(context, id, task, node);
    }
    full_for_.insert(shape);
  }
  // A queue here would draw what is to be spread to this node.
  if (is_spread) return queue_up(id, task);
  for (const scheduling::NodeLoad& node : scheduling::allowed(cluster, request).nodes)
    if (is_own_node(node.node) && node.total.covers(request.demand))
      return assign(context, id, task, node.node);
  queue_up(id, task);
}

// What each node has of the large arguments; empty: they draw the task nowhere.
std::map<NodeId, uint64_t> Tasks::argument_bytes(const std::vector<Arg>& args) const {
  std::map<NodeId, uint64_t> bytes;
  uint64_t all = 0;
  for (const ObjectId object : references_to_pull(args, {})) {
    const Value* value = parts_.objects.peek(object);
    if (value == nullptr || value->kind != Value::Kind::kStored) continue;
    all += value->size;
    const bool is_here = value->extent.length > 0;
    if (is_here) bytes[parts_.options.node] += value->size;
    for (const NodeId node : value->nodes)
      if (!is_here || !is_own_node(node)) bytes[node] += value->size;
  }
  if (all < scheduling::kLocalityBytes || bytes[parts_.options.node] == all) return {};
  return bytes;
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

void Tasks::on_room_here(NodeContext& context) {
  if (queued_.empty() || is_placing_) return;
  bool any = false;
  for (const auto& [shape, ids] : queued_) {
    if (!parts_.assignments.room().covers(parts_.workers.shapes().shape(shape).demand)) continue;
    full_for_.erase(shape);
    any = true;
  }
  if (any) place_queued(context);
}

void Tasks::place_queued(NodeContext& context) {
  is_placing_ = true;
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
  is_placing_ = false;
}

// What waits for a CPU here, while another node has room, moves.
void Tasks::move_backlog(NodeContext& context) {
  const std::vector<ShapeId> shapes = parts_.assignments.waiting_shapes();
  for (const ShapeId shape : shapes) {
    const ResourceSet& demand = parts_.workers.shapes().shape(shape).demand;
    const uint32_t waiting = parts_.assignments.starved(shape);
    if (waiting == 0) continue;
    const scheduling::Request request{demand, parts_.workers.shapes().shape(shape).placement};
    const scheduling::Plan plan = plan_elsewhere(context, request, waiting);
    parts_.assignments.give_back(context, shape, waiting - plan.left);
  }
}

// The common case copies nothing: a node without room is as good as none.
scheduling::Plan Tasks::plan_elsewhere(NodeContext& context, const scheduling::Request& request,
                                       uint32_t count) const {
  if (request.placement.is_anywhere() && !request.demand.is_zero()) {
    const ResourceSet& total = parts_.workers.ledger().total();
    return scheduling::plan(cluster_.snapshot(total, {}), request, count, context.random);
  }
  scheduling::ClusterSnapshot others = cluster();
  std::erase_if(others.nodes, [&](const auto& node) { return is_own_node(node.node); });
  return scheduling::plan(others, request, count, context.random);
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
