// Arena: gives out 64-byte aligned pieces of a granted extent, without a round trip.
//
// Pure arithmetic over {offset, length}: it knows nothing of memory. The client that was granted
// the extent is the only one that allocates in it; pieces come back one way only, as the daemon
// frees the objects in them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "common/base/check.h"
#include "common/shm/extent.h"

namespace rayd::shm {

inline constexpr uint64_t kObjectAlignment = 64;

class Arena {
 public:
  Arena() = default;
  /// Precondition: the extent's offset is a multiple of 64.
  explicit Arena(Extent extent) : next_(extent.offset), end_(extent.end()) {
    RAY_CHECK(extent.offset % kObjectAlignment == 0 && end_ >= next_);
  }

  /// A piece of exactly `size` bytes at a multiple of 64, or nothing when it does not fit.
  std::optional<Extent> allocate(uint64_t size) {
    if (size > end_ - next_) return std::nullopt;
    const Extent piece{next_, size};
    next_ += std::min(round_up(size), end_ - next_);
    return piece;
  }

  /// Takes back the end of the piece that was allocated last, of which only `used` bytes are
  /// needed (0: none). Precondition: it was the last, and used ≤ its length.
  void shrink_last(Extent piece, uint64_t used) {
    RAY_CHECK(used <= piece.length && piece.offset + used <= next_ &&
              piece.offset + round_up(piece.length) >= next_);
    next_ = std::min(piece.offset + round_up(used), end_);
  }

  uint64_t remaining() const { return end_ - next_; }

 private:
  static constexpr uint64_t round_up(uint64_t size) {
    return (size + kObjectAlignment - 1) & ~(kObjectAlignment - 1);
  }

  uint64_t next_ = 0;
  uint64_t end_ = 0;
};

}  // namespace rayd::shm
