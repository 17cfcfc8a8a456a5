// Fragments: how a message longer than a ring takes at once travels through it.
//
// A short message is pushed as it is. A long one becomes parts, each with one word in front whose
// low bits (3) no message of ours begins with:
//
//   | 3 in 2 bits | first 1 | last 1 | zero 28 | total bytes u32 | part …
//
// A part that begins a message discards what was unfinished: the work ring's daemon may take back
// the last part of a long call, and the next message then begins anew. Pure.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace rayd::wire {

/// The longest message that travels in parts.
inline constexpr size_t kMaxFragmentedBytes = size_t{16} << 20;

class Fragments {
 public:
  /// `limit` is the ring's longest message, a multiple of 8. `message` lives as long as this.
  Fragments(ByteSpan message, size_t limit)
      : rest_(message), total_(message.size()), limit_(limit) {}

  /// The next part, valid until the next call; empty when there is none left.
  ByteSpan next();

 private:
  ByteSpan rest_;
  size_t total_;
  size_t limit_;
  std::vector<uint8_t> part_;
};

class Reassembler {
 public:
  /// What a ring message completes: a whole message (8-byte aligned, valid until the next call), or
  /// an empty span while parts are missing. `piece` is 8-byte aligned. kCorrupt: no honest peer
  /// sends this.
  Result<ByteSpan> add(ByteSpan piece);

 private:
  std::vector<uint64_t> words_;
  size_t filled_ = 0;
  size_t total_ = 0;  // 0: nothing is unfinished
};

}  // namespace rayd::wire
