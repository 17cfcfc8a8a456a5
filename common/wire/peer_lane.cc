#include "common/wire/peer_lane.h"

#include <cstring>
#include <string>

#include "common/schema/head_to_node.capnp.h"
#include "common/schema/node_to_head.capnp.h"
#include "common/schema/peer.capnp.h"
#include "common/wire/peer_lane_messages.h"
#include "common/wire/single_segment.h"

namespace rayd::wire {
namespace {

/// The table of one segment: the number of further ones, and its words.
struct FrameHead {
  uint32_t more_segments = 0;
  uint32_t words = 0;
};
static_assert(sizeof(FrameHead) == sizeof(capnp::word));

constexpr size_t kMaxSegmentBytes = kMaxPeerMessageBytes - sizeof(FrameHead);

void append_frame(ByteSpan segment, std::vector<uint8_t>& out) {
  const FrameHead head{0, static_cast<uint32_t>(segment.size() / sizeof(capnp::word))};
  const size_t at = out.size();
  out.resize(at + sizeof head + segment.size());
  std::memcpy(out.data() + at, &head, sizeof head);
  std::memcpy(out.data() + at + sizeof head, segment.data(), segment.size());
}

}  // namespace

Result<size_t> peer_frame_bytes(ByteSpan bytes) {
  FrameHead head;
  if (bytes.size() < sizeof head) return size_t{0};
  std::memcpy(&head, bytes.data(), sizeof head);
  const size_t segment = size_t{head.words} * sizeof(capnp::word);
  if (head.more_segments != 0 || segment == 0 || segment > kMaxSegmentBytes) {
    return Error{ErrorCode::kCorrupt, "a message of " + std::to_string(segment) + " bytes and " +
                                          std::to_string(head.more_segments) + " further segments"};
  }
  return sizeof head + segment;
}

// ---- encoding -----------------------------------------------------------------------------------

struct PeerEncoder::State {
  SegmentBuilder builder;
  SentTemplates templates;
};

PeerEncoder::PeerEncoder() : state_(std::make_unique<State>()) {}
PeerEncoder::~PeerEncoder() = default;
PeerEncoder::PeerEncoder(PeerEncoder&&) noexcept = default;
PeerEncoder& PeerEncoder::operator=(PeerEncoder&&) noexcept = default;

template <class Root, class Message>
Status PeerEncoder::encode_as(const Message& message, std::vector<uint8_t>& out) {
  SentTemplates& templates = state_->templates;
  std::string mistake = "a message of more than " + std::to_string(kMaxPeerMessageBytes) + " bytes";
  try {
    const bool has_left = state_->builder.build<Root>(
        kMaxSegmentBytes,
        [&](typename Root::Builder root) { write_message(root, message, templates); },
        [&](ByteSpan segment) { append_frame(segment, out); });
    if (has_left) {
      templates.commit();
      return {};
    }
  } catch (const Malformed& malformed) {
    mistake = malformed.what;
  } catch (const kj::Exception& exception) {
    mistake = exception.getDescription().cStr();
  }
  templates.abandon();
  return Error{ErrorCode::kInvalidArgument, std::move(mistake)};
}

Status PeerEncoder::encode(const PeerMessage& message, std::vector<uint8_t>& out) {
  return encode_as<schema::PeerMessage>(message, out);
}
Status PeerEncoder::encode(const NodeToHead& message, std::vector<uint8_t>& out) {
  return encode_as<schema::NodeToHead>(message, out);
}
Status PeerEncoder::encode(const HeadToNode& message, std::vector<uint8_t>& out) {
  return encode_as<schema::HeadToNode>(message, out);
}

// ---- decoding -----------------------------------------------------------------------------------

struct PeerDecoder::State {
  ReceivedTemplates templates;
  std::vector<uint64_t> aligned;

  /// The words of the one segment, aligned.
  Result<ByteSpan> segment_of(ByteSpan frame) {
    const auto size = peer_frame_bytes(frame);
    if (!size.ok()) return size.error();
    if (*size == 0 || *size != frame.size()) {
      return Error{ErrorCode::kCorrupt, "a frame of " + std::to_string(frame.size()) +
                                            " bytes that says it has " + std::to_string(*size)};
    }
    const ByteSpan segment = frame.subspan(sizeof(FrameHead));
    if (reinterpret_cast<uintptr_t>(segment.data()) % alignof(capnp::word) == 0) return segment;
    aligned.resize(segment.size() / sizeof(uint64_t));
    std::memcpy(aligned.data(), segment.data(), segment.size());
    return ByteSpan{reinterpret_cast<const uint8_t*>(aligned.data()), segment.size()};
  }
};

PeerDecoder::PeerDecoder() : state_(std::make_unique<State>()) {}
PeerDecoder::~PeerDecoder() = default;
PeerDecoder::PeerDecoder(PeerDecoder&&) noexcept = default;
PeerDecoder& PeerDecoder::operator=(PeerDecoder&&) noexcept = default;

Result<PeerMessage> PeerDecoder::decode_peer_message(ByteSpan frame) {
  const auto segment = state_->segment_of(frame);
  if (!segment.ok()) return segment.error();
  return read_single_segment<schema::PeerMessage>(
      *segment, [this](auto root) { return read_peer_message(root, state_->templates); });
}
Result<NodeToHead> PeerDecoder::decode_node_to_head(ByteSpan frame) {
  const auto segment = state_->segment_of(frame);
  if (!segment.ok()) return segment.error();
  return read_single_segment<schema::NodeToHead>(
      *segment, [this](auto root) { return read_node_to_head(root, state_->templates); });
}
Result<HeadToNode> PeerDecoder::decode_head_to_node(ByteSpan frame) {
  const auto segment = state_->segment_of(frame);
  if (!segment.ok()) return segment.error();
  return read_single_segment<schema::HeadToNode>(
      *segment, [this](auto root) { return read_head_to_node(root, state_->templates); });
}

}  // namespace rayd::wire
