// What people and the checker see of tasks.
#include "daemon/node/groups.h"
#include "daemon/node/objects.h"
#include "daemon/node/tasks.h"
#include "daemon/node/tasks_references.h"
#include "daemon/node/workers.h"

namespace rayd::node {

std::string Tasks::pending_reason(const Task& task, const scheduling::ClusterSnapshot& cluster,
                                  TaskSnapshot::Infeasible& infeasible) const {
  switch (task.state) {
    case Task::State::kWaiting: {
      std::string text;
      size_t more = 0;
      for (const ObjectId object : references_to_pull(task.args, {})) {
        const Value* value = parts_.objects.peek(object);
        if (value != nullptr && value->kind != Value::Kind::kNone) continue;
        if (text.empty()) {
          text = "waits for argument " + to_string(object);
        } else {
          ++more;
        }
      }
      return more == 0 ? text : text + " and " + std::to_string(more) + " more";
    }
    case Task::State::kQueued: {
      if (std::string waits = waits_for_group(task.call->placement); !waits.empty()) return waits;
      std::string text =
          scheduling::explain_infeasible(cluster, {task.call->demand, task.call->placement});
      if (!text.empty()) {
        infeasible = TaskSnapshot::Infeasible::kYes;
        return text;
      }
      const std::string where = scheduling::where_text(task.call->placement);
      return "waits for " + task.call->demand.to_text() + (where.empty() ? "" : " " + where) +
             ": no node that has it is free now";
    }
    case Task::State::kAssigned:
      return is_own_node(task.node) ? parts_.assignments.pending_reason(task.own_attempt)
                                    : std::string{};
    case Task::State::kFinished: break;
  }
  return {};
}

// Empty: the group is there, or it asks for none.
std::string Tasks::waits_for_group(const Placement& placement) const {
  if (placement.strategy != Placement::Strategy::kBundle) return {};
  const GroupInfo* group = parts_.groups.find(placement.group);
  if (group != nullptr && group->state == GroupState::kCreated) return {};
  const std::string why = group == nullptr || group->why.empty() ? "" : ", which " + group->why;
  return "waits for " + to_string(placement.group) + why;
}

void Tasks::append_to(Snapshot& snapshot) const {
  const scheduling::ClusterSnapshot cluster = this->cluster();
  tasks_.for_each([&](TaskId id, const Task& task) {
    if (task.state == Task::State::kFinished) return;
    TaskSnapshot entry;
    entry.task = id;
    entry.job = task.job;
    const CallTemplate& call = *task.call;
    entry.name = call.display_name.empty() ? call.function.name : call.display_name;
    entry.node = task.node;
    entry.attempt = task.attempt;
    entry.pending_reason = pending_reason(task, cluster, entry.infeasible);
    switch (task.state) {
      case Task::State::kWaiting: entry.phase = TaskPhase::kWaitingForArguments; break;
      case Task::State::kQueued: entry.phase = TaskPhase::kQueued; break;
      default: entry.phase = TaskPhase::kAssigned;
    }
    snapshot.tasks.push_back(std::move(entry));
  });
}

}  // namespace rayd::node
