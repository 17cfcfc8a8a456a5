// Segment: the memory in which the objects of one user lie, as the daemon holds it.
//
//   daemon   Segment::create(size)                       keeps the writable descriptor
//   writer   Mapping::map(fd, arena, kReadWrite)         a process of the same uid only
//   reader   Mapping::map(read_only_fd, all, kReadOnly)  everybody else
//
// One sparse memfd, many times larger in addresses than the capacity that extents.h grants: ranges
// that a living process mapped writable are not granted to another, so addresses run out before
// memory does. Memory comes back by punching holes.
#pragma once

#include <cstdint>

#include "common/base/result.h"
#include "common/shm/memory_file.h"

namespace rayd::shm {

class Segment {
 public:
  /// `size` in bytes, rounded up to whole huge pages.
  static Result<Segment> create(uint64_t size);

  uint64_t size() const { return size_; }
  /// For writers of the uid this segment belongs to.
  int writable_fd() const { return fd_.get(); }
  /// For readers; a new descriptor each time.
  Result<UniqueFd> read_only_fd() const { return reopen_read_only(fd_.get()); }

  /// Gives the range real pages now, so that writing to it cannot fail later; kStoreFull when the
  /// machine has no memory for it. Pages that exist are left as they are.
  Status reserve(Extent range) const;

  /// Gives the range's memory back. It reads as zeros from then on.
  Status punch(Extent range) const;

  /// Bytes of memory that the segment takes up now.
  uint64_t resident_bytes() const;

 private:
  Segment(UniqueFd fd, uint64_t size) : fd_(std::move(fd)), size_(size) {}

  UniqueFd fd_;
  uint64_t size_;
};

/// A client's view of granted memory: an arena or a large object's extent.
inline Result<Mapping> map_range_writable(int fd, Extent range) {
  return Mapping::map(fd, range, Access::kReadWrite);
}

/// A reader's view of a whole segment. Checks first that its pages can never be taken away.
Result<Mapping> map_read_only(int fd, uint64_t size);

}  // namespace rayd::shm
