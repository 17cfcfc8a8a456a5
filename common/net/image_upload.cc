#include "common/net/image_upload.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <span>
#include <utility>

#include "common/base/unique_fd.h"
#include "common/net/crypto.h"

namespace rayd {
namespace {

constexpr size_t kPartBytes = 1 << 20;
constexpr size_t kPartsUnderWay = 4;
constexpr Duration kPartPatience = Duration::seconds(60);

/// A file's bytes as they lie in the page cache.
class MappedFile {
 public:
  static Result<MappedFile> open_file(const std::string& path) {
    const UniqueFd file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    struct stat status {};
    if (!file || fstat(file.get(), &status) != 0) {
      const auto code = errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kInvalidArgument;
      return Error{code, path + ": " + std::strerror(errno)};
    }
    if (!S_ISREG(status.st_mode) || status.st_size == 0) {
      return Error{ErrorCode::kInvalidArgument, path + " is no program and no module"};
    }
    const auto size = static_cast<size_t>(status.st_size);
    void* memory = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (memory == MAP_FAILED) {
      return Error{ErrorCode::kInvalidArgument, path + ": " + std::strerror(errno)};
    }
    return MappedFile{{static_cast<const uint8_t*>(memory), size}};
  }
  MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  MappedFile& operator=(MappedFile&&) = delete;
  ~MappedFile() {
    if (!bytes_.empty()) munmap(const_cast<uint8_t*>(bytes_.data()), bytes_.size());
  }
  std::span<const uint8_t> bytes() const { return bytes_; }

 private:
  explicit MappedFile(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  std::span<const uint8_t> bytes_;
};

using Written = capnp::Response<schema::Daemon::WriteImageResults>;

kj::Promise<Written> write_part(schema::Daemon::Client& daemon, const ImageHash& hash,
                                std::span<const uint8_t> file, size_t offset, size_t count) {
  auto request = daemon.writeImageRequest();
  request.setHash({hash.bytes.data(), hash.bytes.size()});
  request.setOffset(offset);
  request.setBytes({file.data() + offset, count});
  request.setComplete(offset + count == file.size());
  return request.send();
}

}  // namespace

Result<ImageHash> upload_image(RpcClient& client, schema::Daemon::Client daemon,
                               const std::string& path) {
  const auto file = MappedFile::open_file(path);
  if (!file) return file.error();
  const std::span<const uint8_t> bytes = file->bytes();
  const ImageHash hash{sha256(bytes)};
  const auto asked = client.wait(write_part(daemon, hash, bytes, 0, 0), kPartPatience);
  if (!asked) return asked.error();
  if (asked->getPresent()) return hash;
  std::deque<kj::Promise<Written>> under_way;
  for (size_t offset = 0; offset < bytes.size() || !under_way.empty();) {
    if (offset < bytes.size() && under_way.size() < kPartsUnderWay) {
      const size_t count = std::min(kPartBytes, bytes.size() - offset);
      under_way.push_back(write_part(daemon, hash, bytes, offset, count));
      offset += count;
      continue;
    }
    const auto written = client.wait(kj::mv(under_way.front()), kPartPatience);
    under_way.pop_front();
    if (!written) return written.error();
  }
  return hash;
}

}  // namespace rayd
