#include "daemon/shell/object_store.h"

#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace rayd::shell {
namespace {

template <class T>
T made_or_throw(Result<T> result) {
  if (!result) throw std::runtime_error{"object store: " + result.error().message};
  return std::move(result).value();
}

}  // namespace

ObjectStore::ObjectStore(uint64_t virtual_bytes)
    : segment_(made_or_throw(shm::Segment::create(virtual_bytes))),
      everything_(made_or_throw(shm::Mapping::map(segment_.writable_fd(), {0, segment_.size()},
                                                  shm::Access::kReadWrite))) {}

Result<UniqueFd> ObjectStore::writable_fd() const {
  const int copy = fcntl(segment_.writable_fd(), F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return Error{ErrorCode::kInternal, std::strerror(errno)};
  return UniqueFd{copy};
}

void ObjectStore::punch(const Extent& extent) {
  // Failing to give memory back loses none of anybody's data; the range reads as it did.
  (void)segment_.punch({extent.offset, extent.length});
}

std::span<uint8_t> ObjectStore::memory(const Extent& extent) const {
  if (extent.offset > everything_.size() || extent.length > everything_.size() - extent.offset) {
    return {};
  }
  return {everything_.data() + extent.offset, extent.length};
}

Status ObjectStore::reserve(std::span<const uint8_t> memory) const {
  const auto offset = static_cast<uint64_t>(memory.data() - everything_.data());
  return segment_.reserve({offset, memory.size()});
}

Result<Bytes> ObjectStore::read(const Extent& extent) const {
  if (extent.length < shm::kObjectHeaderBytes || extent.offset > everything_.size() ||
      extent.length > everything_.size() - extent.offset) {
    return Error{ErrorCode::kCorrupt, "a stored object lies outside the store"};
  }
  // Copied before it is judged: whoever wrote it may still write.
  const Bytes copy = Bytes::copy(ByteSpan{everything_.data() + extent.offset, extent.length});
  const auto header = shm::read_object_header(copy.span());
  if (!header) return header.error();
  return Bytes::copy(shm::object_payload(copy.span(), *header));
}

void ObjectStore::write(const Extent& extent, uint16_t tag, uint32_t contained, ByteSpan payload) {
  RAY_CHECK(extent.length >= shm::kObjectHeaderBytes + payload.size());
  RAY_CHECK(extent.offset + extent.length <= everything_.size());
  uint8_t* memory = everything_.data() + extent.offset;
  std::memcpy(memory + shm::kObjectHeaderBytes, payload.data(), payload.size());
  shm::write_object_header(
      {.kind = static_cast<uint8_t>(tag),
       .element = static_cast<uint8_t>(tag >> 8),
       .contained_refs = contained,
       .payload_bytes = payload.size()},
      std::span<uint8_t, shm::kObjectHeaderBytes>{memory, shm::kObjectHeaderBytes});
}

}  // namespace rayd::shell
