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

Duration millis(World& world, uint64_t least, uint64_t width) {
  return Duration::millis(static_cast<int64_t>(least + world.random.below(width)));
}

void join_later(World& world, Machine machine) {
  world.after(millis(world, 0, 3'000), [&world, machine] { world.join(machine); });
}

// Another machine in its place, or the same one again.
void replace(World& world, Node& node) {
  const bool comes_again = world.random.chance(1, 2);
  if (comes_again) world.count("machine_restart");
  join_later(world, comes_again ? node.machine() : world.network.new_machine());
}

bool crash_a_node(World& world) {
  Node* node = pick(world, other_nodes(world));
  if (node == nullptr) return false;
  node->crash();
  replace(world, *node);
  return true;
}

// Nobody is told.
bool cut_power(World& world) {
  Node* node = pick(world, other_nodes(world));
  if (node == nullptr) return false;
  node->crash(Peers::End::kNoPower);
  replace(world, *node);
  return true;
}

bool crash_between_actions(World& world) {
  Node* node = pick(world, other_nodes(world));
  if (node == nullptr || world.crash) return false;
  world.crash = World::Crash{node->id(), world.random.below(40)};
  join_later(world, world.network.new_machine());
  return true;
}

bool leave(World& world) {
  Node* node = pick(world, other_nodes(world));
  if (node == nullptr) return false;
  node->crash();
  return true;
}

bool join_late(World& world) {
  for (uint64_t count = 1 + world.random.below(3); count > 0; --count)
    world.join(world.network.new_machine());
  return true;
}

// Its ordinal may be given already.
bool end_a_joiner(World& world) {
  const Machine machine = world.network.new_machine();
  world.join(machine);
  world.after(millis(world, 0, 10), [&world, machine] {
    for (Peers* peers : world.network.joining()) {
      if (peers->machine() != machine) continue;
      peers->end(Peers::End::kKilled);
      world.count("joiner_death");
      return join_later(world, machine);
    }
  });
  return true;
}

// ---- the network --------------------------------------------------------------------------------

// Long enough to be suspect, sometimes to be declared dead.
bool cut_a_node_off(World& world) {
  Node* node = pick(world, other_nodes(world));
  if (node == nullptr) return false;
  world.oracle.excuses.suspects = true;
  world.oracle.excuses.node_deaths = true;
  world.network.cut_off(node->machine(), millis(world, 100, 8'000));
  return true;
}

// Two that have something to say to each other; one may be the head.
std::optional<std::pair<Machine, Machine>> pick_pair(World& world) {
  const auto connections = world.network.open_connections();
  if (connections.empty()) return std::nullopt;
  auto [one, two] = connections[world.random.below(connections.size())]->machines();
  if (one == kHeadMachine || two == kHeadMachine) {
    world.oracle.excuses.suspects = true;
    world.oracle.excuses.node_deaths = true;
  }
  if (world.random.chance(1, 2)) std::swap(one, two);
  return std::pair{one, two};
}

bool cut_a_pair(World& world) {
  const auto pair = pick_pair(world);
  if (!pair) return false;
  const Duration duration = millis(world, 50, 10'000);
  world.network.cut(pair->first, pair->second, duration);
  world.network.cut(pair->second, pair->first, duration);
  return true;
}

bool cut_one_way(World& world) {
  const auto pair = pick_pair(world);
  if (!pair) return false;
  world.network.cut(pair->first, pair->second, millis(world, 50, 10'000));
  return true;
}

bool slow_a_link(World& world) {
  const auto pair = pick_pair(world);
  if (!pair) return false;
  world.network.slow_down(pair->first, pair->second, millis(world, 500, 10'000));
  return true;
}

bool reset_a_connection(World& world) {
  const auto connections = world.network.open_connections();
  if (connections.empty()) return false;
  world.oracle.excuses.suspects = true;
  const auto side = world.random.chance(1, 2) ? Connection::kDialer : Connection::kAcceptor;
  connections[world.random.below(connections.size())]->reset_after(side, world.random.below(2'000));
  return true;
}

// Everywhere, for a while.
bool reset_often(World& world) {
  world.oracle.excuses.suspects = true;
  world.network.resets_in = 3 + world.random.below(100);
  world.after(millis(world, 100, 5'000), [&world] { world.network.resets_in = 0; });
  return true;
}

bool resume_from_before(World& world) {
  world.network.stale_resumes = 1 + world.random.below(100);
  return reset_often(world);
}

// ---- the head -----------------------------------------------------------------------------------

// The daemon beside the head dies with it.
bool end_head(World& world, Duration away) {
  Node* beside = nullptr;
  for (Node* node : world.live_nodes())
    if (node->is_beside_head()) beside = node;
  if (beside == nullptr) return false;
  const auto how = world.random.chance(1, 3) ? Peers::End::kNoPower : Peers::End::kKilled;
  beside->crash(how);
  world.head().restart(away, how);
  join_later(world, kHeadMachine);
  return true;
}

bool restart_head(World& world) { return end_head(world, Duration{}); }

// Longer than a lease, often: restartable actors freeze, and go on with the next head.
bool take_head_away(World& world) { return end_head(world, millis(world, 1'000, 8'000)); }

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
    {"power_loss", cut_power},        {"node_leave", leave},
    {"node_join", join_late},         {"joiner_end", end_a_joiner},
    {"pair_cut", cut_a_pair},         {"one_way_cut", cut_one_way},
    {"slow_link", slow_a_link},       {"reset_armed", reset_a_connection},
    {"reset_often", reset_often},     {"stale_resume", resume_from_before},
};

}  // namespace

std::vector<const Fault*> choose_faults(Random& random, World& world) {
  std::vector<const Fault*> chosen;
  for (uint64_t count = random.below(7); count > 0; --count)
    chosen.push_back(&kFaults[random.below(std::size(kFaults))]);
  if (world.is_broken(Break::kNotReaped)) {  // rare otherwise
    world.features |= kActors | kRestarts;
    chosen.push_back(&kFaults[0]);
  }
  if (random.chance(1, 6)) world.pull_failures = 20;
  if (random.chance(1, 10)) world.start_failures = 10;
  if (random.chance(1, 6)) {
    world.store_bytes = 192 * 1024;
    world.oracle.excuses.full_store = true;
  }
  return chosen;
}

void fire(World& world, std::string_view name) {
  for (const Fault& fault : kFaults)
    if (name == fault.name && fault.fire(world)) world.count(fault.name);
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
        "job_ended", "job_cancelled", "inline_run"})
    expect(name);
  if (nodes == Nodes::kOne) return missing;
  for (const char* name : {"node_crash",
                           "crash_between_actions",
                           "cut_off",
                           "declared_dead_alive",
                           "pull",
                           "pull_with_references",
                           "pull_failure",
                           "death_during_pull",
                           "lease_over",
                           "lease_renewed",
                           "power_loss",
                           "machine_restart",
                           "node_leave",
                           "node_join",
                           "joiner_death",
                           "pair_cut",
                           "one_way_cut",
                           "slow_link",
                           "connection_reset",
                           "half_frame_lost",
                           "session_resumed",
                           "duplicate_at_resume",
                           "silent_connection",
                           "closed_connection",
                           "full_connection",
                           "dial_failed",
                           "not_named_yet",
                           "refused_dead"})
    expect(name);
  return missing;
}

}  // namespace rayd::sim
