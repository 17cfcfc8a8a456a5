// The bytes of a fuzzer's input, taken one after the other; what is beyond their end is 0, or
// empty.
#pragma once

#include <algorithm>
#include <cstring>

#include "common/base/bytes.h"

namespace rayd::fuzz {

class Input {
 public:
  Input(const uint8_t* data, size_t size) : rest_(data, size) {}
  bool is_empty() const { return rest_.empty(); }
  template <class T>
  T take() {
    T value = 0;
    const ByteSpan bytes = take(sizeof(T));
    if (!bytes.empty()) std::memcpy(&value, bytes.data(), bytes.size());
    return value;
  }
  ByteSpan take(size_t size) {
    const ByteSpan taken = rest_.first(std::min(size, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }
  /// Small ones often: of 1 to 8 bytes.
  uint64_t number() {
    uint64_t number = 0;
    const ByteSpan bytes = take(size_t{1} + take<uint8_t>() % 8);
    if (!bytes.empty()) std::memcpy(&number, bytes.data(), bytes.size());
    return number;
  }

 private:
  ByteSpan rest_;
};

}  // namespace rayd::fuzz
