// The daemon's queue of work to one worker: a ring whose messages can be taken back until claimed.
//
//   queued ──▶ started   the worker, before it runs the message
//      └─────▶ revoked   the daemon, to give the work to somebody else
//
// Beside the ring lies an array with one claim word per slot, which both sides write:
// sequence of the message's first slot << 2 | state. Both transitions compare and exchange the
// whole word, so exactly one wins, and a late one of an old lap finds another sequence and fails.
// One more word, `cancel`, holds the sequence of the running message that shall stop.
//
// A hostile worker can spoil only what becomes of its own work: the daemon reads a word that makes
// no sense as started, the answer that promises least.
#pragma once

#include <cstdint>

#include "common/shm/ring.h"

namespace rayd::shm {

enum class ClaimState : uint8_t { kQueued = 1, kStarted = 2, kRevoked = 3 };
enum class Revoke : uint8_t {
  kRevoked,  // the worker will never run it
  kTooLate,  // the worker has it, or had it
};

struct ClaimMemory {
  uint64_t* claims = nullptr;  // one word per slot of the work ring
  uint64_t* cancel = nullptr;
};

constexpr uint64_t claim_word(uint64_t sequence, ClaimState state) {
  return sequence << 2 | static_cast<uint64_t>(state);
}

/// The daemon's side.
template <class Atomics, size_t kBytes>
class BasicWorkProducer {
 public:
  BasicWorkProducer(ProducerMemory ring, ClaimMemory memory)
      : ring_(ring), count_(ring.count), memory_(memory) {}

  /// As BasicRingProducer::try_push. The message's name is next_sequence() before the call.
  Push try_push(ByteSpan message) {
    if (!ring_.has_room(message.size())) return Push::kNoRoom;
    if (ring_.corrupt()) return Push::kCorrupt;  // and leave the claim words as they are
    const uint64_t sequence = ring_.next_sequence();
    Atomics::store_relaxed(word_of(sequence), claim_word(sequence, ClaimState::kQueued));
    return ring_.try_push(message);  // its release store publishes the claim word too
  }

  /// Takes a message back if the worker has not claimed it.
  Revoke revoke(uint64_t sequence) {
    return Atomics::compare_exchange(word_of(sequence),
                                     {claim_word(sequence, ClaimState::kQueued),
                                      claim_word(sequence, ClaimState::kRevoked)})
               ? Revoke::kRevoked
               : Revoke::kTooLate;
  }

  /// What became of a message. Once its slot carries a newer one it was claimed (or revoked by us,
  /// which the caller knows): a slot returns only after that.
  ClaimState state(uint64_t sequence) const {
    const uint64_t word = Atomics::load_acquire(word_of(sequence));
    if (word == claim_word(sequence, ClaimState::kQueued)) return ClaimState::kQueued;
    if (word == claim_word(sequence, ClaimState::kRevoked)) return ClaimState::kRevoked;
    return ClaimState::kStarted;
  }

  /// Asks the worker to stop what it runs, if it is this message.
  void cancel(uint64_t sequence) { Atomics::store_release(memory_.cancel, sequence); }

  uint32_t room() { return ring_.room(); }
  bool has_room(size_t size) { return ring_.has_room(size); }
  uint64_t produced() const { return ring_.produced(); }
  uint64_t next_sequence() const { return ring_.next_sequence(); }
  bool corrupt() const { return ring_.corrupt(); }
  /// All that it knows beside its memory, for tests.
  auto state() const { return ring_.state(); }

 private:
  uint64_t* word_of(uint64_t sequence) const {
    return memory_.claims + ((sequence - 1) & (count_ - 1));
  }

  BasicRingProducer<Atomics, kBytes> ring_;
  uint64_t count_;
  ClaimMemory memory_;
};

/// The worker's side.
template <class Atomics, size_t kBytes>
class BasicWorkConsumer {
 public:
  BasicWorkConsumer(ConsumerMemory ring, ClaimMemory memory)
      : ring_(ring), count_(ring.count), memory_(memory) {}

  /// Takes and claims the next message that was not revoked; the caller must run it now.
  Popped try_claim(std::span<uint8_t> buffer) {
    for (uint32_t looked = 0; looked < count_; ++looked) {
      const Popped popped = ring_.try_pop(buffer);
      if (popped.state != Pop::kMessage) return popped;
      if (claim(popped.sequence)) return popped;
    }
    return {.state = Pop::kEmpty};  // all were revoked; more may follow
  }

  /// True when the daemon has asked for this message to stop. Cheap: one load.
  bool cancelled(uint64_t sequence) const {
    return Atomics::load_relaxed(memory_.cancel) == sequence;
  }

  bool peek_ready() const { return ring_.peek_ready(); }
  void publish_credit() { ring_.publish_credit(); }
  uint64_t consumed() const { return ring_.consumed(); }
  uint64_t credited() const { return ring_.credited(); }
  bool corrupt() const { return ring_.corrupt(); }
  /// All that it knows beside its memory, for tests.
  auto state() const { return ring_.state(); }

 private:
  bool claim(uint64_t sequence) {
    return Atomics::compare_exchange(
        memory_.claims + ((sequence - 1) & (count_ - 1)),
        {claim_word(sequence, ClaimState::kQueued), claim_word(sequence, ClaimState::kStarted)});
  }

  BasicRingConsumer<Atomics, kBytes> ring_;
  uint64_t count_;
  ClaimMemory memory_;
};

using WorkProducer = BasicWorkProducer<HardwareAtomics, kSlotBytes>;
using WorkConsumer = BasicWorkConsumer<HardwareAtomics, kSlotBytes>;

}  // namespace rayd::shm
