// PeerSession: one end of the session between two daemons: messages arrive in order and exactly
// once while both ordinals live, whatever becomes of the connections under it (protocols.md §0).
//
//   send ──▶ queued ──write──▶ in flight ──the peer's ack──▶ gone
//              ▲                  │
//              └── reconnected ───┘
//
// Bytes in, messages out; no socket, no clock. A number is given at `send` and never again, so the
// path a frame takes does not matter: a repeated one is dropped, one that would leave a gap means
// that the connection is broken, not the session. What is in flight is bounded by a window, so a
// peer that does not read costs us what we queue, and the queue is bounded by the credit of the
// protocols above (§1): every message answers for its own room.
//
// A frame, little-endian: length u32, kind u32, number u64, ack u64, then `length` bytes.
// Not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace rayd::net {

class PeerSession {
 public:
  struct Options {
    uint64_t window_bytes = uint64_t{8} << 20;  // in flight, unless one message is larger
    uint32_t max_message_bytes = uint32_t{64} << 20;
    uint32_t ack_after_messages = 64;
    uint64_t ack_after_bytes = uint64_t{1} << 20;
  };
  static constexpr size_t kHeaderBytes = 24;

  PeerSession() : PeerSession(Options{}) {}
  explicit PeerSession(Options options) : options_(options) {}

  // ---- connections ----------------------------------------------------------------------------
  /// What the peer must know to go on: the last number that arrived. Travels in the hello.
  uint64_t received() const { return received_; }
  /// A new connection, to a peer that has received up to `peer_received`: the rest leaves again.
  /// Error: the peer speaks of another session; nothing has changed.
  Status on_connected(uint64_t peer_received);
  /// The connection is gone, and what it had carried by halves.
  void on_disconnected();
  bool is_connected() const { return connected_; }

  // ---- what leaves ----------------------------------------------------------------------------
  /// Precondition: not empty, and not longer than max_message_bytes.
  void send(Bytes message);
  enum class Ack : uint8_t { kIfDue, kNow };
  /// Appends frames to `out`, as the window allows, until it holds `budget` bytes or more.
  void write(std::vector<uint8_t>& out, size_t budget, Ack ack);
  /// `write` would append a message.
  bool has_to_write() const;
  /// The peer has not been told of all that arrived: call write(…, kNow) within some 20 ms.
  bool owes_ack() const { return connected_ && received_ > acked_to_peer_; }
  bool has_unacked() const { return !queue_.empty(); }
  uint64_t queued_bytes() const { return queued_bytes_; }

  // ---- what arrives ---------------------------------------------------------------------------
  /// Bytes as they come from the connection.
  void add(ByteSpan bytes);
  /// The next new message, valid until the next call of anything here; nullopt: not all of it is
  /// here. Error: these bytes are no frames of this session; close the connection.
  Result<std::optional<ByteSpan>> next();

 private:
  struct Header;

  Status on_ack(uint64_t ack);
  void append_frame(std::vector<uint8_t>& out, uint64_t number, ByteSpan message);
  bool is_ack_due() const;

  Options options_;
  bool connected_ = false;

  std::deque<Bytes> queue_;  // numbers first_ …; the first `written_` are in flight
  uint64_t first_ = 1;       // number of queue_.front()
  size_t written_ = 0;
  uint64_t in_flight_bytes_ = 0;
  uint64_t queued_bytes_ = 0;

  uint64_t received_ = 0;
  uint64_t acked_to_peer_ = 0;
  uint64_t bytes_since_ack_ = 0;
  std::vector<uint8_t> input_;
  size_t input_begin_ = 0;
};

}  // namespace rayd::net
