// ScaleCluster: many real node cores and a real head core, with messages that take 100 µs, workers
// that take a millisecond to start, and meters on everything.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <vector>

#include "common/wire/peer_lane.h"
#include "daemon/head/head_core.h"
#include "daemon/node/node_core.h"

namespace rayd::sim {

/// What one side has done since it was read last.
struct Meter {
  uint64_t messages_in = 0;
  uint64_t messages_out = 0;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  int64_t cpu_ns = 0;    // in its core
  int64_t codec_ns = 0;  // of its messages, both ways
};

class ScaleCluster {
 public:
  explicit ScaleCluster(uint32_t nodes);
  ~ScaleCluster();

  /// All join at once; then three quiet seconds.
  void join_all();
  void run_for(Duration duration);
  /// A driver beside the head submits them, 64 every 20 µs; each takes 10 ms of a CPU.
  void submit(uint32_t tasks);
  void create_actors(uint32_t actors);

  Time now() const { return now_; }
  Meter take_head_meter() { return std::exchange(head_meter_, {}); }
  int64_t take_cpu_ns(uint32_t node) { return std::exchange(nodes_[node].cpu_ns, 0); }
  int64_t take_cpu_ns_of_others();
  /// Since the last submit or create_actors.
  Time last_start() const { return last_start_; }
  uint64_t starts() const { return starts_; }
  uint64_t nodes_used() const;
  /// What the heap loses with the core; it is gone then.
  uint64_t head_bytes();
  uint64_t node_bytes(uint32_t node);

 private:
  struct Worker {
    std::deque<Run> ring;
    bool runs = false;
    bool alive = true;
    bool is_actor = false;
  };
  struct Node {
    std::unique_ptr<node::NodeCore> core;
    NodeOptions options;
    std::map<ClientId, Worker> workers;
    int64_t cpu_ns = 0;
    std::optional<Time> tick_at;
    uint64_t started = 0;
    wire::PeerEncoder encoder;  // of what it says to the head
    wire::PeerEncoder head_encoder;
    wire::PeerDecoder decoder;
    wire::PeerDecoder head_decoder;
  };
  struct Event {
    Time time;
    uint64_t order = 0;
    std::function<void()> run;
    bool operator<(const Event& other) const {
      return time != other.time ? time > other.time : order > other.order;
    }
  };

  void after(Duration delay, std::function<void()> run);
  void step();
  void settle();

  void on_head(HeadInput&& input);
  void leave(HeadAction&& action);
  void commit();
  void tick_head();
  void join(uint32_t index);

  void on_node(NodeId id, NodeInput&& input);
  void tick_node(NodeId id);
  void perform(NodeId id, NodeAction&& action);
  void perform(NodeId id, ToPeer&& action);
  void perform(NodeId id, ToHead&& action);
  void perform(NodeId id, StartWorker&& action);
  void perform(NodeId id, StopWorker&& action);
  void perform(NodeId id, ToWorker&& action);
  void perform(NodeId id, RevokeSlot&& action);
  template <class Other>
  void perform(NodeId, Other&&) {}
  void claim(NodeId id, ClientId worker);
  void finish(NodeId id, ClientId worker);
  void feed_driver(std::shared_ptr<std::deque<ClientMessage>> messages);
  Node& node(NodeId id) { return nodes_[id.value - 1]; }

  uint32_t wanted_;
  Time now_;
  Random random_{1};
  std::priority_queue<Event> events_;
  uint64_t next_order_ = 0;
  std::unique_ptr<head::HeadCore> head_;
  Meter head_meter_;
  std::optional<Time> head_tick_at_;
  std::deque<HeadAction> held_;
  uint64_t appended_ = 0;
  uint64_t committed_ = 0;
  std::vector<Node> nodes_;  // by ordinal − 1, which is by session − 1
  uint64_t next_seq_ = 1;
  Time last_start_;
  uint64_t starts_ = 0;
  uint64_t ends_ = 0;
};

}  // namespace rayd::sim
