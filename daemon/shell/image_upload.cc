#include "daemon/shell/image_upload.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace rayd::shell {

void ImageUpload::forget() {
  if (!path_.empty()) unlink(path_.c_str());
  path_.clear();
  file_.reset();
  written_ = 0;
}

Status ImageUpload::begin(const ImageHash& hash) {
  forget();
  std::string path = images_.temporary_path(hash) + "-XXXXXX";
  file_.reset(mkostemp(path.data(), O_CLOEXEC));
  if (!file_) return Error{ErrorCode::kInternal, path + ": " + std::strerror(errno)};
  path_ = std::move(path);
  hash_ = hash;
  return {};
}

Result<ImageUpload::Present> ImageUpload::write(const ImageHash& hash, uint64_t offset,
                                                ByteSpan bytes, Last last) {
  if (images_.find(hash)) return Present::kYes;
  if (offset == 0) {
    if (const Status begun = begin(hash); !begun.ok()) return begun.error();
  }
  if (path_.empty() || hash != hash_ || offset != written_) {
    return Error{ErrorCode::kInvalidArgument, "this part of the image does not continue it"};
  }
  if (bytes.size() > kMaxImageBytes - written_) {
    forget();
    return Error{ErrorCode::kInvalidArgument,
                 "a program or module has at most " + std::to_string(kMaxImageBytes) + " bytes"};
  }
  while (!bytes.empty()) {
    const ssize_t put = ::write(file_.get(), bytes.data(), bytes.size());
    if (put < 0) {
      const Error why{ErrorCode::kInternal, path_ + ": " + std::strerror(errno)};
      forget();
      return why;
    }
    written_ += static_cast<uint64_t>(put);
    bytes = bytes.subspan(static_cast<size_t>(put));
  }
  if (last == Last::kNo) return Present::kNo;
  const auto added = images_.add_as(path_, hash);
  forget();
  if (!added) return added.error();
  return Present::kYes;
}

}  // namespace rayd::shell
