// The peer lane's codec: peer_messages.h and head_messages.h as single-segment Cap'n Proto messages
// in standard stream framing (peer.capnp, node_to_head.capnp, head_to_node.capnp).
//
// An encoder and a decoder are the two ends of one direction of one session: they remember which
// templates were sent. They live as long as the session, over all its connections; every message
// that an encoder made reaches its decoder once, in order. Neither is thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/types/head_messages.h"

namespace rayd::wire {

/// The longest message, with its frame.
inline constexpr size_t kMaxPeerMessageBytes = size_t{64} << 20;

class PeerEncoder {
 public:
  PeerEncoder();
  ~PeerEncoder();
  PeerEncoder(PeerEncoder&&) noexcept;
  PeerEncoder& operator=(PeerEncoder&&) noexcept;

  /// Appends one framed message, a multiple of 8 bytes. kInvalidArgument: longer than
  /// kMaxPeerMessageBytes, or a list longer than decoders take; then nothing is appended, and
  /// nothing is different from before.
  Status encode(const PeerMessage& message, std::vector<uint8_t>& out);
  Status encode(const NodeToHead& message, std::vector<uint8_t>& out);
  Status encode(const HeadToNode& message, std::vector<uint8_t>& out);

 private:
  struct State;
  template <class Root, class Message>
  Status encode_as(const Message& message, std::vector<uint8_t>& out);

  std::unique_ptr<State> state_;
};

class PeerDecoder {
 public:
  PeerDecoder();
  ~PeerDecoder();
  PeerDecoder(PeerDecoder&&) noexcept;
  PeerDecoder& operator=(PeerDecoder&&) noexcept;

  /// `frame` is exactly one framed message, at any alignment. kCorrupt with what is wrong, for any
  /// bytes that are none; the decoder is of no more use then, and neither is the session.
  Result<PeerMessage> decode_peer_message(ByteSpan frame);
  Result<NodeToHead> decode_node_to_head(ByteSpan frame);
  Result<HeadToNode> decode_head_to_node(ByteSpan frame);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The size of the framed message that `bytes` begin with; 0: too few bytes to tell (fewer than 8).
/// kCorrupt: no message of this lane begins so.
Result<size_t> peer_frame_bytes(ByteSpan bytes);

}  // namespace rayd::wire
