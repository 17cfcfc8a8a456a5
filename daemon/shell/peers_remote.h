// The inside of Peers: one of the other ends.
#pragma once

#include "daemon/shell/backoff.h"
#include "daemon/shell/peers.h"

namespace rayd::shell {

struct Peers::Remote final : PeerPipe::Owner {
  Remote(Peers& peers, Kind kind, NodeId node)
      : peers(peers), kind(kind), node(node), retry(peers.io_) {}

  // It may be gone when these return.
  bool on_frame(ByteSpan frame) override { return peers.receive(*this, frame); }
  void on_closed(const Error& why) override { peers.on_closed(*this, why); }
  void on_ack_owed() override { peers.on_ack_owed(); }

  Peers& peers;
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
  Backoff backoff;
  bool announced = false;  // kMember: its first words came
};

}  // namespace rayd::shell
