#include "common/net/peer_session.h"

#include <algorithm>
#include <string>

#include "common/base/random.h"
#include "tests/unit/catch.h"

namespace rayd::net {
namespace {

using Ack = PeerSession::Ack;

Bytes number_message(uint64_t number, size_t padding = 0) {
  return Bytes::copy(std::to_string(number) + "/" + std::string(padding, 'x'));
}

/// Both ends, and the bytes between them, which a cut loses.
struct Pair {
  PeerSession a;
  PeerSession b;
  std::vector<uint8_t> to_b;
  std::vector<uint8_t> to_a;

  explicit Pair(PeerSession::Options options = {}) : a(options), b(options) { connect(); }

  void connect() {
    REQUIRE(a.on_connected(b.received()).ok());
    REQUIRE(b.on_connected(a.received()).ok());
  }
  void cut() {
    a.on_disconnected();
    b.on_disconnected();
    to_a.clear();
    to_b.clear();
  }
};

/// Moves the first `count` bytes, and returns the messages that this completes.
std::vector<std::string> deliver(std::vector<uint8_t>& from, size_t count, PeerSession& to) {
  count = std::min(count, from.size());
  to.add({from.data(), count});
  from.erase(from.begin(), from.begin() + static_cast<ptrdiff_t>(count));
  std::vector<std::string> texts;
  for (;;) {
    const auto message = to.next();
    REQUIRE(message.ok());
    if (!message->has_value()) return texts;
    texts.emplace_back(reinterpret_cast<const char*>((*message)->data()), (*message)->size());
  }
}

constexpr size_t kAll = SIZE_MAX;

TEST_CASE("messages arrive in order, and are forgotten when acknowledged") {
  Pair pair;
  for (uint64_t i = 0; i < 10; ++i) pair.a.send(number_message(i));
  pair.a.write(pair.to_b, kAll, Ack::kIfDue);
  const auto texts = deliver(pair.to_b, kAll, pair.b);
  REQUIRE(texts.size() == 10);
  for (uint64_t i = 0; i < 10; ++i) CHECK(texts[i] == std::to_string(i) + "/");
  CHECK(pair.a.has_unacked());
  CHECK(pair.b.owes_ack());
  pair.b.write(pair.to_a, kAll, Ack::kNow);
  CHECK(deliver(pair.to_a, kAll, pair.a).empty());
  CHECK_FALSE(pair.a.has_unacked());
  CHECK(pair.a.queued_bytes() == 0);
  CHECK_FALSE(pair.b.owes_ack());
}

TEST_CASE("a connection reset at any byte loses nothing and repeats nothing") {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    Random random{seed};
    Pair pair{{.window_bytes = 2000, .ack_after_messages = 5}};
    const uint64_t total = 60;
    uint64_t sent_a = 0, sent_b = 0, got_a = 0, got_b = 0;
    const auto check = [](const std::vector<std::string>& texts, uint64_t& got) {
      for (const std::string& text : texts) {
        REQUIRE(text.substr(0, text.find('/')) == std::to_string(got));
        ++got;
      }
    };
    while (got_a < total || got_b < total) {
      switch (random.below(6)) {
        case 0:
          if (sent_a < total) pair.a.send(number_message(sent_a++, random.below(700)));
          break;
        case 1:
          if (sent_b < total) pair.b.send(number_message(sent_b++, random.below(700)));
          break;
        case 2: pair.a.write(pair.to_b, random.below(3000), Ack::kNow); break;
        case 3: pair.b.write(pair.to_a, random.below(3000), Ack::kIfDue); break;
        case 4:
          check(deliver(pair.to_b, random.below(1000), pair.b), got_b);
          check(deliver(pair.to_a, random.below(1000), pair.a), got_a);
          break;
        case 5:
          if (random.below(4) != 0) break;
          pair.cut();
          pair.connect();
          break;
      }
    }
    CHECK(got_a == total);
    CHECK(got_b == total);
  }
}

TEST_CASE("what is in flight stays within the window, but a larger message travels alone") {
  Pair pair{{.window_bytes = 1000}};
  for (int i = 0; i < 10; ++i) pair.a.send(number_message(1, 400));
  pair.a.send(number_message(1, 5000));
  pair.a.write(pair.to_b, kAll, Ack::kIfDue);
  CHECK(deliver(pair.to_b, kAll, pair.b).size() == 2);
  CHECK_FALSE(pair.a.has_to_write());
  size_t got = 2;
  while (got < 11) {
    pair.b.write(pair.to_a, kAll, Ack::kNow);
    CHECK(deliver(pair.to_a, kAll, pair.a).empty());
    pair.a.write(pair.to_b, kAll, Ack::kIfDue);
    const size_t more = deliver(pair.to_b, kAll, pair.b).size();
    REQUIRE(more > 0);
    got += more;
  }
  CHECK(got == 11);
}

TEST_CASE("acknowledgements come by themselves after some messages or bytes") {
  Pair pair{{.ack_after_messages = 3, .ack_after_bytes = 1000}};
  for (int i = 0; i < 2; ++i) pair.a.send(number_message(1));
  pair.a.write(pair.to_b, kAll, Ack::kIfDue);
  CHECK(deliver(pair.to_b, kAll, pair.b).size() == 2);
  pair.b.write(pair.to_a, kAll, Ack::kIfDue);
  CHECK(pair.to_a.empty());
  pair.a.send(number_message(1));
  pair.a.write(pair.to_b, kAll, Ack::kIfDue);
  CHECK(deliver(pair.to_b, kAll, pair.b).size() == 1);
  pair.b.write(pair.to_a, kAll, Ack::kIfDue);
  CHECK(pair.to_a.size() == PeerSession::kHeaderBytes);
}

TEST_CASE("a peer that claims what was never sent is not believed") {
  PeerSession session;
  session.send(number_message(1));
  CHECK(session.on_connected(1).ok());
  CHECK_FALSE(session.on_connected(3).ok());

  Pair pair;
  pair.b.send(number_message(1));
  pair.b.write(pair.to_a, kAll, Ack::kNow);
  pair.to_a[16] = 9;  // ack
  pair.a.add(pair.to_a);
  CHECK_FALSE(pair.a.next().ok());
}

TEST_CASE("a gap, an unknown kind and a length beyond the limit end the connection") {
  const auto spoiled = [](size_t byte, uint8_t value) {
    Pair pair;
    pair.b.send(number_message(1));
    pair.b.write(pair.to_a, kAll, Ack::kNow);
    pair.to_a[byte] = value;
    pair.a.add(pair.to_a);
    return !pair.a.next().ok();
  };
  CHECK(spoiled(8, 2));   // number
  CHECK(spoiled(4, 7));   // kind
  CHECK(spoiled(3, 80));  // length
  CHECK(spoiled(4, 0));   // an acknowledgement with a body
}

TEST_CASE("half a frame of a lost connection is not the beginning of the next one's") {
  Pair pair;
  pair.a.send(number_message(0, 100));
  pair.a.write(pair.to_b, kAll, Ack::kIfDue);
  CHECK(deliver(pair.to_b, 50, pair.b).empty());
  pair.cut();
  pair.connect();
  pair.a.write(pair.to_b, kAll, Ack::kIfDue);
  CHECK(deliver(pair.to_b, kAll, pair.b).size() == 1);
}

}  // namespace
}  // namespace rayd::net
