#include "common/shm/segment.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "common/shm/system_error.h"

namespace rayd::shm {

Result<Segment> Segment::create(uint64_t size) {
  const uint64_t whole = (size + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes;
  auto fd = create_memory_file("rayd-store", whole);
  if (!fd) return fd.error();
  return Segment{std::move(*fd), whole};
}

Status Segment::reserve(Extent range) const {
  RAY_CHECK(range.end() <= size_ && range.end() >= range.offset);
  int failed = 0;
  do {
    failed = ::fallocate(fd_.get(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(range.offset),
                         static_cast<off_t>(range.length));
  } while (failed != 0 && errno == EINTR);
  if (failed == 0) return {};
  Error error =
      system_error("no memory for an object of " + std::to_string(range.length) + " bytes");
  if (errno == ENOSPC || errno == ENOMEM) error.code = ErrorCode::kStoreFull;
  return error;
}

Status Segment::punch(Extent range) const {
  RAY_CHECK(range.end() <= size_ && range.end() >= range.offset);
  int failed = 0;
  do {
    failed = ::fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                         static_cast<off_t>(range.offset), static_cast<off_t>(range.length));
  } while (failed != 0 && errno == EINTR);
  if (failed != 0) return system_error("cannot give back object memory");
  return {};
}

uint64_t Segment::resident_bytes() const {
  struct stat status {};
  RAY_CHECK(::fstat(fd_.get(), &status) == 0);
  return static_cast<uint64_t>(status.st_blocks) * 512;
}

Result<Mapping> map_read_only(int fd, uint64_t size) {
  const Status checked = check_memory_file(fd, size);
  if (!checked) return checked.error();
  return Mapping::map(fd, {0, size}, Access::kReadOnly);
}

}  // namespace rayd::shm
