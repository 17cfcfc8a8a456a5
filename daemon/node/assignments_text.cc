// What people and the checker see of attempts.
#include "daemon/node/assignments.h"
#include "daemon/node/objects.h"
#include "daemon/node/tasks.h"
#include "daemon/node/tasks_references.h"
#include "daemon/node/workers.h"
#include "daemon/scheduling/policy.h"

namespace rayd::node {

Assignments::Activity Assignments::activity_of(uint32_t index) const {
  const Attempt& attempt = attempts_[index];
  if (attempt.phase != Attempt::Phase::kSlot) return Activity::kWaits;
  const Worker& worker = *attempt.worker;
  for (size_t i = 0; i < worker.nested_calls(); ++i)
    if (worker.slots[i].attempt_index == index) return Activity::kRuns;
  return Activity::kWaits;
}

// The worker's shape's demand is held for one of the slots that are not inside of another's wait.
bool Assignments::holds_resources(uint32_t index) const {
  const Worker& worker = *attempts_[index].worker;
  for (size_t i = 0; i < worker.slots.size(); ++i)
    if (worker.slots[i].attempt_index == index)
      return i < worker.nested_calls() || worker.slots[i].is_left_over;
  return false;
}

std::string Assignments::pending_reason(uint32_t index) const {
  const Attempt& attempt = attempts_[index];
  const Workers& workers = parts_.workers;
  if (attempt.phase == Attempt::Phase::kPulling) {
    for (const ObjectId object : references_to_pull(args_of(attempt), attempt.values)) {
      const Value* value = parts_.objects.peek(object);
      if (value == nullptr || !value->is_here())
        return "waits for argument " + to_string(object) + " to come to " +
               to_string(parts_.options.node);
    }
    return "waits for its arguments to come to " + to_string(parts_.options.node);
  }
  if (attempt.phase == Attempt::Phase::kSlot) {
    if (activity_of(index) == Activity::kRuns) return {};
    return "waits behind " + to_string(running_task(*attempt.worker)) + " on " +
           to_string(attempt.worker->id);
  }
  const ResourceSet& demand = attempt.call->demand;
  if (!workers.ledger().fits(demand))
    return scheduling::explain_wait(demand, workers.ledger().total(), workers.ledger().free(),
                                    workers.ledger().lent_cpu());
  if (workers.starting(workers.shapes().shape(attempt.shape).runtime) > 0)
    return "waits for a worker process to start";
  if (!workers.may_start())
    return "waits for a worker: all " + std::to_string(workers.max_workers()) +
           " (max_workers) are in use";
  return "waits for a worker process, whose start is to be tried again";
}

void Assignments::append_to(Snapshot& snapshot) const {
  for (uint32_t index = 0; index < attempts_.size(); ++index) {
    const Attempt& attempt = attempts_[index];
    if (attempt.phase == Attempt::Phase::kFree) continue;
    AttemptSnapshot entry;
    entry.task = attempt.task;
    entry.attempt = attempt.number;
    entry.owner = attempt.owner;
    switch (attempt.phase) {
      case Attempt::Phase::kPulling: entry.phase = AttemptSnapshot::Phase::kPulling; break;
      case Attempt::Phase::kQueued: entry.phase = AttemptSnapshot::Phase::kQueued; break;
      default:
        entry.phase = activity_of(index) == Activity::kRuns ? AttemptSnapshot::Phase::kRunning
                                                            : AttemptSnapshot::Phase::kSlot;
        entry.worker = attempt.worker->id;
        if (holds_resources(index)) entry.holds = AttemptSnapshot::Holds::kYes;
    }
    snapshot.attempts.push_back(entry);
  }
}

}  // namespace rayd::node
