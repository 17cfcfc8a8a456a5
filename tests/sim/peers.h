// Peers: a daemon's sessions with the others, as daemon/shell/peers.h has them, over the simulated
// network: the real PeerSession and the real codecs, the same decisions about who connects, when
// again, and what a greeting means. What is simulated is the connection.
//
// It stays when its daemon has ended, for what is still on its way to it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/net/peer_session.h"
#include "common/types/head_io.h"
#include "common/types/node_io.h"
#include "common/wire/peer_lane.h"
#include "daemon/shell/backoff.h"
#include "tests/sim/network.h"
#include "tests/sim/session.h"

namespace rayd::sim {

class World;

class Peers {
 public:
  enum class Role : bool { kNode, kHead };
  Peers(World& world, Role role, Machine machine);
  ~Peers();

  Machine machine() const { return machine_; }
  bool is_up() const { return is_up_; }
  bool has_no_power() const { return has_no_power_; }
  /// It has no ordinal yet.
  bool is_joining() const { return is_up_ && head_ != nullptr && node_ == NodeId{}; }

  // ---- life -------------------------------------------------------------------------------------
  /// A node asks the head for its ordinal; World::on_joined follows.
  void connect_to_head(NodeOptions options);
  void set_node(NodeId node) { node_ = node; }
  /// What the head says of others, before the core hears it.
  void observe(const HeadToNode& message);
  /// The answer to NodeJoins and NodeConnected.
  void welcome(uint64_t session, const Welcome& welcome);
  enum class End : uint8_t { kKilled, kNoPower };
  /// The process is gone: the kernel tells the others; without power nobody does.
  void end(End how);

  // ---- messages ---------------------------------------------------------------------------------
  void to_peer(NodeId node, PeerMessage&& message);
  void to_head(NodeToHead&& message);
  void to_member(NodeId member, HeadToNode&& message);

  // ---- the network's ----------------------------------------------------------------------------
  void on_arrival(const Greeting& greeting, const std::shared_ptr<Connection>& connection);

 private:
  enum class Kind : uint8_t { kHead, kMember, kNode };
  struct Remote;
  class Pipe;
  class Dial;

  // ---- connections (peers_connect.cc)
  void dial(Remote& remote);
  void dial_later(Remote& remote);
  void on_dialled(Remote& remote, const GreetingAnswer& answer,
                  const std::shared_ptr<Connection>& connection);
  void on_dial_failed(Remote& remote);
  void arrive_at_head(const Greeting& greeting, const std::shared_ptr<Connection>& connection);
  void arrive_at_node(const Greeting& greeting, const std::shared_ptr<Connection>& connection);
  void join(const Greeting& greeting, const std::shared_ptr<Connection>& connection);
  void accept(Remote& remote, const Greeting& greeting,
              const std::shared_ptr<Connection>& connection);
  void attach(Remote& remote, const std::shared_ptr<Connection>& connection, Connection::Side side,
              uint64_t peer_received);
  void learn(const NodeView& view);
  void supervise();

  // ---- sessions
  void begin_session(Remote& remote, uint64_t id);
  void end_session(Remote& remote);
  void receive(Remote& remote, ByteSpan frame);
  bool judge(Remote& remote, const LinkMessage& message);
  void hear(Remote& remote, LinkMessage&& message);
  std::optional<LinkMessage> decode(Remote& remote, ByteSpan frame);
  void take_welcome(const Welcome& welcome);
  void on_closed(Remote& remote);
  void on_ack_owed();
  template <class Message>
  void send(Remote& remote, Message&& message);
  Remote* find(Kind kind, NodeId node);
  Remote& meet(NodeId node);
  template <class Do>
  void for_each(Do&& todo);
  void close_pipe(Remote& remote);

  World& world_;
  Role role_;
  Machine machine_;
  NodeId node_;
  bool is_up_ = true;
  bool has_no_power_ = false;
  NodeOptions options_;

  std::unique_ptr<Remote> head_;
  std::map<NodeId, std::unique_ptr<Remote>> nodes_;
  std::map<NodeId, std::unique_ptr<Remote>> members_;
  std::map<uint64_t, std::unique_ptr<Remote>> comers_;
  bool ack_timer_runs_ = false;
  std::vector<uint8_t> scratch_;
};

}  // namespace rayd::sim
