// Bytes: an immutable, shared, counted run of bytes. Cores hold it and pass it on; they never look
// inside. Copying shares; the count is atomic, so a Bytes may cross threads. The bytes are aligned
// to 16.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <string_view>
#include <utility>

namespace rayd {

using ByteSpan = std::span<const uint8_t>;

class Bytes {
 public:
  Bytes() = default;
  Bytes(const Bytes& other) noexcept : block_(other.block_) {
    if (block_ != nullptr) block_->references.fetch_add(1, std::memory_order_relaxed);
  }
  Bytes(Bytes&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Bytes& operator=(Bytes other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~Bytes() {
    if (block_ != nullptr && block_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      ::operator delete(block_);
    }
  }

  /// To be filled in through writable() before it is shared.
  static Bytes uninitialised(size_t size) {
    Bytes bytes;
    if (size > 0) bytes.block_ = new (::operator new(sizeof(Block) + size)) Block{{1}, size};
    return bytes;
  }
  std::span<uint8_t> writable() {
    if (empty()) return {};
    return {reinterpret_cast<uint8_t*>(block_ + 1), block_->size};
  }

  static Bytes copy(ByteSpan span) {
    Bytes bytes = uninitialised(span.size());
    if (!span.empty()) std::memcpy(bytes.writable().data(), span.data(), span.size());
    return bytes;
  }
  static Bytes copy(std::string_view text) {
    return copy(ByteSpan{reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  }

  size_t size() const { return block_ == nullptr ? 0 : block_->size; }
  bool empty() const { return block_ == nullptr; }
  const uint8_t* data() const { return reinterpret_cast<const uint8_t*>(block_ + 1); }
  ByteSpan span() const { return empty() ? ByteSpan{} : ByteSpan{data(), size()}; }
  std::string_view text() const {
    return empty() ? std::string_view{}
                   : std::string_view{reinterpret_cast<const char*>(data()), size()};
  }

 private:
  struct alignas(16) Block {
    std::atomic<uint32_t> references;
    size_t size;
  };
  static_assert(sizeof(Block) == 16);

  Block* block_ = nullptr;
};

}  // namespace rayd
