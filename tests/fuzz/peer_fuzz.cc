// The peer lane and the journal's rows: sequences of messages, honest ones that must read back as
// they were, damaged ones and plain bytes, through decoders that remember what came before.
// Whatever a decoder accepts can be encoded, and reads back the same.
#include <cstring>
#include <vector>

#include "common/base/check.h"
#include "common/wire/journal_wire.h"
#include "common/wire/peer_lane.h"
#include "tests/fuzz/input.h"
#include "tests/unit/common/samples.h"

namespace {

using namespace rayd;
using fuzz::Input;
using test::same;

constexpr int kMaxSteps = 64;

Result<PeerMessage> decode(wire::PeerDecoder& decoder, ByteSpan frame, const PeerMessage*) {
  return decoder.decode_peer_message(frame);
}
Result<NodeToHead> decode(wire::PeerDecoder& decoder, ByteSpan frame, const NodeToHead*) {
  return decoder.decode_node_to_head(frame);
}
Result<HeadToNode> decode(wire::PeerDecoder& decoder, ByteSpan frame, const HeadToNode*) {
  return decoder.decode_head_to_node(frame);
}

template <class Message>
class Session {
 public:
  void step(Input& input) {
    switch (input.take<uint8_t>() % 3) {
      case 0: return honest(input);
      case 1: return damaged(input);
      default: return hear(framed(input.take(input.take<uint16_t>() % 512)));
    }
  }

 private:
  struct Direction {
    wire::PeerEncoder encoder;
    wire::PeerDecoder decoder;
  };

  void honest(Input& input) {
    const Message message = sample(input);
    const auto frame = encoded(direction_.encoder, message);
    const auto back = decode(direction_.decoder, frame, &message);
    RAY_CHECK(back.ok());
    RAY_CHECK(same(*back, message));
  }

  void damaged(Input& input) {
    auto frame = encoded(direction_.encoder, sample(input));
    for (int left = 1 + input.take<uint8_t>() % 8; left > 0; --left) {
      const size_t at = input.take<uint16_t>() % frame.size();
      frame[at] = input.take<uint8_t>();
    }
    if (input.take<uint8_t>() % 8 == 0) frame.resize(input.take<uint16_t>() % frame.size());
    hear(frame);
  }

  static std::vector<uint8_t> framed(ByteSpan bytes) {
    const uint64_t words = (bytes.size() + 7) / 8;
    std::vector<uint8_t> frame(8 + words * 8);
    const uint64_t head = words << 32;
    std::memcpy(frame.data(), &head, 8);
    if (!bytes.empty()) std::memcpy(frame.data() + 8, bytes.data(), bytes.size());
    return frame;
  }

  /// A session ends with the first message that is none.
  void hear(const std::vector<uint8_t>& frame) {
    (void)wire::peer_frame_bytes(frame);
    const auto read = decode(direction_.decoder, frame, static_cast<const Message*>(nullptr));
    if (read.ok()) {
      const auto again = encoded(repeater_.encoder, *read);
      const auto back = decode(repeater_.decoder, again, &*read);
      RAY_CHECK(back.ok());
      RAY_CHECK(same(*back, *read));
    } else {
      RAY_CHECK(read.error().code == ErrorCode::kCorrupt);
    }
    // The encoder does not know what its decoder made of that.
    direction_ = {};
    repeater_ = {};
    calls_.clear();
  }

  Message sample(Input& input) {
    Random random{input.take<uint16_t>()};
    const auto fill = random.chance(1, 2) ? test::Fill::kFull : test::Fill::kSparse;
    Message message = test::Samples{random, fill}.template make<Message>();
    std::visit([&](auto& alternative) { share_call(alternative, random); }, message);
    return message;
  }

  /// A call of the session's, at times one that it had before.
  template <class Alternative>
  void share_call(Alternative& message, Random& random) {
    if constexpr (requires { message.call; }) {
      share(message.call, random);
    } else if constexpr (requires { message.creation; }) {
      share(message.creation, random);
    } else if constexpr (requires { message.info.creation; }) {
      share(message.info.creation, random);
    } else if constexpr (std::is_same_v<Alternative, PeerMessage> &&
                         !std::is_same_v<Message, PeerMessage>) {
      std::visit([&](auto& alternative) { share_call(alternative, random); }, message);
    }
  }
  void share(TemplateRef& call, Random& random) {
    if (call == nullptr) return;
    if (calls_.empty() || random.chance(1, 3)) calls_.push_back(call);
    call = calls_[random.below(calls_.size())];
  }

  static std::vector<uint8_t> encoded(wire::PeerEncoder& encoder, const Message& message) {
    std::vector<uint8_t> frame;
    RAY_CHECK(encoder.encode(message, frame).ok());
    RAY_CHECK(wire::peer_frame_bytes(frame).value() == frame.size());
    return frame;
  }

  Direction direction_;
  Direction repeater_;
  std::vector<TemplateRef> calls_;
};

void try_rows(ByteSpan bytes) {
  if (const auto row = wire::decode_job_row(bytes); row.ok()) {
    RAY_CHECK(same(*wire::decode_job_row(wire::encode_job_row(*row)->span()), *row));
  }
  if (const auto row = wire::decode_actor_row(bytes); row.ok()) {
    RAY_CHECK(same(*wire::decode_actor_row(wire::encode_actor_row(*row)->span()), *row));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try_rows({data, size});
  Session<PeerMessage> peers;
  Session<NodeToHead> to_head;
  Session<HeadToNode> to_node;
  Input input{data, size};
  for (int step = 0; step < kMaxSteps && !input.is_empty(); ++step) {
    switch (input.take<uint8_t>() % 3) {
      case 0: peers.step(input); break;
      case 1: to_head.step(input); break;
      default: to_node.step(input);
    }
  }
  return 0;
}
