#include "common/shm/ring.h"

#include <cstring>
#include <vector>

#include "common/base/random.h"
#include "tests/unit/catch.h"

using namespace rayd;
using namespace rayd::shm;

namespace {

/// A ring in ordinary memory.
struct TestRing {
  explicit TestRing(uint32_t count) : memory(count * kSlotBytes / sizeof(uint64_t)), count(count) {}
  uint8_t* bytes() { return reinterpret_cast<uint8_t*>(memory.data()); }
  ProducerMemory for_producer() { return {bytes(), count, &consumed}; }
  ConsumerMemory for_consumer() { return {bytes(), count, &consumed}; }
  void write_header(uint64_t position, SlotHeader header) {
    memory[position % count * kSlotBytes / sizeof(uint64_t)] = header.word();
  }

  std::vector<uint64_t> memory;
  uint32_t count;
  uint64_t consumed = 0;
};

constexpr size_t kPayload = SlotGeometry<kSlotBytes>::kPayload;

std::vector<uint8_t> message_of(size_t size, uint64_t seed) {
  std::vector<uint8_t> message(size);
  Random random{seed};
  for (uint8_t& byte : message) byte = static_cast<uint8_t>(random.next());
  return message;
}

bool same(ByteSpan a, const std::vector<uint8_t>& b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin());
}

/// Pushes and pops messages of all sizes in random order and compares every byte.
void exchange(RingProducer& producer, RingConsumer& consumer, int rounds) {
  MessageBuffer buffer;
  Random random{7};
  uint64_t sent = 0, received = 0;
  while (received < static_cast<uint64_t>(rounds)) {
    const auto message = message_of(Random{sent}.below(kMaxMessageBytes + 1), sent);
    if (random.chance(1, 2)) {
      const uint64_t sequence = producer.next_sequence();
      const Push push = producer.try_push(message);
      REQUIRE(push != Push::kCorrupt);
      if (push == Push::kDone) ++sent;
      REQUIRE((push == Push::kDone) == (producer.next_sequence() != sequence));
      continue;
    }
    REQUIRE(consumer.peek_ready() == (received < sent));
    const Popped popped = consumer.try_pop(buffer.span());
    REQUIRE(popped.state == (received < sent ? Pop::kMessage : Pop::kEmpty));
    if (popped.state != Pop::kMessage) continue;
    const size_t size = Random{received}.below(kMaxMessageBytes + 1);
    REQUIRE(same(popped.bytes, message_of(size, received)));
    ++received;
  }
}

}  // namespace

TEST_CASE("messages of every size arrive whole and in order over many laps") {
  TestRing ring{64};
  RingProducer producer{ring.for_producer()};
  RingConsumer consumer{ring.for_consumer()};
  exchange(producer, consumer, 3000);
  CHECK(producer.produced() > 20 * ring.count);
}

TEST_CASE("the 32-bit sequence in a slot wraps without a message lost or repeated") {
  TestRing ring{64};
  ring.consumed = (uint64_t{1} << 32) - 1000;
  RingProducer producer{ring.for_producer(), ring.consumed};
  RingConsumer consumer{ring.for_consumer(), ring.consumed};
  exchange(producer, consumer, 1000);
  CHECK(producer.produced() > (uint64_t{1} << 32) + 1000);
}

TEST_CASE("a full ring refuses a message, and takes it when credit has come back") {
  TestRing ring{64};
  RingProducer producer{ring.for_producer()};
  RingConsumer consumer{ring.for_consumer()};
  const auto message = message_of(100, 1);
  for (uint32_t i = 0; i < ring.count; ++i) REQUIRE(producer.try_push(message) == Push::kDone);
  CHECK(producer.room() == 0);
  CHECK_FALSE(producer.has_room(1));
  CHECK(producer.try_push(message) == Push::kNoRoom);

  MessageBuffer buffer;
  REQUIRE(consumer.try_pop(buffer.span()).state == Pop::kMessage);
  CHECK(producer.room() == 0);  // credit comes in lots, not per slot
  consumer.publish_credit();
  CHECK(producer.room() == 1);
  CHECK(producer.try_push(message) == Push::kDone);
}

TEST_CASE("a consumer that drains returns credit at least every eighth of the ring") {
  TestRing ring{64};
  RingProducer producer{ring.for_producer()};
  RingConsumer consumer{ring.for_consumer()};
  for (int i = 0; i < 64; ++i) REQUIRE(producer.try_push({}) == Push::kDone);
  MessageBuffer buffer;
  for (int i = 0; i < 9; ++i) REQUIRE(consumer.try_pop(buffer.span()).state == Pop::kMessage);
  CHECK(producer.room() == 8);
  for (int i = 9; i < 64; ++i) REQUIRE(consumer.try_pop(buffer.span()).state == Pop::kMessage);
  REQUIRE(consumer.try_pop(buffer.span()).state == Pop::kEmpty);
  CHECK(producer.room() == 64);
}

TEST_CASE("the slots of the message popped last are not yet given back") {
  TestRing ring{64};
  RingProducer producer{ring.for_producer()};
  RingConsumer consumer{ring.for_consumer()};
  MessageBuffer buffer;
  REQUIRE(producer.try_push(message_of(4096, 1)) == Push::kDone);  // well over an eighth
  REQUIRE(consumer.try_pop(buffer.span()).state == Pop::kMessage);
  CHECK(consumer.credited() == 0);
}

namespace {

/// Dies (throws) at the n-th access that another process could see.
struct MortalAtomics : HardwareAtomics {
  struct Killed {};
  inline static int left = 0;
  static void live() {
    if (left-- == 0) throw Killed{};
  }
  static void store_release(uint64_t* word, uint64_t value) {
    live();
    HardwareAtomics::store_release(word, value);
  }
  static void copy_in(uint8_t* shared, const uint8_t* from, size_t size) {
    for (size_t i = 0; i < size; ++i) {
      live();
      shared[i] = from[i];
    }
  }
};

}  // namespace

TEST_CASE("a producer killed at any store leaves whole messages, then an empty ring") {
  const std::vector<size_t> sizes{50, 300, 0, 1000, kPayload, kPayload + 1};
  int died = 0;
  for (int store = 0;; ++store) {
    TestRing ring{16};
    BasicRingProducer<MortalAtomics, kSlotBytes> producer{ring.for_producer()};
    RingConsumer consumer{ring.for_consumer()};
    MessageBuffer buffer;
    size_t received = 0;
    MortalAtomics::left = store;
    bool killed = false;
    for (size_t sent = 0; sent < sizes.size() && !killed; ++sent) {
      size_t pushed = sent;  // those the consumer must see
      try {
        if (producer.try_push(message_of(sizes[sent], sent)) == Push::kDone) ++pushed;
      } catch (const MortalAtomics::Killed&) {
        killed = true;
      }
      REQUIRE((killed || pushed == sent + 1));
      for (; received < pushed; ++received) {
        const Popped popped = consumer.try_pop(buffer.span());
        REQUIRE(popped.state == Pop::kMessage);
        REQUIRE(same(popped.bytes, message_of(sizes[received], received)));
      }
      REQUIRE(consumer.try_pop(buffer.span()).state == Pop::kEmpty);
    }
    if (!killed) break;
    ++died;
  }
  CHECK(died > 1500);  // every byte and every header was a place to die
}

TEST_CASE("credit that falls or passes what was produced is corrupt, and stays so") {
  TestRing ring{16};
  RingProducer producer{ring.for_producer()};
  for (int i = 0; i < 16; ++i) REQUIRE(producer.try_push({}) == Push::kDone);
  SECTION("beyond what was produced") { ring.consumed = 17; }
  SECTION("below what it was") {
    ring.consumed = 8;
    REQUIRE(producer.room() == 8);
    ring.consumed = 7;
  }
  CHECK(producer.room() == 0);
  ring.consumed = 8;
  CHECK(producer.corrupt());
  CHECK(producer.has_room(1));  // so that a waiting producer wakes up and learns it
  for (int i = 0; i < 8; ++i) {
    if (producer.try_push({}) == Push::kCorrupt) break;
  }
  CHECK(producer.try_push({}) == Push::kCorrupt);
}

TEST_CASE("a slot that breaks the format is corrupt, and stays so") {
  TestRing ring{16};
  RingProducer producer{ring.for_producer()};
  RingConsumer consumer{ring.for_consumer()};
  MessageBuffer buffer;
  constexpr uint16_t kLast = 60;  // bytes in the third slot
  constexpr uint16_t kLength = 2 * kPayload + kLast;
  REQUIRE(producer.try_push(message_of(kLength, 1)) == Push::kDone);
  SECTION("longer than any message") {
    ring.write_header(0, {.sequence = 1, .length = 4097, .flags = SlotHeader::kFirst});
  }
  SECTION("longer than the ring") {
    ring.write_header(0, {.sequence = 1, .length = 16 * kPayload + 1, .flags = SlotHeader::kFirst});
  }
  SECTION("longer than what was published") {
    ring.write_header(0,
                      {.sequence = 1, .length = kLength + kPayload, .flags = SlotHeader::kFirst});
  }
  SECTION("a continuation where a message begins") {
    ring.write_header(0, {.sequence = 1, .length = kLength, .flags = SlotHeader::kContinuation});
  }
  SECTION("no flags") { ring.write_header(0, {.sequence = 1, .length = kLength, .flags = 0}); }
  SECTION("unknown flags") { ring.write_header(0, {.sequence = 1, .length = kLength, .flags = 5}); }
  SECTION("a beginning where a continuation must be") {
    ring.write_header(1, {.sequence = 2, .length = kPayload, .flags = SlotHeader::kFirst});
  }
  SECTION("a continuation of another lap") {
    ring.write_header(2, {.sequence = 3 + 16, .length = kLast, .flags = SlotHeader::kContinuation});
  }
  SECTION("a continuation of another length") {
    ring.write_header(2, {.sequence = 3, .length = kLast + 1, .flags = SlotHeader::kContinuation});
  }
  CHECK(consumer.peek_ready());
  CHECK(consumer.try_pop(buffer.span()).state == Pop::kCorrupt);
  std::fill(ring.memory.begin(), ring.memory.end(), 0);
  CHECK(consumer.try_pop(buffer.span()).state == Pop::kCorrupt);
  CHECK(consumer.peek_ready());
  CHECK(consumer.consumed() == 0);
}

TEST_CASE("a slot of an old lap, or of one to come, is not a message") {
  TestRing ring{16};
  RingConsumer consumer{ring.for_consumer()};
  MessageBuffer buffer;
  ring.write_header(0, {.sequence = 17, .length = 8, .flags = SlotHeader::kFirst});
  CHECK(consumer.try_pop(buffer.span()).state == Pop::kEmpty);
  CHECK_FALSE(consumer.peek_ready());
}
