// The inside of Peers: one of the other ends.
#pragma once

#include "daemon/shell/peers.h"

namespace rayd::shell {

struct Peers::Remote {
  Remote(boost::asio::io_context& io, Kind kind, NodeId node) : kind(kind), node(node), retry(io) {}

  Kind kind;
  NodeId node;  // kHead: 0; kMember: 0 until it is welcome
  KeyHash key;
  std::string address;  // empty: it listens to nobody

  /// A session and what both ends remember with it: they begin and end together.
  uint64_t session_id = 0;  // 0: none yet
  bool failed = false;      // it cannot go on
  net::PeerSession session;
  wire::PeerEncoder encoder;
  wire::PeerDecoder decoder;
  void begin_session(uint64_t id) {
    session_id = id;
    session = net::PeerSession{};
    encoder = wire::PeerEncoder{};
    decoder = wire::PeerDecoder{};
  }

  std::unique_ptr<PeerPipe> pipe;  // after the session it carries
  std::unique_ptr<AsioDial> dial;
  boost::asio::steady_timer retry;
  Duration backoff;
  bool announced = false;  // kMember: its first words came
};

}  // namespace rayd::shell
