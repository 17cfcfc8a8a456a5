#include "daemon/shell/inline_session.h"

#include <map>
#include <string>
#include <vector>

#include "tests/unit/catch.h"

using namespace rayd;
using namespace rayd::shell;

namespace {

constexpr ClientId kClient{1, 2};

/// Stands for the core: keeps what it hears.
class Owner final : public SessionsOwner {
 public:
  void on_session_message(ClientId, ClientMessage&& message) override {
    heard.push_back(std::move(message));
  }
  void on_session_over(ClientId, const std::string&) override {}
  const Value* stored_value(ObjectId object) const override {
    const auto found = values.find(object);
    return found == values.end() ? nullptr : &found->second;
  }
  std::vector<ClientMessage> heard;
  std::map<ObjectId, Value> values;
};

struct Fixture {
  Owner owner;
  ObjectStore store{1 << 20};
  bool over = false;
  InlineSession session{owner, store, kClient, KeyHash{}, [this] { over = true; }};

  static ObjectId object(uint64_t seq) { return TaskId::make(kClient, seq).object(0); }
  static ClientAnswer ready(uint64_t seq, size_t bytes = 8) {
    Value value;
    value.kind = Value::Kind::kInline;
    value.bytes = Bytes::copy(std::string(bytes, 'x'));
    value.size = bytes;
    return Ready{object(seq), std::move(value)};
  }
  /// Reserves with the core's consent.
  void reserve(uint64_t value, uint64_t bytes) {
    int done = 0;
    session.reserve(value, bytes, [&](Result<uint64_t> result) { done += result.ok() ? 1 : 0; });
    const auto asked = std::get<RequestArena>(owner.heard.back());
    CHECK(asked.bytes == bytes + shm::kObjectHeaderBytes);
    session.deliver(ArenaGranted{asked.request, {0, 4096, 8192}});
    CHECK(done == 1);
  }
  static ClientMessage put(uint64_t seq, uint64_t value, uint64_t bytes) {
    Value stored;
    stored.kind = Value::Kind::kStored;
    stored.size = bytes;
    stored.extent = {0, value, bytes + shm::kObjectHeaderBytes};
    return Put{object(seq), std::move(stored)};
  }
  static ByteSpan span(const std::string& text) {
    return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "answers are kept until the client says that they have arrived") {
  for (uint64_t i = 1; i <= 3; ++i) session.deliver(ready(i));
  const auto first = session.answers(0);
  REQUIRE(first.ok());
  CHECK(first->first == 1);
  CHECK(first->answers.size() == 3);
  CHECK(session.answers(0)->answers.size() == 3);
  const auto rest = session.answers(2);
  CHECK(rest->first == 3);
  CHECK(rest->answers.size() == 1);
  CHECK(session.answers(1)->first == 3);
  CHECK(session.answers(3)->answers.empty());
  CHECK(session.answers(4).error().code == ErrorCode::kInvalidArgument);
}

TEST_CASE_METHOD(Fixture,
                 "who waits for answers is woken once by a new one, and by none it knows") {
  int woken = 0;
  session.deliver(ready(1));
  session.on_answers(1, [&] { ++woken; });
  CHECK(woken == 0);
  session.deliver(ready(2));
  session.deliver(ready(3));
  CHECK(woken == 1);
  session.on_answers(1, [&] { ++woken; });
  CHECK(woken == 2);
}

TEST_CASE_METHOD(Fixture, "a client that does not fetch its answers is not listened to") {
  for (uint64_t i = 1; session.has_room(); ++i) session.deliver(ready(i, 60'000));
  CHECK(session.answers(0)->answers.size() < 60);  // a reply is bounded
  CHECK_FALSE(session.has_room());
  CHECK(session.answers(200).ok());
  CHECK(session.has_room());
}

TEST_CASE_METHOD(Fixture, "a large value is reserved, written in any order, put, and read again") {
  const std::string text = "abcdefghij";
  reserve(1, text.size());
  CHECK(session.write(1, 5, span(text.substr(5))).ok());
  CHECK(session.write(1, 0, span(text.substr(0, 5))).ok());
  CHECK(session.write(1, 0, span(text.substr(0, 5))).ok());
  CHECK(session.take(put(1, 1, text.size())).ok());
  const Value stored = std::get<Put>(owner.heard.back()).value;
  CHECK(stored.extent.offset == 4096);
  owner.values[object(1)] = stored;
  CHECK(session.read(object(1), 0, 100).error().code == ErrorCode::kNotAllowed);
  session.deliver(Ready{object(1), stored});
  const auto part = session.read(object(1), 2, 3);
  REQUIRE(part.ok());
  CHECK(std::string(part->begin(), part->end()) == "cde");
  CHECK(session.read(object(1), 50, 3)->empty());
  CHECK(session.take(Release{{{object(1), 1}}}).ok());
  CHECK_FALSE(session.read(object(1), 0, 3).ok());
}

TEST_CASE_METHOD(Fixture, "what was not reserved is neither written nor put") {
  CHECK_FALSE(session.write(1, 0, span("x")).ok());
  CHECK_FALSE(session.take(put(1, 1, 10)).ok());
  reserve(1, 10);
  CHECK_FALSE(session.write(1, 8, span("xyz")).ok());
  CHECK_FALSE(session.write(1, UINT64_MAX, span("xyz")).ok());
  CHECK_FALSE(session.take(put(1, 1, 11)).ok());
  CHECK(session.take(put(1, 1, 10)).ok());
  CHECK_FALSE(session.take(put(2, 1, 10)).ok());
}

TEST_CASE_METHOD(Fixture, "asking twice for room reserves once, and after the put nothing") {
  int done = 0;
  session.reserve(1, 10, [&](Result<uint64_t>) { ++done; });
  session.reserve(1, 10, [&](Result<uint64_t>) { ++done; });
  CHECK(owner.heard.size() == 1);
  session.deliver(ArenaGranted{1, {0, 4096, 4096}});
  CHECK(done == 2);
  CHECK(session.take(put(1, 1, 10)).ok());
  Status late;
  session.reserve(1, 10, [&](Result<uint64_t> result) { late = result.error(); });
  CHECK(late.error().code == ErrorCode::kInvalidArgument);
}

TEST_CASE_METHOD(Fixture, "a full store is told with its sizes") {
  Status full;
  session.reserve(1, 10, [&](Result<uint64_t> result) { full = result.error(); });
  session.deliver(ArenaRefused{1, 90, 100});
  CHECK(full.error().code == ErrorCode::kStoreFull);
  CHECK(full.error().message.find("90 of 100") != std::string::npos);
}

TEST_CASE_METHOD(Fixture, "so many values may be reserved and not put, and no more") {
  int refused = 0;
  for (uint64_t i = 1; i <= InlineSession::kMaxReserved + 1; ++i) {
    session.reserve(i, 10, [&](Result<uint64_t> result) {
      if (!result && result.error().code == ErrorCode::kPendingCallsLimit) ++refused;
    });
  }
  CHECK(refused == 1);
}

TEST_CASE_METHOD(Fixture, "what only rings carry is refused") {
  CHECK_FALSE(session.take(Done{}).ok());
  CHECK_FALSE(session.take(RequestArena{}).ok());
  CHECK_FALSE(session.take(Blocked{}).ok());
  Value large;
  large.kind = Value::Kind::kInline;
  large.bytes = Bytes::copy(std::string(kMaxInlineInPeer + 1, 'x'));
  CHECK_FALSE(session.take(Put{object(1), large}).ok());
  large.kind = Value::Kind::kStored;
  CHECK_FALSE(session.take(Submit{TaskId::make(kClient, 1), 0, {Arg{{}, large}}}).ok());
  CHECK(session.taken() == 0);
}

TEST_CASE_METHOD(Fixture, "a session that is over refuses everything, and who waits hears it") {
  bool refused = false;
  session.reserve(1, 10, [&](Result<uint64_t> result) { refused = !result.ok(); });
  int woken = 0;
  session.on_answers(0, [&] { ++woken; });
  session.end();
  CHECK(over);
  session.close();
  CHECK(refused);
  CHECK(woken == 1);
  CHECK(session.touch().error().code == ErrorCode::kNotFound);
  CHECK_FALSE(session.take(Release{}).ok());
  CHECK_FALSE(session.answers(0).ok());
}
