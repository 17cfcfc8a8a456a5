#include "daemon/shell/image_upload.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/unit/catch.h"

using namespace rayd;
using namespace rayd::shell;
using Last = ImageUpload::Last;
using Present = ImageUpload::Present;

namespace {

/// A folder for images, and this very program as one to be brought.
struct Folder {
  Folder() {
    char name[] = "/tmp/rayd-upload-XXXXXX";
    path = mkdtemp(name);
    std::ifstream file{"/proc/self/exe", std::ios::binary};
    program.assign(std::istreambuf_iterator<char>{file}, {});
    unsigned size = 0;
    EVP_Digest(program.data(), program.size(), hash.bytes.data(), &size, EVP_sha256(), nullptr);
  }
  ~Folder() { std::filesystem::remove_all(path); }

  ByteSpan part(size_t offset, size_t count) const {
    return {reinterpret_cast<const uint8_t*>(program.data()) + offset, count};
  }
  size_t files() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator{path}, {}));
  }

  std::string path;
  std::string program;
  ImageHash hash;
};

}  // namespace

TEST_CASE("an image that is brought in parts is there when its last part has come") {
  Folder folder;
  Images images{folder.path};
  ImageUpload upload{images};
  const size_t half = folder.program.size() / 2;
  CHECK(*upload.write(folder.hash, 0, {}, Last::kNo) == Present::kNo);
  CHECK(*upload.write(folder.hash, 0, folder.part(0, half), Last::kNo) == Present::kNo);
  CHECK(*upload.write(folder.hash, half, folder.part(half, folder.program.size() - half),
                      Last::kYes) == Present::kYes);
  CHECK(images.find(folder.hash).ok());
  ImageUpload another{images};
  CHECK(*another.write(folder.hash, 0, {}, Last::kNo) == Present::kYes);
  CHECK(folder.files() == 1);
}

TEST_CASE("a part that does not continue the image is refused, and beginning anew helps") {
  Folder folder;
  Images images{folder.path};
  ImageUpload upload{images};
  CHECK(upload.write(folder.hash, 7, folder.part(7, 10), Last::kNo).error().code ==
        ErrorCode::kInvalidArgument);
  CHECK(upload.write(folder.hash, 0, folder.part(0, 10), Last::kNo).ok());
  CHECK_FALSE(upload.write(folder.hash, 11, folder.part(11, 10), Last::kNo).ok());
  ImageHash other = folder.hash;
  other.bytes[0] ^= 1;
  CHECK_FALSE(upload.write(other, 10, folder.part(10, 10), Last::kNo).ok());
  CHECK(*upload.write(folder.hash, 0, folder.part(0, folder.program.size()), Last::kYes) ==
        Present::kYes);
}

TEST_CASE("what is not what its hash says is not kept") {
  Folder folder;
  Images images{folder.path};
  ImageUpload upload{images};
  ImageHash other = folder.hash;
  other.bytes[0] ^= 1;
  const auto written = upload.write(other, 0, folder.part(0, folder.program.size()), Last::kYes);
  CHECK(written.error().code == ErrorCode::kCorrupt);
  CHECK_FALSE(images.find(other).ok());
}

TEST_CASE("what was not brought to its end leaves no file") {
  Folder folder;
  Images images{folder.path};
  {
    ImageUpload upload{images};
    CHECK(upload.write(folder.hash, 0, folder.part(0, 10), Last::kNo).ok());
    CHECK(folder.files() == 1);
  }
  CHECK(folder.files() == 0);
}
