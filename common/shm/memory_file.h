// Memory as a file: sealed memfds, their read-only twins, and mappings of them.
//
// Seals are SHRINK, GROW and SEAL only, so no mapping can ever lose its pages under a reader
// (SIGBUS); F_SEAL_FUTURE_WRITE is left out because hole punching fails for ever under it.
// Mappings are MADV_DONTFORK: a forked child of a user's program has no part in the conversation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "common/shm/extent.h"

namespace boost::interprocess {
class mapped_region;
}

namespace rayd::shm {

/// A sparse memfd of `size` bytes, sealed, mode 0400: no page exists before it is touched.
Result<UniqueFd> create_memory_file(const std::string& name, uint64_t size);

/// The same memory through a descriptor that cannot be mapped writable.
Result<UniqueFd> reopen_read_only(int fd);

/// For a receiver: fd is memory of at least `size` bytes that can never shrink.
Status check_memory_file(int fd, uint64_t size);

/// Bytes of a file that was received.
Result<uint64_t> memory_file_size(int fd);

enum class Access : uint8_t { kReadOnly, kReadWrite };

/// Owns a mapped range. Moves keep the address.
class Mapping {
 public:
  Mapping();
  Mapping(Mapping&&) noexcept;
  Mapping& operator=(Mapping&&) noexcept;
  ~Mapping();

  /// Huge pages come where the kernel gives them for this memory, silently not otherwise.
  static Result<Mapping> map(int fd, Extent range, Access access);

  /// Precondition for writing: it was mapped kReadWrite.
  uint8_t* data() const { return data_; }
  uint64_t size() const { return size_; }

 private:
  std::unique_ptr<boost::interprocess::mapped_region> region_;
  uint8_t* data_ = nullptr;
  uint64_t size_ = 0;
};

}  // namespace rayd::shm
