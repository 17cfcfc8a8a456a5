// Runs of bits at any offset inside rows of words: reading 64 of them, and copying them.
#pragma once

#include <cstdint>

namespace ray::model::life {

/// The 64 bits from bit `at` on. Reads the word of the first bit, and the next one only when it
/// holds some of them.
inline uint64_t bits_at(const uint64_t* row, int64_t at) {
  const uint64_t* word = row + (at >> 6);
  const int shift = static_cast<int>(at & 63);
  return shift == 0 ? word[0] : word[0] >> shift | word[1] << (64 - shift);
}

/// A word whose lowest `count` bits are set, 0 ≤ count ≤ 64.
inline uint64_t low_bits(int64_t count) {
  return count >= 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
}

/// Writes the lowest `count` bits (1 … 64) of `bits` to bit `at` on, and leaves all others.
inline void put_bits(uint64_t* row, int64_t at, uint64_t bits, int64_t count) {
  uint64_t* word = row + (at >> 6);
  const int shift = static_cast<int>(at & 63);
  const uint64_t mask = low_bits(count);
  word[0] = (word[0] & ~(mask << shift)) | (bits & mask) << shift;
  if (shift + count > 64) {
    const int low = 64 - shift;
    word[1] = (word[1] & ~(mask >> low)) | (bits & mask) >> low;
  }
}

}  // namespace ray::model::life
