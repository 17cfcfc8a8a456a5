// The session between two daemons (PeerSession), in any state: against a peer that sends anything
// and claims to have received anything, and between two honest ends whose connections break behind
// any byte. Honest messages arrive each once and in order; a hostile peer ends its connection, and
// nothing else: what it had not acknowledged is still there for the next one.
#include <algorithm>
#include <cstring>
#include <deque>
#include <vector>

#include "common/base/check.h"
#include "common/net/peer_session.h"
#include "tests/fuzz/input.h"

namespace {

using namespace rayd;
using fuzz::Input;
using net::PeerSession;

constexpr int kMaxSteps = 400;

PeerSession::Options small_windows() {
  PeerSession::Options options;
  options.window_bytes = 200;
  options.max_message_bytes = 100;
  options.ack_after_messages = 3;
  options.ack_after_bytes = 150;
  return options;
}

Bytes message_of(uint64_t number, size_t size) {
  std::vector<uint8_t> bytes(size, static_cast<uint8_t>(number));
  return Bytes::copy(bytes);
}

// ---- a hostile peer -----------------------------------------------------------------------------

class Hostile {
 public:
  void step(Input& input) {
    switch (input.take<uint8_t>() % 6) {
      case 0: return connect(input);
      case 1: return session_.on_disconnected();
      case 2: ++sent_; return session_.send(message_of(sent_, 1 + input.take<uint8_t>() % 100));
      case 3: return write(input);
      case 4: return hear(input.take(input.take<uint8_t>()));
      default: return hear(frame(input));
    }
  }

 private:
  void connect(Input& input) {
    const uint64_t queued = session_.queued_bytes();
    const bool connected = session_.is_connected();
    if (session_.on_connected(input.number()).ok()) return;
    RAY_CHECK(session_.queued_bytes() == queued && session_.is_connected() == connected);
  }

  void write(Input& input) {
    std::vector<uint8_t> out;
    const uint64_t queued = session_.queued_bytes();
    session_.write(out, 1 + input.take<uint8_t>(), PeerSession::Ack::kNow);
    RAY_CHECK(session_.queued_bytes() == queued);
    RAY_CHECK(session_.is_connected() || out.empty());
    RAY_CHECK(!session_.owes_ack());
  }

  // A frame whose fields are near what they might be.
  std::vector<uint8_t> frame(Input& input) const {
    const auto near = [&](uint64_t truth) { return truth + input.take<uint8_t>() % 5 - 2; };
    const uint8_t shape = input.take<uint8_t>();
    const uint32_t length = shape % 4 == 0 ? static_cast<uint32_t>(input.number()) : shape % 101;
    const uint32_t kind = shape % 8 == 7 ? static_cast<uint32_t>(input.number()) : shape % 2;
    const uint64_t number = near(session_.received() + 1);
    const uint64_t ack = near(sent_);
    std::vector<uint8_t> bytes(PeerSession::kHeaderBytes);
    std::memcpy(bytes.data(), &length, 4);
    std::memcpy(bytes.data() + 4, &kind, 4);
    std::memcpy(bytes.data() + 8, &number, 8);
    std::memcpy(bytes.data() + 16, &ack, 8);
    bytes.resize(bytes.size() + length % 128, shape);
    return bytes;
  }

  void hear(ByteSpan bytes) {
    if (!session_.is_connected()) return;
    session_.add(bytes);
    for (;;) {
      const uint64_t received = session_.received();
      const auto message = session_.next();
      if (!message.ok()) {
        RAY_CHECK(message.error().code == ErrorCode::kCorrupt);
        return session_.on_disconnected();
      }
      if (!message->has_value()) {
        RAY_CHECK(session_.received() == received);
        return;
      }
      RAY_CHECK(session_.received() == received + 1);
      RAY_CHECK(!(*message)->empty() && (*message)->size() <= 100);
    }
  }

  PeerSession session_{small_windows()};
  uint64_t sent_ = 0;
};

// ---- two honest ends ----------------------------------------------------------------------------

class Honest {
 public:
  void step(Input& input) {
    const uint8_t which = input.take<uint8_t>();
    End& end = ends_[which % 2];
    End& other = ends_[1 - which % 2];
    switch (which / 2 % 5) {
      case 0:
        ++end.sent;
        return end.session.send(message_of(end.sent, 1 + input.take<uint8_t>() % 100));
      case 1:
        return end.session.write(
            end.way, 1 + input.take<uint8_t>(),
            input.take<uint8_t>() % 2 == 0 ? PeerSession::Ack::kNow : PeerSession::Ack::kIfDue);
      case 2: return carry(end, other, 1 + input.take<uint8_t>());
      case 3: return cut(input.take<uint8_t>());
      default: return connect(input.take<uint8_t>());
    }
  }

  /// Whatever happened: one good connection brings everything.
  void finish() {
    cut(0);
    connect(0);
    for (int round = 0; round < 2 * kMaxSteps; ++round) {
      for (int i = 0; i < 2; ++i) {
        ends_[i].session.write(ends_[i].way, 4096, PeerSession::Ack::kNow);
        carry(ends_[i], ends_[1 - i], SIZE_MAX);
      }
    }
    for (int i = 0; i < 2; ++i) {
      RAY_CHECK(ends_[i].session.received() == ends_[1 - i].sent);
      RAY_CHECK(!ends_[i].session.has_unacked() && ends_[i].session.queued_bytes() == 0);
    }
  }

 private:
  struct End {
    PeerSession session{small_windows()};
    uint64_t sent = 0;
    std::vector<uint8_t> way;  // what is on its way to the other
  };

  void carry(End& from, End& to, size_t most) {
    const size_t bytes = std::min(most, from.way.size());
    if (!is_open_ || !to.session.is_connected()) return from.way.clear();
    to.session.add(ByteSpan{from.way}.first(bytes));
    from.way.erase(from.way.begin(), from.way.begin() + static_cast<ptrdiff_t>(bytes));
    for (;;) {
      const uint64_t expected = to.session.received() + 1;
      const auto message = to.session.next();
      RAY_CHECK(message.ok());
      if (!message->has_value()) return;
      RAY_CHECK((*message)->front() == static_cast<uint8_t>(expected));
    }
  }

  // Behind any byte, and one end may hear of it later.
  void cut(uint8_t late) {
    is_open_ = false;
    for (End& end : ends_) {
      if (late % 2 == 0) end.session.on_disconnected();
      end.way.clear();
      late /= 2;
    }
  }

  // Each says what it has; a greeting may be older than the truth.
  void connect(uint8_t behind) {
    cut(0);
    for (int i = 0; i < 2; ++i) {
      const uint64_t received = ends_[1 - i].session.received();
      const uint64_t said = received - std::min<uint64_t>(received, (behind >> (4 * i)) % 4);
      RAY_CHECK(ends_[i].session.on_connected(said).ok());
    }
    is_open_ = true;
  }

  End ends_[2];
  bool is_open_ = false;  // not: what an end still writes gets nowhere
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input{data, size};
  if (input.take<uint8_t>() % 2 == 0) {
    Hostile hostile;
    for (int step = 0; step < kMaxSteps && !input.is_empty(); ++step) hostile.step(input);
    return 0;
  }
  Honest honest;
  for (int step = 0; step < kMaxSteps && !input.is_empty(); ++step) honest.step(input);
  honest.finish();
  return 0;
}
