// ObjectStore: the daemon's own view of the store's segment: descriptors for clients, memory given
// back, and copies for sessions that have no shared memory.
//
// Which range belongs to whom is the node core's business (StoreGrants). Control thread, but for
// reserve(), and for memory that somebody was told of.
#pragma once

#include <span>
#include <string>

#include "common/shm/object_header.h"
#include "common/shm/segment.h"
#include "common/types/value.h"

namespace rayd::shell {

class ObjectStore {
 public:
  /// Throws std::runtime_error when the memory file cannot be made.
  explicit ObjectStore(uint64_t virtual_bytes);

  Result<UniqueFd> writable_fd() const;
  Result<UniqueFd> readable_fd() const { return segment_.read_only_fd(); }

  /// The extent's memory goes back to the machine.
  void punch(const Extent& extent);

  /// The extent's memory, to be read or written as it lies; empty if it is not within the store.
  std::span<uint8_t> memory(const Extent& extent) const;
  /// Gives memory() real pages, so that writing cannot fail. Any thread.
  Status reserve(std::span<const uint8_t> memory) const;

  /// A private copy of a stored object's payload: kCorrupt if it is none.
  Result<Bytes> read(const Extent& extent) const;
  /// Writes an object for a client without shared memory into an extent it was granted.
  void write(const Extent& extent, uint16_t tag, uint32_t contained, ByteSpan payload);

 private:
  shm::Segment segment_;
  shm::Mapping everything_;  // read-write; nothing is interpreted in place
};

}  // namespace rayd::shell
