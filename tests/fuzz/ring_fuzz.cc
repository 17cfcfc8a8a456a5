// The ring against a peer that writes anything into its memory at any time.
//
// The input is a script: each step either lets an honest producer push, or overwrites words of the
// ring and of the credit with bytes of the input, or drains. Whatever comes, a drained message fits
// its buffer, draining ends within one lap, and corruption is for ever.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "common/shm/work_ring.h"

using namespace rayd;
using namespace rayd::shm;

namespace {

constexpr uint32_t kSlots = 64;

struct Input {
  const uint8_t* data;
  size_t size;
  uint64_t number(size_t bytes) {
    uint64_t value = 0;
    const size_t taken = bytes < size ? bytes : size;
    std::memcpy(&value, data, taken);
    data += taken;
    size -= taken;
    return value;
  }
};

class Session {
 public:
  explicit Session(Input input)
      : input_(input),
        producer_({slots(), kSlots, &credit_}, {claims_.data(), &cancel_}),
        consumer_({slots(), kSlots, &credit_}, {claims_.data(), &cancel_}) {}

  void run() {
    while (input_.size > 0) step();
    drain();
  }

 private:
  uint8_t* slots() { return reinterpret_cast<uint8_t*>(memory_.data()); }

  void step() {
    switch (input_.number(1) % 8) {
      case 0: push(); return;
      case 1: drain(); return;
      case 2: {  // any word of the ring
        const uint64_t word = input_.number(2) % memory_.size();
        memory_[word] = input_.number(8);
        return;
      }
      case 3: forge(); return;
      case 4: credit_ = input_.number(8); return;
      case 5: credit_ = producer_.produced() + input_.number(1) - 128; return;
      case 6: claims_[input_.number(1) % kSlots] = input_.number(8); return;
      default: RAY_CHECK(producer_.revoke(1 + input_.number(2)) <= Revoke::kTooLate); return;
    }
  }

  /// Publishes what is expected next: any length and flags, with or without fitting continuations,
  /// which random bytes alone would never hit.
  void forge() {
    const auto length = static_cast<uint16_t>(input_.number(2));
    const auto flags = static_cast<uint16_t>(input_.number(1) % 4);
    const uint64_t first = consumer_.consumed();
    constexpr size_t kPayload = SlotGeometry<kSlotBytes>::kPayload;
    const uint64_t parts = flags % 2 == 1 ? SlotGeometry<kSlotBytes>::slots_for(length) : 1;
    for (uint64_t part = 0; part < parts; ++part) {
      const size_t rest = std::min(length - part * kPayload, kPayload);
      const SlotHeader header{.sequence = static_cast<uint32_t>(first + part + 1),
                              .length = static_cast<uint16_t>(part == 0 ? length : rest),
                              .flags = part == 0 ? flags : SlotHeader::kContinuation};
      memory_[(first + part) % kSlots * kSlotBytes / 8] = header.word();
    }
    claims_[first % kSlots] = claim_word(first + 1, ClaimState::kQueued);
  }

  void push() {
    std::vector<uint8_t> message(input_.number(2) % (kMaxMessageBytes + 1), 0xAB);
    const uint64_t before = producer_.produced();
    const bool was_corrupt = producer_.corrupt();
    const Push push = producer_.try_push(message);
    RAY_CHECK(!was_corrupt || push != Push::kNoRoom);
    RAY_CHECK((push == Push::kDone) == (producer_.produced() > before));
    RAY_CHECK(producer_.room() <= kSlots);
  }

  void drain() {
    for (uint32_t popped = 0;; ++popped) {
      RAY_CHECK(popped <= kSlots);
      const uint64_t before = consumer_.consumed();
      const bool was_corrupt = consumer_.corrupt();
      const Popped got = consumer_.try_claim(buffer_.span());
      RAY_CHECK(!was_corrupt || got.state == Pop::kCorrupt);
      if (got.state != Pop::kMessage) return;
      RAY_CHECK(got.bytes.data() == buffer_.bytes && got.bytes.size() <= kMaxMessageBytes);
      RAY_CHECK(consumer_.consumed() > before && consumer_.consumed() - before <= kSlots);
    }
  }

  Input input_;
  std::vector<uint64_t> memory_ = std::vector<uint64_t>(kSlots * kSlotBytes / 8);
  std::vector<uint64_t> claims_ = std::vector<uint64_t>(kSlots);
  uint64_t credit_ = 0;
  uint64_t cancel_ = 0;
  WorkProducer producer_;
  WorkConsumer consumer_;
  MessageBuffer buffer_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Session{{data, size}}.run();
  return 0;
}
