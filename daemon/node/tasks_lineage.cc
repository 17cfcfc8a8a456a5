// Lineage: finished records that returns or other records still need, and rebuilding from them.
#include <algorithm>

#include "common/base/check.h"
#include "daemon/node/objects.h"
#include "daemon/node/tasks.h"
#include "daemon/node/tasks_references.h"

namespace rayd::node {
namespace {

// Order entries of records that are gone, beyond which the order is written anew.
constexpr size_t kStaleOrderEntries = 1024;

}  // namespace

bool Tasks::is_needed(const Task& task) const { return task.live_returns > 0 || task.pins > 0; }

uint64_t Tasks::bytes_of(const Task& task) {
  uint64_t bytes = sizeof(Task) + 64;
  for (const Arg& arg : task.args) bytes += sizeof(Arg) + arg.value.bytes.size();
  return bytes;
}

void Tasks::keep_as_lineage(TaskId id, Task& task) {
  Lineage& lineage = lineage_[task.job];
  task.has_lineage = true;
  lineage.bytes += bytes_of(task);
  ++lineage.records;
  lineage.order.push_back(id);
  if (lineage.order.size() < 2 * lineage.records + kStaleOrderEntries) return;
  std::erase_if(lineage.order, [&](TaskId other) {
    const Task* record = tasks_.find(other);
    return record == nullptr || !record->has_lineage;
  });
}

// The record is no longer one of those that only wait to be needed.
void Tasks::drop_lineage(Task& task) {
  if (!task.has_lineage) return;
  task.has_lineage = false;
  const auto it = lineage_.find(task.job);
  it->second.bytes -= bytes_of(task);
  if (--it->second.records == 0) lineage_.erase(it);
}

void Tasks::trim_lineage(JobId job) {
  const auto it = lineage_.find(job);
  if (it == lineage_.end() || it->second.bytes <= kMaxLineageBytes) return;
  // `erase` may take the last record, and with it the entry: look it up each time.
  for (auto found = it; found != lineage_.end() && found->second.bytes > kMaxLineageBytes;
       found = lineage_.find(job)) {
    const TaskId oldest = found->second.order.front();
    found->second.order.pop_front();
    const Task* record = tasks_.find(oldest);
    if (record != nullptr && record->has_lineage) erase(oldest);
  }
}

// The record, and the records that only it needed, without recursion: chains may be long.
void Tasks::erase(TaskId first) {
  std::vector<TaskId> erasing{first};
  while (!erasing.empty()) {
    const TaskId id = erasing.back();
    erasing.pop_back();
    Task* task = tasks_.find(id);
    drop_lineage(*task);
    for (const ObjectId object : all_named_by(task->args)) {
      if (object.index() == 0 || !is_own_node(object.node())) continue;
      Task* source = tasks_.find(object);
      if (source == nullptr || source->pins == 0) continue;  // dropped before, as too old
      --source->pins;
      if (source->state == Task::State::kFinished && !is_needed(*source))
        erasing.push_back(object.task());
    }
    tasks_.erase(id);
  }
}

void Tasks::on_return_freed(NodeContext&, ObjectId object) {
  Task* task = tasks_.find(object);
  if (task == nullptr || task->live_returns == 0) return;
  --task->live_returns;
  if (task->state == Task::State::kFinished && !is_needed(*task)) erase(object.task());
}

// ---- rebuilding ---------------------------------------------------------------------------------

void Tasks::on_lost(NodeContext& context, ObjectId object) {
  Task* lost = tasks_.find(object);
  if (lost == nullptr) {
    auto error = std::make_shared<ErrorInfo>();
    error->code = ErrorCode::kObjectLost;
    error->task = object.task();
    error->node = parts_.options.node;
    error->message =
        "the last copy of " + to_string(object) + " is gone and it cannot be rebuilt: " +
        (object.index() == 0 ? "it was put, and puts are not repeated"
                             : "how it was made is no longer known (256 MiB of such records are "
                               "kept for a job, while it runs)");
    parts_.objects.fulfil(context, object, Value::of_error(error));
    return;
  }
  std::vector<TaskId> to_rebuild{object.task()};
  std::vector<TaskId> starting;
  while (!to_rebuild.empty()) {
    const TaskId id = to_rebuild.back();
    to_rebuild.pop_back();
    Task& task = *tasks_.find(id);
    if (task.state != Task::State::kFinished) continue;  // it runs: single-flight
    if (task.retries_left == 0) {
      fail_as_lost(context, id, "no retries of " + task.call->function.name + " are left");
      continue;
    }
    const std::string missing = regain_arguments(context, task, to_rebuild);
    if (!missing.empty()) {
      fail_as_lost(context, id, "its argument " + missing);
      continue;
    }
    if (task.retries_left > 0) --task.retries_left;
    drop_lineage(task);
    task.is_rebuild = true;
    task.state = Task::State::kWaiting;
    task.missing = 0;
    starting.push_back(id);
  }
  for (const TaskId id : starting) {
    Task* task = tasks_.find(id);
    if (task != nullptr && task->state == Task::State::kWaiting && task->missing == 0)
      wait_for_arguments(context, id, *task);
  }
}

std::string Tasks::regain_arguments(NodeContext& context, const Task& task,
                                    std::vector<TaskId>& to_rebuild) {
  std::vector<ObjectId> held;
  for (const ObjectId object : all_named_by(task.args)) {
    if (parts_.objects.is_known(object)) {
      parts_.objects.hold(context, object);
      held.push_back(object);
      continue;
    }
    Task* source =
        object.index() == 0 || !is_own_node(object.node()) ? nullptr : tasks_.find(object);
    if (source == nullptr) {
      for (const ObjectId other : held) parts_.objects.drop(context, other);
      return to_string(object) + " has been freed and cannot be rebuilt itself";
    }
    parts_.objects.revive(context, object);
    held.push_back(object);
    ++source->live_returns;
    to_rebuild.push_back(object.task());
  }
  return {};
}

// Those of its returns that wait for a value get the error.
void Tasks::fail_as_lost(NodeContext& context, TaskId id, const std::string& why) {
  const Task& task = *tasks_.find(id);
  auto error = std::make_shared<ErrorInfo>();
  error->code = ErrorCode::kObjectLost;
  error->function = task.call->function.name;
  error->task = id;
  error->node = parts_.options.node;
  error->attempt = task.attempt;
  error->message =
      "the last copy of a result of " + to_string(id) + " is gone and it cannot be rebuilt: " + why;
  const uint32_t count = task.call->return_count;
  for (uint32_t i = 1; i <= count; ++i) {
    const ObjectId object = id.object(i);
    if (!parts_.objects.is_known(object)) continue;
    const Value* there = parts_.objects.peek(object);
    if (there != nullptr && there->kind != Value::Kind::kNone) continue;
    parts_.objects.fulfil(context, object, Value::of_error(error));
  }
}

}  // namespace rayd::node
