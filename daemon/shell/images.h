// Images: module files by their hash, and the programs of drivers.
//
//   modules/HASH          the file itself, read-only; programs and shared objects alike
//   modules/HASH.json     its description: what `--describe` printed
//
// A driver's program is kept the same way, so that workers can be made of it when the driver has
// rebuilt or removed it; kept ones that are no named module go when they were not used for long.
// It is not synced, for a driver that comes after a crash of the machine brings its program again,
// and a copy that the crash has spoilt is written anew. All others are. Hashing and copying run on
// the control thread: a file is read once for each (device, inode, size, time of change).
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "common/base/ids.h"
#include "common/base/result.h"

namespace rayd::shell {

/// What a copy must outlive: this daemon, or a crash of the machine too.
enum class Lasting : uint8_t { kDaemon, kMachine };

enum class ImageFile : uint8_t { kProgram, kSharedObject };

struct Image {
  ImageHash hash;
  ImageFile kind = ImageFile::kProgram;
  std::string path;  // of our copy
};

/// What describing an image needs beside it.
struct DescribingPrograms {
  std::string worker_program;  // loads shared objects
  std::string library_dir;     // of librayclient.so; empty: the system knows
};

class Images {
 public:
  /// Makes the folder if it is not there; its parent is.
  explicit Images(std::string folder);

  /// Copies the file in, unless it is here already. kInvalidArgument: no ELF program or shared
  /// object of this machine; kNotFound.
  Result<Image> add(const std::string& path, Lasting lasting);
  /// The same, for good, for a file that claims to be this image. kCorrupt: it is another.
  Result<Image> add_as(const std::string& path, const ImageHash& hash);
  /// Where an image that comes from elsewhere is put together; not one of ours yet.
  std::string temporary_path(const ImageHash& hash) const;
  /// kNotFound: it is not here.
  Result<Image> find(const ImageHash& hash) const;

  /// What the image registers, as JSON: asks the image itself (for at most 10 s). kInvalidArgument
  /// with what it printed: it does not load, or it is not linked with rayclient.
  Result<std::string> describe(const Image& image, const DescribingPrograms& programs);

 private:
  struct FileState {
    uint64_t device = 0, inode = 0, size = 0;
    int64_t changed_ns = 0;
    auto operator<=>(const FileState&) const = default;
  };

  std::string folder_;
  struct Known {
    ImageHash hash;
    Lasting lasting = Lasting::kDaemon;
  };
  std::map<FileState, Known> known_;
};

}  // namespace rayd::shell
