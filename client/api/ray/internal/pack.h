// Packing: a user's value becomes a SerializedValue. Raw values are only pointed at; the others are
// written as MessagePack into a buffer that also collects the references they contain.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "ray/internal/msgpack.h"
#include "ray/internal/runtime.h"
#include "ray/internal/value_traits.h"

namespace ray::internal {

/// The stream that MessagePack is written into. The first bytes need no allocation.
class PackBuffer {
 public:
  PackBuffer() = default;
  PackBuffer(const PackBuffer&) = delete;
  PackBuffer& operator=(const PackBuffer&) = delete;

  void write(const char* data, size_t size) {
    if (capacity_ - size_ < size) [[unlikely]]
      grow(size);
    __builtin_memcpy(data_ + size_, data, size);
    size_ += size;
  }
  std::span<const uint8_t> bytes() const {
    return {reinterpret_cast<const uint8_t*>(data_), size_};
  }
  std::span<const ObjectId> contained() const { return contained_; }

 private:
  friend class ContainedCollector;
  void grow(size_t size);

  char inline_[232];  // left uninitialised: only what is written is read
  char* data_ = inline_;
  size_t size_ = 0;
  size_t capacity_ = sizeof(inline_);
  std::unique_ptr<char[]> heap_;
  std::vector<ObjectId> contained_;
};

struct ReferenceBytes {
  char data[kReferenceBytes];
};

/// While one lives, references packed on this thread are noted in its buffer. They nest.
class ContainedCollector {
 public:
  explicit ContainedCollector(PackBuffer& buffer) noexcept;
  ~ContainedCollector();
  ContainedCollector(const ContainedCollector&) = delete;
  ContainedCollector& operator=(const ContainedCollector&) = delete;

  static ReferenceBytes note(ObjectId id);

 private:
  struct Seen;
  void add(ObjectId id);

  PackBuffer& buffer_;
  ContainedCollector* outer_;
  std::unique_ptr<Seen> seen_;
};

/// Called by the pack functions of ObjectRef and ActorHandle: their bytes, noted as contained.
/// Throws RayException outside of a ContainedCollector: a reference in a file counts nothing.
ReferenceBytes note_contained(ObjectId id);

template <class Stream>
void pack_reference(msgpack::packer<Stream>& packer, ObjectId id, int8_t extension) {
  if (id.is_nil()) {
    packer.pack_nil();
    return;
  }
  const ReferenceBytes bytes = note_contained(id);
  packer.pack_ext(kReferenceBytes, extension);
  packer.pack_ext_body(bytes.data, kReferenceBytes);
}

struct NoBuffer {};
/// What packing a T needs to keep until the call is over.
template <class T>
using PackSpace = std::conditional_t<Nothing<T> || Raw<T>, NoBuffer, PackBuffer>;

template <class T>
constexpr bool kIsPointer = std::is_pointer_v<T> || std::is_member_pointer_v<T>;

/// The value points at `value` and `space`, which must outlive it.
template <class T>
SerializedValue pack_value(const T& value, PackSpace<T>& space) {
  static_assert(!kIsPointer<T>, "a pointer means nothing in another process: pass the value");
  if constexpr (Nothing<T>) {
    return {kNilTag, {}, {}};
  } else if constexpr (Raw<T>) {
    return {tag_of<T>(), raw_bytes(value), {}};
  } else {
    {
      ContainedCollector collector(space);
      msgpack::packer<PackBuffer> packer(space);
      packer.pack(value);
    }
    return {kMsgpackTag, space.bytes(), space.contained()};
  }
}

}  // namespace ray::internal
