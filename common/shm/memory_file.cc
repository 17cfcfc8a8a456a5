#include "common/shm/memory_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <boost/interprocess/mapped_region.hpp>

#include "common/shm/system_error.h"

namespace rayd::shm {
namespace {

namespace ipc = boost::interprocess;

/// MFD_NOEXEC_SEAL, which Linux 6.3 introduced and hardened machines insist on.
constexpr unsigned kNoExecutable = 8;

/// What mapped_region wants to see of a file.
struct MappableFd {
  int fd;
  ipc::mapping_handle_t get_mapping_handle() const {
    return ipc::ipcdetail::mapping_handle_from_file_handle(fd);
  }
};

}  // namespace

Result<UniqueFd> create_memory_file(const std::string& name, uint64_t size) {
  UniqueFd fd{::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING | kNoExecutable)};
  if (!fd && errno == EINVAL) {
    fd = UniqueFd{::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  }
  if (!fd) return system_error("cannot create the memory file " + name);
  if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) {
    return system_error("cannot give the memory file " + name + " " + std::to_string(size) +
                        " bytes");
  }
  if (::fchmod(fd.get(), 0400) != 0) return system_error("cannot protect the memory file " + name);
  if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return system_error("cannot seal the memory file " + name);
  }
  return fd;
}

Result<UniqueFd> reopen_read_only(int fd) {
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  UniqueFd copy{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!copy) return system_error("cannot open " + path + " read-only");
  return copy;
}

Result<uint64_t> memory_file_size(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return system_error("received no memory file");
  return static_cast<uint64_t>(status.st_size);
}

Status check_memory_file(int fd, uint64_t size) {
  const int seals = ::fcntl(fd, F_GET_SEALS);
  struct stat status {};
  if (seals < 0 || ::fstat(fd, &status) != 0) return system_error("received no memory file");
  if ((seals & F_SEAL_SHRINK) == 0) {
    return Error{ErrorCode::kCorrupt, "received a memory file that can shrink"};
  }
  if (static_cast<uint64_t>(status.st_size) < size) {
    return Error{ErrorCode::kCorrupt, "received a memory file of " +
                                          std::to_string(status.st_size) + " bytes instead of " +
                                          std::to_string(size)};
  }
  return {};
}

Mapping::Mapping() = default;
Mapping::Mapping(Mapping&&) noexcept = default;
Mapping& Mapping::operator=(Mapping&&) noexcept = default;
Mapping::~Mapping() = default;

Result<Mapping> Mapping::map(int fd, Extent range, Access access) {
  RAY_CHECK(range.length > 0);
  Mapping mapping;
  try {
    mapping.region_ = std::make_unique<ipc::mapped_region>(
        MappableFd{fd}, access == Access::kReadOnly ? ipc::read_only : ipc::read_write,
        static_cast<ipc::offset_t>(range.offset), range.length);
  } catch (const ipc::interprocess_exception& refused) {
    return Error{ErrorCode::kInternal, "cannot map " + std::to_string(range.length) +
                                           " bytes of shared memory: " + refused.what()};
  }
  mapping.data_ = static_cast<uint8_t*>(mapping.region_->get_address());
  mapping.size_ = range.length;
  const uint64_t lead = range.offset % kPageBytes;
  ::madvise(mapping.data_ - lead, range.length + lead, MADV_DONTFORK);
  if (range.length >= kHugePageBytes) {
    ::madvise(mapping.data_ - lead, range.length + lead, MADV_HUGEPAGE);
  }
  return mapping;
}

}  // namespace rayd::shm
