// The inside of Peers: one of the other ends, and what carries bytes to it.
#pragma once

#include "tests/sim/peers.h"
#include "tests/sim/world.h"

namespace rayd::sim {

struct Peers::Remote {
  Kind kind = Kind::kNode;
  NodeId node;  // kMember: 0 until it is welcome
  std::optional<Machine> machine;

  uint64_t session_id = 0;  // 0: none yet
  net::PeerSession session;
  wire::PeerEncoder encoder;
  wire::PeerDecoder decoder;
  FlightRef out;
  FlightRef in;
  uint64_t connections = 0;  // of this session

  std::shared_ptr<Pipe> pipe;
  std::shared_ptr<Dial> dial;
  uint64_t retries = 0;  // of all times: which of them is awaited
  shell::Backoff backoff;
  bool announced = false;

  // Planted bugs: what the next arrival after a resume does.
  enum class Next : uint8_t { kRight, kForgotten, kTwice };
  Next next = Next::kRight;
};

/// Frames as they arrive, to know what a reset has lost and a resume has said again.
class FrameMeter {
 public:
  /// Calls `on_message(number)` for each message frame that begins.
  template <class Do>
  void add(ByteSpan bytes, Do&& on_message) {
    for (const uint8_t byte : bytes) {
      if (payload_ > 0) {
        --payload_;
        continue;
      }
      header_[filled_++] = byte;
      if (filled_ < net::PeerSession::kHeaderBytes) continue;
      filled_ = 0;
      payload_ = number_at(0) & 0xFFFFFFFFu;
      if (payload_ > 0) on_message(number_at(8));
    }
  }
  bool is_within() const { return filled_ > 0 || payload_ > 0; }

 private:
  uint64_t number_at(size_t at) const {
    uint64_t number = 0;
    for (size_t i = 0; i < 8; ++i) number |= uint64_t{header_[at + i]} << (8 * i);
    return number;
  }

  std::array<uint8_t, net::PeerSession::kHeaderBytes> header_{};
  size_t filled_ = 0;
  uint64_t payload_ = 0;
};

/// A connection under a session, as daemon/shell/peer_pipe.h.
class Peers::Pipe final : public Reader, public std::enable_shared_from_this<Pipe> {
 public:
  Pipe(Peers& peers, Remote& remote, std::shared_ptr<Connection> connection, Connection::Side side)
      : peers_(peers),
        remote_(&remote),
        connection_(std::move(connection)),
        side_(side),
        last_heard_(peers.world_.now) {}

  void wake();
  void acknowledge();
  /// Nothing of the remote is touched any more.
  void close();
  void vanish();
  Time last_heard() const { return last_heard_; }

  void on_bytes(ByteSpan bytes) override;
  void on_room() override;
  void on_end() override;

 private:
  void write(net::PeerSession::Ack ack);

  Peers& peers_;
  Remote* remote_;  // nullptr: closed
  std::shared_ptr<Connection> connection_;
  Connection::Side side_;
  Time last_heard_;
  FrameMeter meter_;
  std::vector<uint8_t> output_;
  size_t sent_ = 0;
  bool waits_for_room_ = false;
  bool is_flush_scheduled_ = false;
};

/// An attempt to connect, until it is answered.
class Peers::Dial final : public Reader, public std::enable_shared_from_this<Dial> {
 public:
  Dial(Peers& peers, Kind kind, NodeId node) : peers_(peers), kind_(kind), node_(node) {}

  void begin(const Greeting& greeting, Machine to);
  void give_up();

  void on_answer(const GreetingAnswer& answer) override;
  void on_bytes(ByteSpan) override {}
  void on_end() override;

 private:
  Remote* awaited();

  Peers& peers_;
  Kind kind_;
  NodeId node_;
  std::shared_ptr<Connection> connection_;
};

}  // namespace rayd::sim
