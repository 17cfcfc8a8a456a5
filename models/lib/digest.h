// The digest of a grid: one number that proves that two runs ended in the same state.
//
// The sum, modulo 2^64, over all cells whose state is not 0, of a hash of (cell, state). A sum does
// not depend on the order, so each tile adds up its own part.
#pragma once

#include <cstdint>
#include <string>

namespace ray::model {

constexpr uint64_t splitmix64(uint64_t value) {
  uint64_t z = value + 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

struct CellState {
  uint64_t id = 0;  ///< y * W + x
  uint8_t state = 0;
};

/// What a cell adds to the digest of its grid.
constexpr uint64_t digest_part(const CellState& cell) {
  return cell.state == 0 ? 0 : splitmix64(cell.id * 256 + cell.state);
}

/// 16 hexadecimal digits.
inline std::string digest_text(uint64_t digest) {
  std::string text(16, '0');
  for (int i = 15; i >= 0; --i, digest >>= 4)
    text[static_cast<size_t>(i)] = "0123456789abcdef"[digest & 15];
  return text;
}

}  // namespace ray::model
