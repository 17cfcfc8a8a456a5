// Peers: the sessions between this daemon and the others, and the connections under them.
//
//   a node's daemon                        the head's daemon
//   to_head ── session ──────────────────▶ members[N]       (joins, leases, actors, jobs)
//   nodes[M] ◀── session ── nodes[N] of the daemon of M     (tasks, objects, calls)
//
// A node connects to the head and goes on trying. Of two nodes the one with the higher ordinal
// connects: it joined later, so it was told of the other. Sessions live as long as both ordinals;
// a connection that breaks is made again, and nothing is lost or heard twice (peer_session.h). A
// node's session with the head ends with the head's process: another epoch is another session.
//
// Nobody here decides that a machine is dead; a broken connection is told to the head core
// (suspect), nothing else. Belongs to the control thread.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/net/asio_dial.h"
#include "common/net/identity.h"
#include "common/net/listener.h"
#include "common/net/tls.h"
#include "common/types/head_io.h"
#include "common/types/node_io.h"
#include "common/wire/peer_lane.h"
#include "daemon/shell/batch_clock.h"
#include "daemon/shell/peer_pipe.h"

namespace rayd::shell {

/// What the owner of Peers hears, and is asked. Called from the loop.
class PeerEvents {
 public:
  virtual ~PeerEvents() = default;

  // ---- at a node
  virtual void on_peer_message(NodeId from, PeerMessage&& message) = 0;
  virtual void on_head_message(HeadToNode&& message) = 0;
  /// The head does not take this machine, and trying again is of no use.
  virtual void on_head_refused(const HelloRefused& why) = 0;
  /// Nobody there yet; it is tried again.
  virtual void on_head_unreachable(const Error& why) = 0;

  // ---- at the head
  virtual void on_member_message(NodeId from, NodeToHead&& message) = 0;
  /// A machine wants an ordinal: the answer is welcome(session, …).
  virtual void on_joins(uint64_t session, Announce&& announce) = 0;
  /// A member of an earlier epoch has come back: the answer is welcome(session, …).
  virtual void on_returns(uint64_t session) = 0;
  virtual void on_member_lost(NodeId member) = 0;
  /// What the head's table says of an ordinal; nullopt: no live member.
  virtual std::optional<KeyHash> member_key(NodeId member) const = 0;
  /// Null if this key, or this token, may join; else why not.
  virtual std::optional<HelloRefused> may_join(const KeyHash& key,
                                               const std::optional<HelloToken>& token) = 0;

  // ---- everywhere
  virtual uint64_t epoch() const = 0;
  virtual void on_peer_event(Event::Level level, const std::string& name,
                             const std::string& text) = 0;
};

struct PeersOptions {
  std::string program = "rayd";
  Duration spin_budget;
};

class Peers final {
 public:
  Peers(boost::asio::io_context& io, PeerEvents& events, const BatchClock& clock,
        const Identity& identity, PeersOptions options);
  ~Peers();

  // ---- who is there
  void set_cluster(const ClusterId& cluster) { cluster_ = cluster; }
  /// A node looks for the head. `token` for the first time.
  void connect_to_head(const DialTarget& head, std::optional<HelloToken> token, Announce announce);
  /// This daemon's own ordinal: from now on it takes and makes connections of nodes.
  void set_node(NodeId node);
  /// What the head says of others, before the node core hears it: addresses, keys, deaths.
  void observe(const HeadToNode& message);
  /// The answer to on_joins and on_returns: the member's ordinal, and the first message.
  void welcome(uint64_t session, const Welcome& welcome);
  /// Somebody at the listener, on the peer lane.
  void on_arrival(std::unique_ptr<Arrival> arrival);
  /// The head asks whether this machine's address leads here.
  void on_probe(std::unique_ptr<Arrival> arrival);

  // ---- messages: those to a node wait until the head has said where it is; to the dead, and to
  // who is no member, they vanish
  void to_peer(NodeId node, const PeerMessage& message);
  void to_head(const NodeToHead& message);
  void to_member(NodeId member, const HeadToNode& message);
  /// The session with the head has a connection now.
  bool reaches_head() const;

  /// Something was said to or by a peer within the spin budget: an answer may be near.
  bool is_active() const;
  const TlsContext& client_context() const { return client_context_; }
  /// Where the head is, and what is said to it on another lane; nullopt before it is known.
  std::optional<std::pair<DialTarget, Hello>> head_target(Lane lane) const;
  /// Where a node is, and what is said to it on the bulk lane; nullopt: not known (any more).
  std::optional<std::pair<DialTarget, Hello>> bulk_target(NodeId node) const;
  const ClusterId& cluster() const { return cluster_; }
  /// Where others reach this node: as announced, with the host by which the head is reached.
  const std::string& own_address() const { return announce_.view.address; }
  std::optional<KeyHash> key_of(NodeId node) const;

 private:
  enum class Kind : uint8_t { kHead, kMember, kNode };
  struct Remote;

  // ---- connections (peers_connect.cc)
  void dial(Remote& remote);
  void dial_later(Remote& remote);
  void on_dialled(Remote& remote, DialResult result);
  void on_refused(Remote& remote, const HelloRefused& why);
  void arrive_at_head(std::unique_ptr<Arrival> arrival);
  void consider(std::unique_ptr<Arrival> arrival);
  void on_probed(uint64_t probe, const DialResult& result);
  void join(Arrival& arrival);
  void arrive_at_node(std::unique_ptr<Arrival> arrival);
  void accept(Remote& remote, Arrival& arrival);
  Status attach(Remote& remote, Link link, uint64_t peer_received);
  Hello hello_of(const Remote& remote) const;
  std::optional<HostPort> where(const Remote& remote) const;
  void learn(const NodeView& view);
  void supervise();

  // ---- sessions (peers.cc)
  bool receive(Remote& remote, ByteSpan frame);
  void on_closed(Remote& remote, const Error& why);
  void on_ack_owed();
  template <class Message>
  void send(Remote& remote, const Message& message);
  void fail_session(Remote& remote, const Error& why);
  Remote* find(NodeId node);
  Remote& meet(NodeId node);
  Remote* find_member(NodeId member);
  void note(Event::Level level, const std::string& name, const Remote& remote,
            const std::string& text);

  boost::asio::io_context& io_;
  PeerEvents& events_;
  const BatchClock& clock_;
  PeersOptions options_;
  TlsContext client_context_;
  ClusterId cluster_;  // nil: the head will say
  NodeId node_;

  std::unique_ptr<Remote> head_;  // at a node
  std::optional<HelloToken> token_;
  Announce announce_;
  std::map<NodeId, std::unique_ptr<Remote>> nodes_;     // at a node
  std::set<NodeId> dead_;                               // at a node
  std::map<NodeId, std::unique_ptr<Remote>> members_;   // at the head
  std::map<uint64_t, std::unique_ptr<Remote>> comers_;  // at the head: no ordinal yet, by session
  uint64_t next_session_ = 1;
  /// At the head: a machine that may join, while its address is tried.
  struct Probe {
    std::unique_ptr<Arrival> arrival;
    std::unique_ptr<AsioDial> dial;
  };
  std::map<uint64_t, Probe> probes_;
  uint64_t next_probe_ = 1;

  std::vector<uint8_t> scratch_;  // for messages on their way to a session

  boost::asio::steady_timer ack_timer_;
  bool ack_timer_runs_ = false;
  boost::asio::steady_timer supervisor_;
  Time last_traffic_;
};

}  // namespace rayd::shell
