#include "common/wire/peer_lane.h"

#include <cstring>
#include <ctime>
#include <iostream>

#include "common/wire/peer_templates.h"
#include "tests/unit/catch.h"
#include "tests/unit/common/samples.h"

using namespace rayd;
using test::Fill;
using test::same;
using test::Samples;
using wire::PeerDecoder;
using wire::PeerEncoder;

namespace {

using Frame = std::vector<uint8_t>;

Result<PeerMessage> decode(PeerDecoder& decoder, const Frame& frame, const PeerMessage&) {
  return decoder.decode_peer_message(frame);
}
Result<NodeToHead> decode(PeerDecoder& decoder, const Frame& frame, const NodeToHead&) {
  return decoder.decode_node_to_head(frame);
}
Result<HeadToNode> decode(PeerDecoder& decoder, const Frame& frame, const HeadToNode&) {
  return decoder.decode_head_to_node(frame);
}

/// One direction of a session.
struct Direction {
  PeerEncoder encoder;
  PeerDecoder decoder;

  template <class Message>
  Frame encode(const Message& message) {
    Frame frame;
    REQUIRE(encoder.encode(message, frame).ok());
    return frame;
  }
  template <class Message>
  Message round_trip(const Message& message) {
    auto back = decode(decoder, encode(message), message);
    if (!back.ok()) FAIL(back.error().message);
    return std::move(back).value();
  }
};

template <class Message>
void check_every_kind() {
  Random random{std::variant_size_v<Message>};
  Direction direction;
  for (size_t round = 0; round < 40; ++round) {
    Samples samples{random, round % 2 == 0 ? Fill::kFull : Fill::kSparse};
    for (size_t kind = 0; kind < std::variant_size_v<Message>; ++kind) {
      const auto message = samples.make_alternative<Message>(kind);
      const Message back = direction.round_trip(message);
      CAPTURE(kind, round);
      CHECK(same(back, message));
    }
  }
}

TemplateRef named(const std::string& name) {
  CallTemplate call;
  call.function.name = name;
  return std::make_shared<const CallTemplate>(std::move(call));
}

PeerMessage assign(const TemplateRef& call) {
  Assign message;
  message.task = TaskId::make({1, 7}, 99);
  message.attempt = 1;
  message.call = call;
  return message;
}

std::string name_in(const PeerMessage& message) {
  return std::get<Assign>(message).call->function.name;
}

/// What a fresh decoder says of what a fresh encoder made.
std::string refusal_of(const PeerMessage& message) {
  Direction direction;
  const auto read = direction.decoder.decode_peer_message(direction.encode(message));
  return read.ok() ? "" : read.error().message;
}

std::string refusal_to_encode(const PeerMessage& message) {
  PeerEncoder encoder;
  Frame frame;
  const Status status = encoder.encode(message, frame);
  CHECK(frame.empty());
  if (status.ok()) return "";
  CHECK(status.error().code == ErrorCode::kInvalidArgument);
  return status.error().message;
}

}  // namespace

TEST_CASE("every message between nodes reads back with every field") {
  check_every_kind<PeerMessage>();
}

TEST_CASE("every message to the head reads back with every field") {
  check_every_kind<NodeToHead>();
}

TEST_CASE("every message of the head reads back with every field") {
  check_every_kind<HeadToNode>();
}

TEST_CASE("a call's template travels with its first use only, whatever message that is") {
  Random random{7};
  Direction direction;
  const auto call = std::make_shared<const CallTemplate>(Samples{random}.make<CallTemplate>());
  const Frame first = direction.encode(assign(call));
  const Frame second = direction.encode(assign(call));
  CHECK(second.size() + 200 < first.size());
  const auto read_first = direction.decoder.decode_peer_message(first);
  const auto read_second = direction.decoder.decode_peer_message(second);
  CHECK(*std::get<Assign>(*read_first).call == *call);
  CHECK(std::get<Assign>(*read_first).call == std::get<Assign>(*read_second).call);

  ActorChanged changed;
  changed.info.creation = call;
  const HeadToNode third{changed};
  const HeadToNode back = direction.round_trip(third);
  CHECK(std::get<ActorChanged>(back).info.creation == std::get<Assign>(*read_first).call);
}

TEST_CASE("two templates that are equal are two templates") {
  Direction direction;
  direction.round_trip(assign(named("f")));
  CHECK(name_in(direction.round_trip(assign(named("f")))) == "f");
}

TEST_CASE("the oldest templates are forgotten, and travel again when they are used again") {
  Direction direction;
  std::vector<TemplateRef> calls;
  for (uint32_t i = 0; i < wire::kMaxPeerTemplates + 100; ++i) {
    calls.push_back(named("f" + std::to_string(i)));
  }
  for (int round = 0; round < 2; ++round) {
    for (const TemplateRef& call : calls) {
      CHECK(name_in(direction.round_trip(assign(call))) == call->function.name);
    }
  }
  const size_t known = direction.encode(assign(calls.back())).size();
  CHECK(direction.encode(assign(calls.front())).size() > known);
}

TEST_CASE("large templates are forgotten early, and one too large for all is remembered alone") {
  wire::SentTemplates sent;
  wire::ReceivedTemplates received;
  const auto say = [&](const TemplateRef& call) {
    const wire::SentTemplates::Use use = sent.use(call);
    sent.commit();
    CHECK(received.forget(use.forgotten).ok());
    if (use.is == wire::SentTemplates::Use::Is::kNew) {
      CHECK(received.define(use.id, CallTemplate{*call}).ok());
    }
    CHECK((*received.find(use.id))->function.name == call->function.name);
    return use;
  };
  const TemplateRef half = named(std::string(wire::kMaxPeerTemplateBytes / 2, 'a'));
  const TemplateRef small = named("small");
  const TemplateRef third = named(std::string(wire::kMaxPeerTemplateBytes / 3, 'b'));
  const TemplateRef huge = named(std::string(2 * wire::kMaxPeerTemplateBytes, 'c'));
  CHECK(say(half).id == 1);
  CHECK(say(small).id == 2);
  CHECK(say(third).forgotten.empty());
  CHECK(say(named(half->function.name)).forgotten == std::vector<uint32_t>{1});
  CHECK(say(huge).forgotten == std::vector<uint32_t>{2, 3, 1});
  CHECK(say(small).forgotten.size() == 1);
  CHECK(say(half).forgotten.empty());
}

TEST_CASE("a receiver refuses more templates than an honest sender lets it remember") {
  wire::ReceivedTemplates received;
  const CallTemplate half = *named(std::string(wire::kMaxPeerTemplateBytes / 2, 'a'));
  CHECK(received.define(1, CallTemplate{half}).ok());
  CHECK_FALSE(received.define(2, CallTemplate{half}).ok());
  CHECK_FALSE(received.define(1, CallTemplate{}).ok());
  CHECK_FALSE(received.define(0, CallTemplate{}).ok());
  CHECK_FALSE(received.define(wire::kMaxPeerTemplates + 1, CallTemplate{}).ok());
  const std::vector<uint32_t> unknown{9};
  CHECK_FALSE(received.forget(unknown).ok());
  CHECK(received.define(wire::kMaxPeerTemplates, CallTemplate{}).ok());
  CHECK_FALSE(received.find(2).ok());
}

TEST_CASE("a template that is not defined, or is so twice, ends the session") {
  Direction direction;
  const auto call = named("f");
  const Frame first = direction.encode(assign(call));
  const Frame second = direction.encode(assign(call));
  PeerDecoder late;
  CHECK(late.decode_peer_message(second).error().code == ErrorCode::kCorrupt);
  CHECK(direction.decoder.decode_peer_message(first).ok());
  CHECK(direction.decoder.decode_peer_message(first).error().code == ErrorCode::kCorrupt);
}

TEST_CASE("a message that cannot be encoded leaves the session as it was") {
  Direction direction;
  const auto call = named("f");
  PeerMessage too_long = assign(call);
  std::get<Assign>(too_long).args.resize(kMaxReturns + 1);
  Frame frame{1, 2, 3};
  CHECK_FALSE(direction.encoder.encode(too_long, frame).ok());
  CHECK(frame == Frame{1, 2, 3});
  CHECK(name_in(direction.round_trip(assign(call))) == "f");
  CHECK(name_in(direction.round_trip(assign(call))) == "f");
}

TEST_CASE("lists and messages beyond their limits are not sent") {
  PeerMessage message = assign(named("f"));
  std::get<Assign>(message).args.resize(kMaxReturns + 1);
  CHECK(refusal_to_encode(message) == "a list of 65537 items; at most 65536 are allowed");
  AttemptDone done;
  done.task = TaskId::make({1, 7}, 99);
  done.results.resize(kMaxReturns + 1);
  CHECK(refusal_to_encode(done) == "a list of 65537 items; at most 65536 are allowed");
  PeerRelease release;
  release.objects.resize((1u << 21) + 1);
  CHECK(refusal_to_encode(release) == "a list of 2097153 items; at most 2097152 are allowed");
  done.results.resize(1);
  done.results[0].kind = Value::Kind::kInline;
  done.results[0].bytes = Bytes::copy(std::string(wire::kMaxPeerMessageBytes - 64, 'x'));
  CHECK(refusal_to_encode(done) == "a message of more than 67108864 bytes");
  CHECK(refusal_to_encode(assign(nullptr)) == "a message without its call");
}

TEST_CASE("a message of nearly the largest size reads back") {
  Direction direction;
  AttemptDone done;
  done.task = TaskId::make({1, 7}, 99);
  done.results.resize(1);
  done.results[0].kind = Value::Kind::kInline;
  done.results[0].bytes = Bytes::copy(std::string(wire::kMaxPeerMessageBytes - 4096, 'x'));
  const PeerMessage back = direction.round_trip(PeerMessage{done});
  CHECK(same(std::get<AttemptDone>(back).results[0].bytes, done.results[0].bytes));
}

TEST_CASE("ids that name nothing are refused") {
  CHECK(refusal_of(Fetch{}) == "a nil object");
  CHECK(refusal_of(Borrow{1, {ObjectId{}}}) == "a nil object");
  CHECK(refusal_of(Revoked{TaskId{}, 1}) == "a nil task");
  CHECK(refusal_of(Detach{ActorId{}, 1, {1, 7}}) == "a nil actor");
  Revoked revoked{TaskId::make({1, 7}, 99), 1};
  revoked.task.low |= 3;
  CHECK(refusal_of(revoked) == "task with an index");
  Assign message = std::get<Assign>(assign(named("f")));
  message.transfer.references.resize(1);
  CHECK(refusal_of(message) == "a nil object");
  message.transfer = {};
  message.args.resize(1);
  CHECK(refusal_of(message) == "an argument without a value");
}

TEST_CASE("a resource named twice, or more of one than any machine has, is refused") {
  CallTemplate call;
  call.demand.custom = {{"disk", kUnit}, {"disk", kUnit}};
  CHECK(refusal_of(assign(std::make_shared<CallTemplate>(call))) == "a resource twice");
  call.demand = {};
  call.demand.memory_bytes = (int64_t{1} << 56) + 1;
  CHECK(refusal_of(assign(std::make_shared<CallTemplate>(call))) ==
        "a resource quantity that no machine has");
  call.demand.memory_bytes = -1;
  CHECK(refusal_of(assign(std::make_shared<CallTemplate>(call))) == "a negative resource quantity");
}

TEST_CASE("a text with a zero byte inside reads back whole") {
  Direction direction;
  const std::string text{"before\0after", 12};
  CHECK(name_in(direction.round_trip(assign(named(text)))) == text);
  AttemptFailed failed;
  failed.task = TaskId::make({1, 7}, 99);
  auto cause = std::make_shared<ErrorInfo>();
  cause->message = text;
  failed.cause = cause;
  const auto back = std::get<AttemptFailed>(direction.round_trip(PeerMessage{failed}));
  CHECK(back.cause->message == text);
}

TEST_CASE("a place in a store does not travel, and what is known of a reference may be left out") {
  Direction direction;
  Assign message = std::get<Assign>(assign(named("f")));
  message.args.resize(2);
  message.args[0].reference = TaskId::make({1, 7}, 3).object(1);
  message.args[1].reference = TaskId::make({1, 7}, 4).object(1);
  message.values.resize(1);
  message.values[0].kind = Value::Kind::kStored;
  message.values[0].size = 1 << 20;
  message.values[0].extent = {2, 64, 128};
  message.values[0].nodes = {NodeId{4}};
  const auto back = std::get<Assign>(direction.round_trip(PeerMessage{message}));
  REQUIRE(back.values.size() == 2);
  CHECK(back.values[0].extent == Extent{});
  CHECK(back.values[0].nodes == message.values[0].nodes);
  CHECK(back.values[1].kind == Value::Kind::kNone);
}

TEST_CASE("frames tell their size from their first word on") {
  Direction direction;
  Frame frames = direction.encode(PeerMessage{TransferDone{5}});
  const size_t first = frames.size();
  REQUIRE(direction.encoder.encode(PeerMessage{TransferDone{6}}, frames).ok());
  CHECK(*wire::peer_frame_bytes(ByteSpan{frames}.first(7)) == 0);
  CHECK(*wire::peer_frame_bytes(ByteSpan{frames}.first(8)) == first);
  CHECK(*wire::peer_frame_bytes(frames) == first);
  const auto second = direction.decoder.decode_peer_message(ByteSpan{frames}.subspan(first));
  CHECK(std::get<TransferDone>(*second).token == 6);

  CHECK_FALSE(direction.decoder.decode_peer_message(frames).ok());
  CHECK_FALSE(direction.decoder.decode_peer_message(ByteSpan{frames}.first(first - 8)).ok());
  CHECK_FALSE(direction.decoder.decode_peer_message({}).ok());
  Frame hostile = frames;
  hostile[0] = 1;
  CHECK_FALSE(wire::peer_frame_bytes(hostile).ok());
  const uint32_t words = wire::kMaxPeerMessageBytes / 8;
  hostile[0] = 0;
  std::memcpy(hostile.data() + 4, &words, 4);
  CHECK_FALSE(wire::peer_frame_bytes(hostile).ok());
  std::memset(hostile.data(), 0, 8);
  CHECK_FALSE(wire::peer_frame_bytes(hostile).ok());
}

TEST_CASE("a frame at any alignment reads back") {
  Direction direction;
  const Frame frame = direction.encode(PeerMessage{TransferDone{5}});
  for (size_t shift = 0; shift < 8; ++shift) {
    Frame shifted(shift);
    shifted.insert(shifted.end(), frame.begin(), frame.end());
    const auto back = direction.decoder.decode_peer_message(ByteSpan{shifted}.subspan(shift));
    REQUIRE(back.ok());
    CHECK(std::get<TransferDone>(*back).token == 5);
  }
}

TEST_CASE("a long list of nothing is refused before it takes memory") {
  Direction direction;
  BorrowAck ack;
  ack.token = 1;
  ack.entries.push_back({TaskId::make({1, 7}, 3).object(1), nullptr});
  Frame frame = direction.encode(PeerMessage{ack});
  // The list's tag: one element of two pointers. It becomes 2^20 elements of no size.
  const uint64_t tag = 1 << 2 | uint64_t{2} << 48;
  const uint64_t hostile = uint64_t{1} << 22;
  bool is_found = false;
  for (size_t at = 0; at + 8 <= frame.size() && !is_found; at += 8) {
    is_found = std::memcmp(frame.data() + at, &tag, 8) == 0;
    if (is_found) std::memcpy(frame.data() + at, &hostile, 8);
  }
  REQUIRE(is_found);
  CHECK(direction.decoder.decode_peer_message(frame).error().code == ErrorCode::kCorrupt);
}

TEST_CASE("damaged messages of the peer lane give a message or kCorrupt, never more") {
  Random random{9};
  Samples samples{random};
  int refused = 0;
  for (int round = 0; round < 3'000; ++round) {
    Direction direction;
    Frame frame = direction.encode(samples.make<NodeToHead>());
    for (uint64_t n = 1 + random.below(4); n > 0; --n) {
      frame[8 + random.below(frame.size() - 8)] = static_cast<uint8_t>(random.next());
    }
    const auto read = direction.decoder.decode_node_to_head(frame);
    PeerDecoder other;
    (void)other.decode_peer_message(frame);
    (void)other.decode_head_to_node(frame);
    if (read.ok()) continue;
    CHECK(read.error().code == ErrorCode::kCorrupt);
    ++refused;
  }
  CHECK(refused > 0);
}

TEST_CASE("encode and decode of a small assignment, timed", "[.bench]") {
  Direction direction;
  Assign message = std::get<Assign>(assign(named("f")));
  message.args.resize(2);
  for (Arg& arg : message.args) {
    arg.value.kind = Value::Kind::kInline;
    arg.value.bytes = Bytes::copy("abcd");
  }
  const PeerMessage wrapped{message};
  Frame frame;
  const auto time = [&](const char* what, const auto& step) {
    constexpr int kRounds = 1'000'000;
    const std::clock_t begin = std::clock();
    for (int i = 0; i < kRounds; ++i) step();
    const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    std::cout << what << ": " << seconds * 1e9 / kRounds << " ns of processor time\n";
  };
  const auto encode = [&] {
    frame.clear();
    if (!direction.encoder.encode(wrapped, frame).ok()) std::abort();
  };
  const auto decode = [&] {
    if (!direction.decoder.decode_peer_message(frame).ok()) std::abort();
  };
  encode();
  decode();
  time("encode", encode);
  std::cout << frame.size() << " bytes\n";
  time("decode", decode);
}
