// World: a whole cluster in one thread: clock, chance, sessions, the head, nodes, their clients and
// workers. Whatever happens is an event with a time; the seed decides all times and choices, so a
// seed is a history.
//
//   drivers, workers ──rings── Node (a NodeCore) ──sessions── other Nodes, Head (a HeadCore)
//
// Sessions run over a simulated network (network.h, peers.h) but for the one of the head with the
// node beside it, which is inside of one process.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/breaks.h"
#include "tests/sim/groups.h"
#include "tests/sim/head.h"
#include "tests/sim/jobs.h"
#include "tests/sim/judge.h"
#include "tests/sim/network.h"
#include "tests/sim/node.h"
#include "tests/sim/oracle.h"
#include "tests/sim/session.h"
#include "tests/sim/trace.h"
#include "tests/sim/worker.h"

namespace rayd::sim {

/// That a run begins with; others may join.
inline constexpr uint32_t kMostNodes = 20;

struct Options {
  uint64_t seed = 1;
  uint32_t nodes = 0;  // 0: one to twenty, by the seed
  Trace::Show show = Trace::Show::kNo;
  enum class Check : bool { kNo, kYes };
  Check check = Check::kYes;
  Break broken = Break::kNone;
};

class Checker;

class World {
 public:
  explicit World(const Options& options);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// Runs to the end. False: a violation, see `violations`.
  bool run();

  // ---- time and chance ------------------------------------------------------------------------
  Time now;
  Random random;
  void after(Duration delay, std::function<void()> event);
  void at(Time time, std::function<void()> event);
  Duration short_delay();  // a ring, a wake-up
  Duration step_delay();   // what a program computes between two steps
  Duration link_delay();
  Duration long_delay();  // milliseconds
  const ResourceSet& demand(uint32_t which) const { return demands_[which % demands_.size()]; }

  // ---- topology -------------------------------------------------------------------------------
  Head& head() { return *head_; }
  Node* find_node(NodeId node);
  std::vector<Node*> live_nodes();
  Network network{*this};
  /// A daemon starts on this machine; it gets its ordinal from the head.
  void join(Machine machine);
  void on_joined(Peers& peers, const Welcome& welcome, NodeOptions options);
  /// The head has declared it dead: its daemon ends, and joins as another ordinal.
  void begin_anew(NodeId node);
  void send(NodeId from, NodeId to, LinkMessage&& message);
  /// The other end of a session has said this.
  void arrive(const FlightRef& flight, LinkMessage&& message);
  FlightRef new_flight();
  const std::vector<FlightRef>& flights() const { return flights_; }
  /// Arguments of creations, which the head passes on without counting: whoever is told to start an
  /// actor that has ended meanwhile may hear that they are freed.
  bool was_passed_on(ObjectId object) const { return passed_on_.contains(object); }
  /// This process is gone, and with it what was said within.
  void close_flights(NodeId node);
  void slow_down() { slowness_ = 20; }

  Client& add_driver(Node& node);
  Worker& add_worker(Node& node, ClientId id);
  Client* find_client(ClientId id);
  const std::map<ClientId, std::unique_ptr<Client>>& clients() const { return clients_; }
  /// The process dies now; its node hears of it once its ring is drained.
  void kill_worker(Client& worker, const std::string& cause);
  void kill_driver(Client& driver);
  void on_driver_ended(Client& driver, const ErrorRef& error);
  bool is_dead_to_head(NodeId node);

  // ---- what is watched ------------------------------------------------------------------------
  Trace trace;
  Oracle oracle;
  Judge judge{*this};
  Jobs jobs{*this};
  Groups groups{*this};
  void violation(const std::string& what);
  const std::vector<std::string>& violations() const { return violations_; }
  void count(const char* fault) { ++counts_[fault]; }
  const std::map<std::string, uint64_t>& counts() const { return counts_; }
  /// The node's or the head's core has done something: invariants are checked after this event.
  void touch(NodeId node) { touched_.insert(node); }
  uint64_t steps() const { return steps_; }
  bool is_ending() const { return is_ending_; }
  bool is_broken(Break what) const { return options_.broken == what; }
  /// What can be heard twice is heard twice now.
  bool repeats_now();

  // ---- what this seed is like -------------------------------------------------------------------
  uint32_t features = 0;
  uint64_t store_bytes = 0;
  uint64_t pull_failures = 0;   // of 100
  uint64_t start_failures = 0;  // of 100
  uint64_t repeats = 0;         // of 100 messages
  uint32_t max_workers = 0;     // of each node

  /// Crash between two actions: this node performs so many more and dies.
  struct Crash {
    NodeId node;
    uint64_t actions = 0;
  };
  std::optional<Crash> crash;

 private:
  struct Event {
    Time time;
    uint64_t order = 0;
    std::function<void()> run;
    bool operator<(const Event& other) const {
      return time != other.time ? time > other.time : order > other.order;
    }
  };

  void choose_scenario();
  void start_drivers();
  void start_driver();
  void start_jobs();
  void schedule_faults();
  bool step();
  void end_drivers();
  bool drivers_are_done() const;
  bool jobs_are_done() const;
  NodeOptions node_options(Machine machine);
  void tell_stuck();
  bool is_in_process(NodeId from, NodeId to);
  void send_in_process(NodeId from, NodeId to, LinkMessage&& message);
  void hand_over(NodeId from, NodeId to, LinkMessage&& message);
  bool break_message(Flight& flight, const LinkMessage& message);
  void forge_release(NodeId from, NodeId to, const LinkMessage& message);
  void end_detached();

  Options options_;
  std::priority_queue<Event> events_;
  uint64_t next_order_ = 0;
  uint64_t steps_ = 0;
  std::unique_ptr<Head> head_;
  std::map<NodeId, std::unique_ptr<Node>> nodes_;
  std::vector<FlightRef> flights_;
  std::map<std::pair<NodeId, NodeId>, FlightRef> in_process_;
  std::set<ObjectId> passed_on_;
  std::map<ClientId, std::unique_ptr<Client>> clients_;
  std::map<NodeId, uint32_t> next_driver_;
  std::vector<ResourceSet> demands_;
  std::unique_ptr<Checker> checker_;
  std::set<NodeId> touched_;
  std::vector<std::string> violations_;
  std::map<std::string, uint64_t> counts_;
  uint32_t nodes_wanted_ = 1;
  uint32_t drivers_wanted_ = 1;
  uint32_t drivers_started_ = 0;
  size_t jobs_wanted_ = 0;
  int64_t slowness_ = 1;
  bool is_ending_ = false;
};

}  // namespace rayd::sim
