#include "tests/sim/world.h"

#include <algorithm>

#include "tests/sim/checker.h"
#include "tests/sim/faults.h"
#include "tests/sim/repeats.h"
#include "tests/sim/workloads.h"

namespace rayd::sim {
namespace {

constexpr Duration kStuckAfter = Duration::seconds(240);
constexpr Duration kRestAfter = Duration::seconds(20);

// Neighbouring seeds must not be one stream, shifted: Random adds a constant at each draw.
uint64_t spread(uint64_t seed) { return Random{seed}.next(); }

}  // namespace

World::World(const Options& options)
    : random(spread(options.seed)), trace(options.show), options_(options) {
  now = Time{Duration::seconds(1).ns};
  if (options_.check == Options::Check::kYes) checker_ = std::make_unique<Checker>(*this);
}

World::~World() = default;

// ---- time ---------------------------------------------------------------------------------------

void World::at(Time time, std::function<void()> event) {
  events_.push({time, next_order_++, std::move(event)});
}

void World::after(Duration delay, std::function<void()> event) {
  at(now + delay, std::move(event));
}

// Mostly short, sometimes very long: so that everything can come before everything else.
Duration World::short_delay() {
  const auto wide = random.chance(1, 20) ? 500'000u : 5'000u;
  return Duration{1'000 + static_cast<int64_t>(random.below(wide)) * slowness_};
}
Duration World::step_delay() {
  const auto wide = random.chance(1, 15) ? 4'000'000u : 30'000u;
  return Duration{500 + static_cast<int64_t>(random.below(wide))};
}
Duration World::link_delay() {
  const auto wide = random.chance(1, 20) ? 5'000'000u : 100'000u;
  return Duration{20'000 + static_cast<int64_t>(random.below(wide)) * slowness_};
}
Duration World::long_delay() {
  return Duration{100'000 + static_cast<int64_t>(random.below(5'000'000)) * slowness_};
}

bool World::step() {
  if (events_.empty()) return false;
  // The queue gives no way to move out of its top; the event is about to be removed.
  Event event = std::move(const_cast<Event&>(events_.top()));
  events_.pop();
  now = event.time;
  ++steps_;
  event.run();
  if (touched_.empty()) return true;
  if (checker_) checker_->check(touched_);
  touched_.clear();
  return true;
}

void World::violation(const std::string& what) {
  violations_.push_back(what);
  trace.line(now, "VIOLATION ", what);
}

// ---- daemons ------------------------------------------------------------------------------------

Node* World::find_node(NodeId node) {
  const auto it = nodes_.find(node);
  return it == nodes_.end() ? nullptr : it->second.get();
}

std::vector<Node*> World::live_nodes() {
  std::vector<Node*> live;
  for (const auto& [id, node] : nodes_)
    if (node->is_alive()) live.push_back(node.get());
  return live;
}

// The one beside the head has something of everything, so that every demand can be met.
NodeOptions World::node_options(Machine machine) {
  NodeOptions options;
  options.name = "node";
  options.address = address_of(machine);
  options.identity = key_of(machine);
  const bool has_all = machine == kHeadMachine;
  options.total.cpu = static_cast<Quantity>((has_all ? 2 : 1) + random.below(3)) * kUnit;
  options.total.gpu = static_cast<Quantity>((has_all ? 1 : 0) + random.below(2)) * kUnit;
  options.pipeline_depth = static_cast<uint32_t>(1 + random.below(8));
  options.idle_worker_timeout = Duration::millis(300);
  options.max_workers = max_workers;
  options.store_full_timeout = Duration::millis(static_cast<int64_t>(20 + random.below(500)));
  options.store_capacity_bytes = store_bytes;
  options.store_virtual_bytes = 64 * store_bytes;
  return options;
}

void World::join(Machine machine) {
  after(long_delay(), [this, machine] {
    NodeOptions options = node_options(machine);
    if (machine == kHeadMachine) return head_->join(std::move(options));
    network.add_node(machine).connect_to_head(std::move(options));
  });
}

void World::on_joined(Peers& peers, const Welcome& welcome, NodeOptions options) {
  const NodeId id = welcome.node;
  trace.line(now, address_of(peers.machine()), " joined as ", id);
  options.node = id;
  const auto beside_head = peers.machine() == kHeadMachine ? BesideHead::kYes : BesideHead::kNo;
  auto& node = nodes_[id];
  node = std::make_unique<Node>(*this, std::move(options), beside_head, peers);
  node->input(FromHead{HeadToNode{welcome}});
}

void World::begin_anew(NodeId id) {
  Node& node = *find_node(id);
  node.crash();
  join(node.machine());
}

// ---- sessions -----------------------------------------------------------------------------------

FlightRef World::new_flight() {
  std::erase_if(flights_, [](const FlightRef& flight) { return flight->is_closed; });
  return flights_.emplace_back(std::make_shared<Flight>());
}

bool World::is_in_process(NodeId from, NodeId to) {
  const auto is_beside = [&](NodeId id) {
    const Node* node = find_node(id);
    return node != nullptr && node->is_beside_head();
  };
  return (from == kHeadNode && is_beside(to)) || (to == kHeadNode && is_beside(from));
}

void World::send(NodeId from, NodeId to, LinkMessage&& message) {
  if (const auto* words = std::get_if<HeadToNode>(&message))
    if (const auto* start = std::get_if<StartActor>(words))
      passed_on_.insert(start->transfer.references.begin(), start->transfer.references.end());
  if (is_in_process(from, to)) return send_in_process(from, to, std::move(message));
  if (from == kHeadNode)
    return network.head().to_member(to, std::move(std::get<HeadToNode>(message)));
  Peers& peers = find_node(from)->peers();
  if (to == kHeadNode) return peers.to_head(std::move(std::get<NodeToHead>(message)));
  peers.to_peer(to, std::move(std::get<PeerMessage>(message)));
}

void World::send_in_process(NodeId from, NodeId to, LinkMessage&& message) {
  Node* node = find_node(from == kHeadNode ? to : from);
  if (!node->is_alive()) return;
  FlightRef& flight = in_process_[{from, to}];
  if (!flight || flight->is_closed) {
    flight = new_flight();
    flight->from = from;
    flight->to = to;
  }
  flight->messages.push_back(std::move(message));
  flight->last = std::max(flight->last, now) + link_delay();
  at(flight->last, [this, flight] {
    if (flight->is_closed) return;
    LinkMessage said = std::move(flight->messages.front());
    flight->messages.pop_front();
    if (const auto* words = std::get_if<HeadToNode>(&said))
      find_node(flight->to)->peers().observe(*words);
    arrive(flight, std::move(said));
  });
}

void World::close_flights(NodeId node) {
  for (const auto& [ends, flight] : in_process_)
    if (ends.first == node || ends.second == node) flight->is_closed = true;
}

void World::arrive(const FlightRef& flight, LinkMessage&& message) {
  if (break_message(*flight, message)) return;
  const NodeId from = flight->from;
  const NodeId to = flight->to;
  const Repeat kind = repeat_of(message);
  if (kind == Repeat::kNever || !repeats_now()) return hand_over(from, to, std::move(message));
  const LinkMessage again = message;
  hand_over(from, to, std::move(message));
  if (kind == Repeat::kAtOnce) return hand_over(from, to, LinkMessage(again));
  at(now + Duration::millis(static_cast<int64_t>(random.below(random.chance(1, 2) ? 2 : 3'000))),
     [this, flight, from, to, again] {
       if (!flight->is_closed) hand_over(from, to, LinkMessage(again));
     });
}

bool World::repeats_now() {
  if (repeats == 0 || !random.chance(repeats, 100)) return false;
  count("repeated_message");
  return true;
}

void World::hand_over(NodeId from, NodeId to, LinkMessage&& message) {
  if (to == kHeadNode) {
    if (auto* words = std::get_if<NodeToHead>(&message))
      head_->input(FromNode{from, std::move(*words)});
    return;
  }
  Node* node = find_node(to);
  if (node == nullptr) return;
  if (auto* words = std::get_if<HeadToNode>(&message))
    node->input(FromHead{std::move(*words)});
  else
    node->input(FromPeer{from, std::move(std::get<PeerMessage>(message))});
}

// ---- clients ------------------------------------------------------------------------------------

Client* World::find_client(ClientId id) {
  const auto it = clients_.find(id);
  return it == clients_.end() ? nullptr : it->second.get();
}

Client& World::add_driver(Node& node) {
  const ClientId id{node.id().value, next_driver_[node.id()] += 2};
  auto& client = clients_[id] = std::make_unique<Client>(*this, node, id);
  node.input(ClientConnected{id, "driver", "", {}});
  return *client;
}

Worker& World::add_worker(Node& node, ClientId id) {
  auto worker = std::make_unique<Worker>(*this, node, id);
  Worker& added = *worker;
  clients_[id] = std::move(worker);
  return added;
}

void World::kill_worker(Client& worker, const std::string& cause) {
  if (!worker.is_alive()) return;
  trace.line(now, "worker ", worker.id(), " dies: ", cause);
  if (!is_broken(Break::kNotReaped)) worker.die();
  after(short_delay(), [&worker, cause] { worker.node().reap(worker, cause); });
}

void World::kill_driver(Client& driver) {
  if (!driver.is_alive()) return;
  trace.line(now, "driver ", driver.id(), " is gone");
  if (driver.has_fibers()) oracle.excuses.client_deaths = true;
  oracle.excuses.job_ends = true;
  driver.die();
  after(short_delay(), [&driver] { driver.node().reap(driver, ""); });
}

void World::on_driver_ended(Client& driver, const ErrorRef& error) {
  if (error != nullptr && !oracle.excuses.any())
    violation("a driver failed, and no fault excuses it");
  if (random.chance(1, 2)) return;
  after(long_delay(), [this, &driver] { kill_driver(driver); });
}

bool World::is_dead_to_head(NodeId node) {
  for (const auto& known : head_->snapshot().nodes)
    if (known.view.node == node) return known.state == NodeState::kDead;
  return true;
}

// ---- a run --------------------------------------------------------------------------------------

bool World::run() {
  choose_scenario();
  head_ = std::make_unique<Head>(*this);
  join(kHeadMachine);
  for (uint32_t i = 1; i < nodes_wanted_; ++i) join(network.new_machine());
  start_drivers();
  start_jobs();
  schedule_faults();
  const Time stuck_at = now + kStuckAfter;
  std::optional<Time> rest_at;
  while (violations_.empty()) {
    const bool has_more = step();
    if (!is_ending_ && drivers_started_ == drivers_wanted_ && drivers_are_done() &&
        jobs_are_done()) {
      end_drivers();
      rest_at = now + kRestAfter;
    }
    if (rest_at && (!has_more || now >= *rest_at)) break;
    if (!has_more || now >= stuck_at) tell_stuck();
  }
  if (violations_.empty() && checker_) checker_->check_rest();
  return violations_.empty();
}

void World::tell_stuck() {
  violation("stuck " + jobs.state_text());
  for (const auto& [id, client] : clients_)
    if (client->is_alive() && client->has_fibers()) violation(client->state_text());
}

void World::choose_scenario() {
  const bool is_large = random.chance(1, 5);
  nodes_wanted_ = static_cast<uint32_t>(1 + random.below(is_large ? kMostNodes : 4));
  if (options_.nodes > 0) nodes_wanted_ = options_.nodes;
  drivers_wanted_ = static_cast<uint32_t>(1 + random.below(is_large ? 8 : 4));
  slowness_ = random.chance(1, 5) ? 8 : 1;
  store_bytes = uint64_t{4} << 20;
  demands_.resize(5);
  demands_[0].cpu = kUnit;
  demands_[1].cpu = 2 * kUnit;
  demands_[2].cpu = kUnit / 2;
  demands_[3].gpu = kUnit;
  features = choose_workloads(random, trace, now);
  // An actor keeps its worker, so that with them there may be none left for ever.
  if ((features & kActors) != 0 || !random.chance(1, 2)) return;
  max_workers = 1 + static_cast<uint32_t>(random.below(3));
  oracle.excuses.few_workers = true;
}

void World::start_drivers() {
  for (uint32_t i = 0; i < drivers_wanted_; ++i) {
    const auto late = random.chance(1, 4)
                          ? Duration::millis(static_cast<int64_t>(random.below(6'000)))
                          : Duration::millis(0);
    after(Duration::millis(50) + late, [this] { start_driver(); });
  }
}

// On any daemon that lives; later, if none does.
void World::start_driver() {
  std::vector<Node*> live = live_nodes();
  if (live.empty()) return after(Duration::millis(200), [this] { start_driver(); });
  ++drivers_started_;
  ScriptSpec spec;
  spec.seed = random.next();
  spec.features = features;
  spec.steps = static_cast<uint16_t>(4 + random.below(random.chance(1, 4) ? 150 : 30));
  spec.depth = static_cast<uint16_t>(1 + random.below(3));
  Client& driver = add_driver(*live[random.below(live.size())]);
  driver.start_driver(spec);
  if ((features & kGroups) != 0) groups.schedule(driver);
}

void World::start_jobs() {
  if (!random.chance(1, 3)) return;
  for (uint64_t count = 1 + random.below(2); count > 0; --count) {
    after(Duration::millis(60 + static_cast<int64_t>(random.below(1'000))), [this] {
      ScriptSpec root;
      root.seed = random.next();
      root.features = features | kRoot;
      root.steps = static_cast<uint16_t>(2 + random.below(20));
      root.depth = static_cast<uint16_t>(1 + random.below(2));
      jobs.submit(root, static_cast<int32_t>(random.below(4)));
    });
    ++jobs_wanted_;
  }
}

void World::schedule_faults() {
  for (const Fault* fault : choose_faults(random, *this)) {
    for (uint64_t times = 1 + random.below(3); times > 0; --times) {
      // Some in the midst of things, some when they have calmed down.
      const uint64_t exponent = random.below(8);
      const auto late = static_cast<int64_t>(random.below(uint64_t{1'000'000} << exponent));
      after(Duration::millis(50) + Duration{late * 40}, [this, fault] {
        if (is_ending_ || !fault->fire(*this)) return;
        count(fault->name);
      });
    }
  }
}

bool World::drivers_are_done() const {
  return std::none_of(clients_.begin(), clients_.end(), [](const auto& entry) {
    return !entry.second->is_worker() && entry.second->is_alive() && entry.second->has_fibers();
  });
}

bool World::jobs_are_done() const { return jobs.count() == jobs_wanted_ && jobs.are_done(); }

void World::end_drivers() {
  trace.line(now, "drivers are done");
  is_ending_ = true;
  for (const auto& [id, client] : clients_)
    if (!client->is_worker()) kill_driver(*client);
  for (const int64_t seconds : {2, 7, 12})
    after(Duration::seconds(seconds), [this] { end_detached(); });
}

// Somebody comes who knows their names.
void World::end_detached() {
  const std::vector<Node*> live = live_nodes();
  if (live.empty()) return;
  for (const ActorRow& row : head_->snapshot().actors) {
    if (row.info.state == ActorState::kDead || row.info.creation == nullptr) continue;
    const CallTemplate& creation = *row.info.creation;
    if (creation.actor.lifetime != Lifetime::kDetached) continue;
    Client& killer = add_driver(*live[random.below(live.size())]);
    killer.kill_by_name(creation.actor.name, creation.name_space);
    after(Duration::seconds(3), [this, &killer] { kill_driver(killer); });
  }
}

}  // namespace rayd::sim
