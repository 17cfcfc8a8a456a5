#include "tests/sim/faults.h"

#include "tests/sim/world.h"

namespace rayd::sim {
namespace {

template <class T>
T* pick(World& world, const std::vector<T*>& among) {
  return among.empty() ? nullptr : among[world.random.below(among.size())];
}

std::vector<Client*> live_clients(World& world, bool are_workers) {
  std::vector<Client*> live;
  for (const auto& [id, client] : world.clients())
    if (client->is_alive() && client->is_worker() == are_workers) live.push_back(client.get());
  return live;
}

bool kill_a_worker(World& world) {
  Client* worker = pick(world, live_clients(world, true));
  if (worker == nullptr) return false;
  world.oracle.excuses.worker_deaths = true;
  world.kill_worker(*worker, "signal 9 (Killed)");
  return true;
}

bool kill_a_driver(World& world) {
  std::vector<Client*> busy;
  for (Client* client : live_clients(world, false))
    if (client->has_fibers()) busy.push_back(client);
  Client* driver = pick(world, busy);
  if (driver == nullptr) return false;
  world.kill_driver(*driver);
  return true;
}

// The daemon beside the head dies with the head: see restart_head.
std::vector<Node*> other_nodes(World& world) {
  std::vector<Node*> others;
  for (Node* node : world.live_nodes())
    if (!node->is_beside_head()) others.push_back(node);
  return others;
}

void replace(World& world, BesideHead beside_head) {
  world.after(Duration::millis(static_cast<int64_t>(world.random.below(3'000))),
              [&world, beside_head] { world.join(beside_head); });
}

bool crash_a_node(World& world) {
  Node* node = pick(world, other_nodes(world));
  if (node == nullptr) return false;
  node->crash();
  replace(world, BesideHead::kNo);
  return true;
}

bool crash_between_actions(World& world) {
  Node* node = pick(world, other_nodes(world));
  if (node == nullptr || world.crash) return false;
  world.crash = World::Crash{node->id(), world.random.below(40)};
  replace(world, BesideHead::kNo);
  return true;
}

// Long enough to be suspect, sometimes to be declared dead.
bool cut_a_node_off(World& world) {
  Node* node = pick(world, other_nodes(world));
  if (node == nullptr) return false;
  world.oracle.excuses.suspects = true;
  world.oracle.excuses.node_deaths = true;
  world.freeze(node->id(), Duration::millis(static_cast<int64_t>(100 + world.random.below(8'000))));
  return true;
}

// The daemon beside the head dies with it.
bool end_head(World& world, Duration away) {
  Node* beside = nullptr;
  for (Node* node : world.live_nodes())
    if (node->is_beside_head()) beside = node;
  if (beside == nullptr) return false;
  beside->crash();
  world.head().restart(away);
  replace(world, BesideHead::kYes);
  return true;
}

bool restart_head(World& world) { return end_head(world, Duration{}); }

// Longer than a lease, often: restartable actors freeze, and go on with the next head.
bool take_head_away(World& world) {
  return end_head(world, Duration::millis(static_cast<int64_t>(1'000 + world.random.below(8'000))));
}

bool cancel_a_job(World& world) { return world.jobs.cancel_one(); }

bool slow_sessions(World& world) {
  world.slow_down();
  return true;
}

bool repeat_messages(World& world) {
  world.repeats = 1 + world.random.below(30);
  return true;
}

constexpr Fault kFaults[] = {
    {"worker_death", kill_a_worker},  {"driver_death", kill_a_driver},
    {"node_crash", crash_a_node},     {"crash_between_armed", crash_between_actions},
    {"cut_off", cut_a_node_off},      {"head_restart", restart_head},
    {"head_away", take_head_away},    {"job_cancel", cancel_a_job},
    {"slow_sessions", slow_sessions}, {"repeats", repeat_messages},
};

}  // namespace

std::vector<const Fault*> choose_faults(Random& random, World& world) {
  std::vector<const Fault*> chosen;
  for (uint64_t count = random.below(5); count > 0; --count)
    chosen.push_back(&kFaults[random.below(std::size(kFaults))]);
  if (random.chance(1, 6)) world.pull_failures = 20;
  if (random.chance(1, 10)) world.start_failures = 10;
  if (random.chance(1, 6)) {
    world.store_bytes = 192 * 1024;
    world.oracle.excuses.full_store = true;
  }
  return chosen;
}

std::vector<std::string> never_fired(const std::map<std::string, uint64_t>& counts, Nodes nodes) {
  std::vector<std::string> missing;
  const auto expect = [&](const char* name) {
    if (!counts.contains(name)) missing.push_back(name);
  };
  for (const char* name :
       {"worker_death", "worker_exit", "worker_start_failure", "driver_death", "head_restart",
        "head_away", "job_cancel", "slow_sessions", "repeats", "repeated_message", "store_full",
        "death_while_writing", "cancel", "kill_actor", "actor_found", "detached_killed",
        "job_ended", "job_cancelled"})
    expect(name);
  if (nodes == Nodes::kOne) return missing;
  for (const char* name :
       {"node_crash", "crash_between_actions", "cut_off", "declared_dead_alive", "pull",
        "pull_with_references", "pull_failure", "death_during_pull", "lease_over", "lease_renewed"})
    expect(name);
  return missing;
}

}  // namespace rayd::sim
