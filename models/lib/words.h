// Messages between the parts of a model, as words of 64 bits: written one after the other, read
// back in the same order. They travel between processes of one build only, as one raw copy.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace ray::model {

using Words = std::vector<uint64_t>;

inline void put_text(Words& words, std::string_view text) {
  words.push_back(text.size());
  for (size_t i = 0; i < text.size(); i += 8) {
    uint64_t word = 0;
    for (size_t j = i; j < std::min(i + 8, text.size()); ++j) {
      word |= uint64_t{static_cast<uint8_t>(text[j])} << (j - i) * 8;
    }
    words.push_back(word);
  }
}

/// Throws std::runtime_error instead of reading beyond the end.
class WordReader {
 public:
  explicit WordReader(std::span<const uint64_t> words) : words_(words) {}

  bool ended() const { return words_.empty(); }
  uint64_t take() { return take(1)[0]; }
  int64_t take_int() { return static_cast<int64_t>(take()); }
  std::span<const uint64_t> take(uint64_t count) {
    if (count > words_.size()) throw std::runtime_error("a message of the model ends too early");
    const auto taken = words_.first(count);
    words_ = words_.subspan(count);
    return taken;
  }
  std::string take_text() {
    const uint64_t size = take();
    const auto packed = take(size / 8 + (size % 8 != 0));
    std::string text(size, '\0');
    for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(packed[i / 8] >> i % 8 * 8);
    return text;
  }

 private:
  std::span<const uint64_t> words_;
};

}  // namespace ray::model
