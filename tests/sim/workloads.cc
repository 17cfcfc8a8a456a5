#include "tests/sim/workloads.h"

#include "tests/sim/script.h"

namespace rayd::sim {
namespace {

struct Workload {
  const char* name;
  uint32_t features;
};

// Each alone means something; together they meet each other's corners.
constexpr Workload kWorkloads[] = {
    {"task_graph", kTasks},
    {"nested_tasks", kTasks | kNesting},
    {"puts", kPuts},
    {"nested_references", kPuts | kTasks | kReferences},
    {"stored_values", kPuts | kTasks | kStored},
    {"cancels", kTasks | kNesting | kCancels},
    {"forced_cancels", kTasks | kCancels | kForce},
    {"exceptions", kTasks | kThrows},
    {"spread", kTasks | kSpread},
    {"first_attempts_die", kTasks | kDeaths},
    {"actors", kActors | kTasks},
    {"shared_actors", kActors | kTasks | kNesting | kReferences},
    {"killed_actors", kActors | kKills},
    {"restarted_actors", kActors | kRestarts},
    {"named_actors", kActors | kNames},
    {"placement_groups", kTasks | kGroups},
    {"nested_in_groups", kTasks | kNesting | kGroups},
    {"pulls", kTasks | kPuts | kStored | kReferences | kNesting},
};

}  // namespace

uint32_t choose_workloads(Random& random, Trace& trace, Time now) {
  uint32_t features = 0;
  for (uint64_t count = 1 + random.below(6); count > 0; --count) {
    const Workload& workload = kWorkloads[random.below(std::size(kWorkloads))];
    trace.line(now, "workload ", workload.name);
    features |= workload.features;
  }
  return features;
}

}  // namespace rayd::sim
