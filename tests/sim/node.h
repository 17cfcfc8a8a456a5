// Node: one daemon: a NodeCore, and the simulated shell that performs its actions.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/types/head_io.h"
#include "daemon/node/node_core.h"
#include "tests/sim/peers.h"
#include "tests/sim/store.h"

namespace rayd::sim {

class Client;
class Worker;
class World;

class Node {
 public:
  Node(World& world, NodeOptions options, BesideHead beside_head, Peers& peers);

  NodeId id() const { return options_.node; }
  const NodeOptions& options() const { return options_; }
  bool is_alive() const { return is_alive_; }
  Peers& peers() { return peers_; }
  Machine machine() const { return peers_.machine(); }
  bool is_beside_head() const { return beside_head_ == BesideHead::kYes; }
  Store& store() { return store_; }
  node::NodeCore& core() { return *core_; }

  /// Gives the core an input, and performs what it wants.
  void input(NodeInput&& input);
  /// What the client has published will be read.
  void schedule_drain(Client& client);
  /// The daemon is gone, and everything under it.
  void crash(Peers::End how = Peers::End::kKilled);
  /// Everything the client has published, then its end.
  void reap(Client& client, const std::string& cause);

  void schedule_tick();
  /// Whether a client that had lent CPUs has gone on since this was asked.
  bool take_resumed() { return std::exchange(has_resumed_, false); }

 private:
  void drain(ClientId client, uint64_t limit);
  void on_core(NodeInput&& input);
  void on_peer_reply(FromPeer&& input);
  void perform(std::vector<NodeAction>&& actions);
  void perform(ToClient&& action);
  void perform(ToWorker&& action);
  void perform(ToPeer&& action);
  void perform(ToHead&& action);
  void perform(StartWorker&& action);
  void perform(StopWorker&& action);
  void perform(RevokeSlot&& action);
  void perform(SetCancelWord&& action);
  void perform(PullObject&& action);
  void perform(FreeExtent&& action);
  void perform(PublishFinished&& action);
  void perform(ClientReady&& action);
  void perform(Event&& action);
  void finish_pull(const PullObject& pull);
  Worker* find_worker(ClientId id);
  void later(NodeInput&& input);

  World& world_;
  NodeOptions options_;
  std::unique_ptr<node::NodeCore> core_;
  Store store_;
  bool is_alive_ = true;
  bool has_resumed_ = false;
  BesideHead beside_head_;
  Peers& peers_;
  std::optional<Time> tick_at_;
};

}  // namespace rayd::sim
