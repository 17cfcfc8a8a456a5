// The atomics policy of ring and bell: every access to a word or to bytes that a peer also touches.
//
// Ring, claims and bell are templates over it, so that one test can put a scheduler with a weak
// memory model in its place and try every interleaving
// (tests/unit/common/shm/interleaving_test.cc). A policy is a type with these static functions;
// words are 8-byte aligned.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace rayd::shm {

/// What compare_exchange turns into what.
struct Exchange {
  uint64_t from = 0;
  uint64_t to = 0;
};

/// The machine's own.
struct HardwareAtomics {
  static uint64_t load_acquire(const uint64_t* word) {
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
  }
  static uint64_t load_relaxed(const uint64_t* word) {
    return __atomic_load_n(word, __ATOMIC_RELAXED);
  }
  static void store_release(uint64_t* word, uint64_t value) {
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
  }
  static void store_relaxed(uint64_t* word, uint64_t value) {
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
  }
  /// True when `word` was `change.from` and is now `change.to`.
  static bool compare_exchange(uint64_t* word, Exchange change) {
    return __atomic_compare_exchange_n(word, &change.from, change.to, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
  }
  /// Sequentially consistent: orders the stores before it against the loads after it.
  static void fence() {
#if defined(__SANITIZE_THREAD__)
    static std::atomic<int> order{0};  // TSan does not understand fences, but it does this.
    order.fetch_add(1, std::memory_order_seq_cst);
#else
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
  }
  /// Plain copies: what they race with is only a peer that breaks the protocol, and then the bytes
  /// are judged after they have been gathered.
  static void copy_in(uint8_t* shared, const uint8_t* from, size_t size) {
    std::memcpy(shared, from, size);
  }
  static void copy_out(uint8_t* to, const uint8_t* shared, size_t size) {
    std::memcpy(to, shared, size);
  }
};

}  // namespace rayd::shm
