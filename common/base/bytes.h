// Bytes: an immutable, shared, counted run of bytes. Cores hold it and pass it on; they never look
// inside. Copying shares; the count is atomic, so a Bytes may cross threads.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

namespace rayd {

using ByteSpan = std::span<const uint8_t>;

class Bytes {
 public:
  Bytes() = default;
  static Bytes copy(ByteSpan span) {
    Bytes bytes;
    if (span.empty()) return bytes;
    auto owned = std::make_shared_for_overwrite<uint8_t[]>(span.size());
    std::memcpy(owned.get(), span.data(), span.size());
    bytes.size_ = span.size();
    bytes.data_ = std::move(owned);
    return bytes;
  }
  static Bytes copy(std::string_view text) {
    return copy(ByteSpan{reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const uint8_t* data() const { return data_.get(); }
  ByteSpan span() const { return {data_.get(), size_}; }
  std::string_view text() const { return {reinterpret_cast<const char*>(data_.get()), size_}; }

 private:
  std::shared_ptr<const uint8_t[]> data_;
  size_t size_ = 0;
};

}  // namespace rayd
