#include "common/shm/work_ring.h"

#include <vector>

#include "tests/unit/catch.h"

using namespace rayd;
using namespace rayd::shm;

namespace {

struct WorkMemory {
  static constexpr uint32_t kCount = 64;
  alignas(8) uint8_t slots[kCount * kSlotBytes] = {};
  uint64_t consumed = 0;
  uint64_t claims[kCount] = {};
  uint64_t cancel = 0;

  WorkProducer producer() { return {ProducerMemory{slots, kCount, &consumed}, {claims, &cancel}}; }
  WorkConsumer consumer() { return {ConsumerMemory{slots, kCount, &consumed}, {claims, &cancel}}; }
};

const uint8_t kMessage[] = {1, 2, 3};

}  // namespace

TEST_CASE("work that was claimed cannot be revoked") {
  WorkMemory memory;
  auto producer = memory.producer();
  auto consumer = memory.consumer();
  MessageBuffer buffer;
  const uint64_t sequence = producer.next_sequence();
  REQUIRE(producer.try_push(kMessage) == Push::kDone);
  CHECK(producer.state(sequence) == ClaimState::kQueued);
  const Popped popped = consumer.try_claim(buffer.span());
  REQUIRE(popped.state == Pop::kMessage);
  CHECK(popped.sequence == sequence);
  CHECK(producer.state(sequence) == ClaimState::kStarted);
  CHECK(producer.revoke(sequence) == Revoke::kTooLate);
  CHECK(producer.state(sequence) == ClaimState::kStarted);
}

TEST_CASE("revoked work is skipped, and its slot serves again") {
  WorkMemory memory;
  auto producer = memory.producer();
  auto consumer = memory.consumer();
  MessageBuffer buffer;
  for (int lap = 0; lap < 100; ++lap) {
    const uint64_t first = producer.next_sequence();
    REQUIRE(producer.try_push(kMessage) == Push::kDone);
    const uint64_t second = producer.next_sequence();
    REQUIRE(producer.try_push(std::vector<uint8_t>(500)) == Push::kDone);
    CHECK(producer.revoke(first) == Revoke::kRevoked);
    CHECK(producer.revoke(first) == Revoke::kTooLate);
    CHECK(producer.state(first) == ClaimState::kRevoked);
    const Popped popped = consumer.try_claim(buffer.span());
    REQUIRE(popped.state == Pop::kMessage);
    CHECK(popped.sequence == second);
    CHECK(popped.bytes.size() == 500);
    CHECK(consumer.try_claim(buffer.span()).state == Pop::kEmpty);
  }
}

TEST_CASE("a late revoke of an old lap does not touch the slot's new work") {
  WorkMemory memory;
  auto producer = memory.producer();
  auto consumer = memory.consumer();
  MessageBuffer buffer;
  const uint64_t old = producer.next_sequence();
  for (uint32_t i = 0; i < WorkMemory::kCount; ++i) {
    REQUIRE(producer.try_push(kMessage) == Push::kDone);
    REQUIRE(consumer.try_claim(buffer.span()).state == Pop::kMessage);
    REQUIRE(consumer.try_claim(buffer.span()).state == Pop::kEmpty);
  }
  const uint64_t fresh = producer.next_sequence();
  REQUIRE(fresh == old + WorkMemory::kCount);
  REQUIRE(producer.try_push(kMessage) == Push::kDone);
  CHECK(producer.revoke(old) == Revoke::kTooLate);
  CHECK(producer.state(old) == ClaimState::kStarted);
  CHECK(producer.state(fresh) == ClaimState::kQueued);
  CHECK(consumer.try_claim(buffer.span()).sequence == fresh);
}

TEST_CASE("a claim precedes the credit for its slot") {
  WorkMemory memory;
  auto producer = memory.producer();
  auto consumer = memory.consumer();
  MessageBuffer buffer;
  REQUIRE(producer.try_push(std::vector<uint8_t>(4096)) == Push::kDone);
  REQUIRE(consumer.try_claim(buffer.span()).state == Pop::kMessage);
  CHECK(memory.consumed == 0);
  CHECK(consumer.try_claim(buffer.span()).state == Pop::kEmpty);
  CHECK(memory.consumed == producer.produced());
}

TEST_CASE("cancel names one running message only") {
  WorkMemory memory;
  auto producer = memory.producer();
  auto consumer = memory.consumer();
  CHECK_FALSE(consumer.cancelled(1));
  producer.cancel(2);
  CHECK_FALSE(consumer.cancelled(1));
  CHECK(consumer.cancelled(2));
}

TEST_CASE("claim words full of nonsense read as started, and work goes on") {
  WorkMemory memory;
  auto producer = memory.producer();
  const uint64_t sequence = producer.next_sequence();
  REQUIRE(producer.try_push(kMessage) == Push::kDone);
  for (uint64_t& claim : memory.claims) claim = ~uint64_t{0};
  CHECK(producer.state(sequence) == ClaimState::kStarted);
  CHECK(producer.revoke(sequence) == Revoke::kTooLate);
  CHECK(producer.try_push(kMessage) == Push::kDone);
}

TEST_CASE("a worker with impossible credit gets no more work and keeps its claim words") {
  WorkMemory memory;
  auto producer = memory.producer();
  for (uint32_t i = 0; i < WorkMemory::kCount; ++i) {
    REQUIRE(producer.try_push(kMessage) == Push::kDone);
  }
  memory.consumed = 1000;
  CHECK(producer.try_push(kMessage) == Push::kCorrupt);
  CHECK(producer.corrupt());
  CHECK(producer.state(1) == ClaimState::kQueued);
}
