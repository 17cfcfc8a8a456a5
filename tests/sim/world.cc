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
NodeOptions World::node_options(BesideHead beside_head) {
  NodeOptions options;
  options.name = "node";
  const bool has_all = beside_head == BesideHead::kYes;
  options.total.cpu = static_cast<Quantity>((has_all ? 2 : 1) + random.below(3)) * kUnit;
  options.total.gpu = static_cast<Quantity>((has_all ? 1 : 0) + random.below(2)) * kUnit;
  options.pipeline_depth = static_cast<uint32_t>(1 + random.below(8));
  options.idle_worker_timeout = Duration::millis(300);
  options.store_full_timeout = Duration::millis(static_cast<int64_t>(20 + random.below(500)));
  options.store_capacity_bytes = store_bytes;
  options.store_virtual_bytes = 64 * store_bytes;
  return options;
}

void World::join(BesideHead beside_head) {
  after(long_delay(), [this, beside_head] { head_->join(node_options(beside_head), beside_head); });
}

void World::on_joined(const Welcome& welcome, const NodeOptions& options, BesideHead beside_head) {
  const NodeId id = welcome.node;
  trace.line(now, "joined as ", id);
  nodes_[id] = std::make_unique<Node>(*this, options, beside_head);
  send(kHeadNode, id, HeadToNode{welcome});
}

// ---- sessions -----------------------------------------------------------------------------------

Link& World::link(NodeId from, NodeId to) { return links_[{from, to}]; }

void World::send(NodeId from, NodeId to, LinkMessage&& message) {
  Link& way = link(from, to);
  if (way.is_closed) return;
  if (const auto* words = std::get_if<HeadToNode>(&message))
    if (const auto* start = std::get_if<StartActor>(words))
      passed_on_.insert(start->transfer.references.begin(), start->transfer.references.end());
  way.messages.push_back(std::move(message));
  way.last = std::max(way.last, now) + link_delay();
  at(way.last, [this, from, to, generation = way.generation] { deliver(from, to, generation); });
}

bool World::is_frozen(NodeId node) const {
  const auto it = frozen_until_.find(node);
  return it != frozen_until_.end() && it->second > now;
}

void World::freeze(NodeId node, Duration duration) {
  trace.line(now, node, " is cut off");
  frozen_until_[node] = now + duration;
}

void World::deliver(NodeId from, NodeId to, uint64_t generation) {
  Link& way = link(from, to);
  if (way.generation != generation || way.messages.empty()) return;
  if (is_frozen(from) || is_frozen(to)) {
    Time until = now;
    for (const NodeId end : {from, to})
      if (is_frozen(end)) until = std::max(until, frozen_until_[end]);
    at(until, [this, from, to, generation] { deliver(from, to, generation); });
    return;
  }
  LinkMessage message = std::move(way.messages.front());
  way.messages.pop_front();
  if (break_message(from, to, message)) return;
  const Repeat kind = repeat_of(message);
  if (kind == Repeat::kNever || !repeats_now()) return hand_over(from, to, std::move(message));
  const LinkMessage again = message;
  hand_over(from, to, std::move(message));
  if (kind == Repeat::kAtOnce) return hand_over(from, to, LinkMessage(again));
  at(now + Duration::millis(static_cast<int64_t>(random.below(random.chance(1, 2) ? 2 : 3'000))),
     [this, from, to, generation, again] {
       if (link(from, to).generation == generation && !link(from, to).is_closed &&
           !is_frozen(from) && !is_frozen(to))
         hand_over(from, to, LinkMessage(again));
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

// What it had sent may have arrived in part; what was sent to it is lost.
void World::cut_links(NodeId node) {
  for (auto& [ends, way] : links_) {
    if (ends.first != node && ends.second != node) continue;
    if (node == kHeadNode) {  // a new process, a new session
      ++way.generation;
      way.messages.clear();
      continue;
    }
    if (ends.second == node) {
      way.messages.clear();
    } else {
      const uint64_t arrived = random.below(way.messages.size() + 1);
      while (way.messages.size() > arrived) way.messages.pop_back();
    }
    way.is_closed = true;
  }
  if (node != kHeadNode && random.chance(1, 2))
    after(long_delay(), [this, node] { head_->input(NodeDisconnected{node}); });
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
  for (uint32_t i = 0; i < nodes_wanted_; ++i) join(i == 0 ? BesideHead::kYes : BesideHead::kNo);
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
  nodes_wanted_ = options_.nodes > 0 ? options_.nodes : static_cast<uint32_t>(1 + random.below(4));
  drivers_wanted_ = static_cast<uint32_t>(1 + random.below(4));
  slowness_ = random.chance(1, 5) ? 8 : 1;
  store_bytes = uint64_t{4} << 20;
  demands_.resize(5);
  demands_[0].cpu = kUnit;
  demands_[1].cpu = 2 * kUnit;
  demands_[2].cpu = kUnit / 2;
  demands_[3].gpu = kUnit;
  features = choose_workloads(random, trace, now);
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
