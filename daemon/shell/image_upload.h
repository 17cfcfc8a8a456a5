// ImageUpload: an image that somebody elsewhere brings, a part at a time; one connection's, and
// gone with it unless it became whole.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/bytes.h"
#include "common/base/unique_fd.h"
#include "daemon/shell/images.h"

namespace rayd::shell {

inline constexpr uint64_t kMaxImageBytes = uint64_t{1} << 30;

class ImageUpload {
 public:
  enum class Last : bool { kNo, kYes };
  enum class Present : bool { kNo, kYes };

  explicit ImageUpload(Images& images) : images_(images) {}
  ~ImageUpload() { forget(); }
  ImageUpload(const ImageUpload&) = delete;
  ImageUpload& operator=(const ImageUpload&) = delete;

  /// Parts in order; offset 0 begins (another) one. kYes: the image is here.
  Result<Present> write(const ImageHash& hash, uint64_t offset, ByteSpan bytes, Last last);

 private:
  Status begin(const ImageHash& hash);
  void forget();

  Images& images_;
  ImageHash hash_;
  std::string path_;  // empty: none is under way
  UniqueFd file_;
  uint64_t written_ = 0;
};

}  // namespace rayd::shell
