// A ring of slots in shared memory: one producer, one consumer, no shared head or tail.
//
//   slot p mod n:  | sequence u32 | length u16 | flags u16 | payload … |      (one per position p)
//                  `------- one 8-byte word ---------------'
//
// Positions count from 0 for ever; the slot of position p carries sequence p + 1 once it is
// published. A message takes the next one or more positions. Its continuation slots are filled and
// published first, its first slot last and with a release store, so a message is either wholly
// visible or not at all: a producer killed at any instruction leaves an unpublished slot.
// The consumer writes how many positions it has finished with into a word of its own (the credit);
// the producer never writes further than that word plus n.
//
// Both sides are hostile input to each other. The consumer copies a slot's header word once,
// gathers the message into private memory and only then returns it; what does not follow the format
// is kCorrupt, for ever. The producer believes the credit only if it never falls and never passes
// what was produced. Nothing a peer writes leads outside the ring or into an endless loop.
//
// Threads: each object belongs to one thread at a time. Templates over the atomics policy
// (atomics.h) and the slot size, a multiple of 8.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/shm/atomics.h"

namespace rayd::shm {

/// The longest message. Longer things travel through an arena.
inline constexpr size_t kMaxMessageBytes = 4096;
/// Three cache lines, so that what travels most (a call, its completion and its result: 128 to 176
/// bytes) takes one slot. tests/bench/ring_bench.cc, push and pop of 136 bytes by one thread: 14 to
/// 20 ns, against 26 to 29 with 128-byte and 23 to 26 with 64-byte slots; 256-byte slots, 14 ns,
/// cost a third more memory.
inline constexpr size_t kSlotBytes = 192;

enum class Push : uint8_t {
  kDone,
  kNoRoom,   // try again when the consumer has returned credit
  kCorrupt,  // the consumer's credit is impossible; stays so
};

enum class Pop : uint8_t {
  kMessage,
  kEmpty,
  kCorrupt,  // the producer broke the format; stays so
};

struct Popped {
  Pop state = Pop::kEmpty;
  ByteSpan bytes;         // in the caller's buffer
  uint64_t sequence = 0;  // of the message's first slot
};

/// Private memory for one message, aligned for Cap'n Proto words.
struct MessageBuffer {
  alignas(16) uint8_t bytes[kMaxMessageBytes];
  std::span<uint8_t> span() { return bytes; }
};

/// The header word of a slot, as a value.
struct SlotHeader {
  uint32_t sequence = 0;
  uint16_t length = 0;  // of the whole message in a first slot, of this slot in a continuation
  uint16_t flags = 0;
  static constexpr uint16_t kFirst = 1;
  static constexpr uint16_t kContinuation = 2;

  constexpr uint64_t word() const {
    return uint64_t{sequence} | uint64_t{length} << 32 | uint64_t{flags} << 48;
  }
  static constexpr SlotHeader from_word(uint64_t word) {
    return {static_cast<uint32_t>(word), static_cast<uint16_t>(word >> 32),
            static_cast<uint16_t>(word >> 48)};
  }
};

template <size_t kBytes>
struct SlotGeometry {
  static_assert(kBytes >= 16 && kBytes % 8 == 0);
  static constexpr size_t kHeader = 8;
  static constexpr size_t kPayload = kBytes - kHeader;
  /// How many slots a message of `size` bytes takes; an empty one takes one.
  static constexpr uint32_t slots_for(size_t size) {
    return size <= kPayload ? 1 : static_cast<uint32_t>((size + kPayload - 1) / kPayload);
  }
};

/// A fresh ring is memory of zeros. `slots` is a power of two; `count * slot size` bytes at
/// `slots`.
struct ProducerMemory {
  uint8_t* slots = nullptr;
  uint32_t count = 0;
  const uint64_t* consumed = nullptr;  // written by the consumer
};
struct ConsumerMemory {
  const uint8_t* slots = nullptr;
  uint32_t count = 0;
  uint64_t* consumed = nullptr;
};

template <class Atomics, size_t kBytes>
class BasicRingProducer {
 public:
  using Geometry = SlotGeometry<kBytes>;

  /// Both sides, and the credit word, begin at the same position.
  explicit BasicRingProducer(ProducerMemory memory, uint64_t start = 0)
      : memory_(memory), produced_(start), consumed_(start) {
    RAY_CHECK(std::has_single_bit(memory.count));
  }

  /// Publishes one message, without ringing: publish several, then ring once.
  /// Precondition: it fits kMaxMessageBytes and the ring.
  Push try_push(ByteSpan message) {
    const uint32_t needed = Geometry::slots_for(message.size());
    RAY_CHECK(message.size() <= kMaxMessageBytes && needed <= memory_.count);
    if (produced_ + needed - consumed_ > memory_.count) {
      if (!read_credit()) return Push::kCorrupt;
      if (produced_ + needed - consumed_ > memory_.count) return Push::kNoRoom;
    }
    for (uint32_t part = 1; part < needed; ++part) write_slot(part, message);
    write_slot(0, message);
    produced_ += needed;
    return Push::kDone;
  }

  /// True when a message of `size` bytes can be pushed now, or when the ring is corrupt.
  bool has_room(size_t size) {
    const uint32_t needed = Geometry::slots_for(size);
    if (produced_ + needed - consumed_ <= memory_.count) return true;
    return !read_credit() || produced_ + needed - consumed_ <= memory_.count;
  }

  /// Slots that are free now.
  uint32_t room() {
    if (!read_credit()) return 0;
    return static_cast<uint32_t>(memory_.count - (produced_ - consumed_));
  }

  /// The credit as it stands, without judging it: changes when the consumer returns slots. One
  /// load; any thread may call it.
  uint64_t peek_credit() const { return Atomics::load_acquire(memory_.consumed); }

  /// Slots published so far: the sequence number of the last one.
  uint64_t produced() const { return produced_; }
  /// The sequence number that the next message will have.
  uint64_t next_sequence() const { return produced_ + 1; }
  bool corrupt() const { return corrupt_; }
  /// All that it knows beside its memory, for tests.
  std::array<uint64_t, 3> state() const { return {produced_, consumed_, corrupt_ ? 1u : 0u}; }

 private:
  bool read_credit() {
    if (corrupt_) return false;
    const uint64_t credit = Atomics::load_acquire(memory_.consumed);
    if (credit < consumed_ || credit > produced_) {
      corrupt_ = true;
      return false;
    }
    consumed_ = credit;
    return true;
  }

  void write_slot(uint32_t part, ByteSpan message) {
    const uint64_t position = produced_ + part;
    uint8_t* slot = memory_.slots + (position & (memory_.count - 1)) * kBytes;
    const size_t begin = part * Geometry::kPayload;
    const size_t size = std::min(message.size() - begin, Geometry::kPayload);
    if (size > 0) Atomics::copy_in(slot + Geometry::kHeader, message.data() + begin, size);
    const SlotHeader header{.sequence = static_cast<uint32_t>(position + 1),
                            .length = static_cast<uint16_t>(part == 0 ? message.size() : size),
                            .flags = part == 0 ? SlotHeader::kFirst : SlotHeader::kContinuation};
    Atomics::store_release(reinterpret_cast<uint64_t*>(slot), header.word());
  }

  ProducerMemory memory_;
  uint64_t produced_;
  uint64_t consumed_;  // the newest credit we believed
  bool corrupt_ = false;
};

template <class Atomics, size_t kBytes>
class BasicRingConsumer {
 public:
  using Geometry = SlotGeometry<kBytes>;

  /// Both sides, and the credit word, begin at the same position.
  explicit BasicRingConsumer(ConsumerMemory memory, uint64_t start = 0)
      : memory_(memory), consumed_(start), credited_(start) {
    RAY_CHECK(std::has_single_bit(memory.count));
  }

  /// Takes the next message into `buffer`. The slots of messages that earlier calls returned go
  /// back to the producer now and then, and always when the ring is found empty; those of the
  /// message returned last are still ours. Precondition: `buffer` holds kMaxMessageBytes.
  Popped try_pop(std::span<uint8_t> buffer) {
    RAY_CHECK(buffer.size() >= kMaxMessageBytes);
    if (corrupt_) return {.state = Pop::kCorrupt};
    if (consumed_ - credited_ >= (memory_.count + 7) / 8) publish_credit();
    const SlotHeader first = SlotHeader::from_word(Atomics::load_acquire(header_of(consumed_)));
    if (first.sequence != static_cast<uint32_t>(consumed_ + 1)) {
      publish_credit();
      return {.state = Pop::kEmpty};
    }
    const uint32_t parts = Geometry::slots_for(first.length);
    if (first.flags != SlotHeader::kFirst || first.length > kMaxMessageBytes ||
        parts > memory_.count || !gather(first.length, buffer)) {
      corrupt_ = true;
      return {.state = Pop::kCorrupt};
    }
    const uint64_t sequence = consumed_ + 1;
    consumed_ += parts;
    return {.state = Pop::kMessage,
            .bytes = ByteSpan{buffer.data(), first.length},
            .sequence = sequence};
  }

  /// True when try_pop would return something else than kEmpty.
  bool peek_ready() const {
    if (corrupt_) return true;
    const SlotHeader first = SlotHeader::from_word(Atomics::load_acquire(header_of(consumed_)));
    return first.sequence == static_cast<uint32_t>(consumed_ + 1);
  }

  /// Returns the slots of every message popped so far to the producer.
  void publish_credit() {
    if (credited_ == consumed_) return;
    credited_ = consumed_;
    Atomics::store_release(memory_.consumed, consumed_);
  }

  /// Slots popped so far: the sequence number of the last one.
  uint64_t consumed() const { return consumed_; }
  /// Slots returned to the producer so far.
  uint64_t credited() const { return credited_; }
  bool corrupt() const { return corrupt_; }
  /// All that it knows beside its memory, for tests.
  std::array<uint64_t, 3> state() const { return {consumed_, credited_, corrupt_ ? 1u : 0u}; }

 private:
  const uint8_t* slot_of(uint64_t position) const {
    return memory_.slots + (position & (memory_.count - 1)) * kBytes;
  }
  const uint64_t* header_of(uint64_t position) const {
    return reinterpret_cast<const uint64_t*>(slot_of(position));
  }

  /// Copies `length` bytes from the slots at consumed_, whose continuations must all be published:
  /// an honest producer published them before the first.
  bool gather(size_t length, std::span<uint8_t> buffer) {
    for (size_t begin = 0, part = 0; begin < length || part == 0; ++part) {
      const size_t size = std::min(length - begin, Geometry::kPayload);
      const uint64_t position = consumed_ + part;
      if (part > 0) {
        const SlotHeader expected{.sequence = static_cast<uint32_t>(position + 1),
                                  .length = static_cast<uint16_t>(size),
                                  .flags = SlotHeader::kContinuation};
        if (Atomics::load_acquire(header_of(position)) != expected.word()) return false;
      }
      if (size == 0) break;
      Atomics::copy_out(buffer.data() + begin, slot_of(position) + Geometry::kHeader, size);
      begin += size;
    }
    return true;
  }

  ConsumerMemory memory_;
  uint64_t consumed_;
  uint64_t credited_;
  bool corrupt_ = false;
};

using RingProducer = BasicRingProducer<HardwareAtomics, kSlotBytes>;
using RingConsumer = BasicRingConsumer<HardwareAtomics, kSlotBytes>;

}  // namespace rayd::shm
