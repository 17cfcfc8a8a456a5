// StoreView: a client's side of the object store: arenas it may write in, and everything to read.
//
// Small objects are cut from an arena; a large one gets an extent of its own. Grants are asked for
// by the caller (they travel through the ring); mappings of large extents are kept, because a warm
// page is ten times cheaper than a fresh one and the daemon grants the same extent again.
// Not thread-safe: RingSession locks.
#pragma once

#include <deque>
#include <map>
#include <optional>

#include "common/shm/arena.h"
#include "common/shm/object_header.h"
#include "common/shm/segment.h"
#include "common/types/client_messages.h"

namespace rayd::client {

/// Objects up to this size (header included) share an arena.
inline constexpr uint64_t kMaxInArena = 256 * 1024;

/// Further arenas double, up to 16 MiB.
inline constexpr uint64_t kFirstArenaBytes = 256 * 1024;

class StoreView {
 public:
  /// `writable` may be invalid (a client of another uid): then nothing can be written.
  static Result<StoreView> open(UniqueFd writable, UniqueFd readable);

  /// A piece for an object of `bytes` (header included) in the current arena; none: ask for a grant
  /// of arena_request(bytes) and call `granted`.
  std::optional<Extent> allocate(uint64_t bytes);
  /// How many bytes to ask for, and whether as an arena.
  RequestArena arena_request(uint64_t bytes) const;
  /// The arena that this grant replaces, to be closed; none for extents.
  Result<std::optional<Extent>> granted(const RequestArena& request, const Extent& extent);

  /// Nothing more is allocated in the current arena; it is to be closed. The next one is small.
  std::optional<Extent> leave_arena();

  /// Writable memory of an allocated piece or a granted extent. Precondition: it is one.
  uint8_t* writable(const Extent& piece);

  /// A stored object's payload: kCorrupt if the extent does not hold one.
  Result<ByteSpan> payload(const Extent& extent) const;

 private:
  StoreView(UniqueFd writable, shm::Mapping everything)
      : writable_fd_(std::move(writable)), everything_(std::move(everything)) {}

  Result<uint8_t*> map(const Extent& extent);

  UniqueFd writable_fd_;
  shm::Mapping everything_;
  struct Mapped {
    uint64_t length = 0;
    shm::Mapping mapping;
  };
  std::map<uint64_t, Mapped> mapped_;  // by offset
  std::deque<uint64_t> extents_;       // mapped large ones, oldest first
  Extent arena_extent_;
  shm::Arena arena_;
  uint64_t next_arena_bytes_ = kFirstArenaBytes;
};

}  // namespace rayd::client
