// BitGrid: a rectangle of two-state cells, 64 to a word, each row beginning at a word.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace ray::model {

class BitGrid {
 public:
  BitGrid() = default;
  BitGrid(int64_t width, int64_t height)
      : width_(width),
        height_(height),
        stride_((width + 63) / 64),
        words_(static_cast<size_t>(stride_ * height)) {}

  int64_t width() const { return width_; }
  int64_t height() const { return height_; }
  /// Words a row.
  int64_t stride() const { return stride_; }
  uint64_t* row(int64_t y) { return words_.data() + y * stride_; }
  const uint64_t* row(int64_t y) const { return words_.data() + y * stride_; }

  bool get(int64_t x, int64_t y) const { return row(y)[x >> 6] >> (x & 63) & 1; }
  void set(int64_t x, int64_t y) { row(y)[x >> 6] |= uint64_t{1} << (x & 63); }

  int64_t count() const {
    int64_t count = 0;
    for (const uint64_t word : words_) count += std::popcount(word);
    return count;
  }
  /// Bits beyond the width of a row are 0 in a well-made grid.
  std::vector<uint64_t>& words() { return words_; }
  const std::vector<uint64_t>& words() const { return words_; }

  friend bool operator==(const BitGrid&, const BitGrid&) = default;

 private:
  int64_t width_ = 0;
  int64_t height_ = 0;
  int64_t stride_ = 0;
  std::vector<uint64_t> words_;
};

}  // namespace ray::model
