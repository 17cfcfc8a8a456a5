#include "cli/program_bundle.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "cli/bundled_models.h"
#include "cli/version.h"
#include "common/base/daemon_process.h"
#include "common/base/ids.h"
#include "common/net/crypto.h"

namespace rayd::cli {
namespace {

namespace fs = std::filesystem;

constexpr size_t kHashDigitsInName = 12;
constexpr const char* kLauncher =
    "#!/bin/sh\n"
    "here=$(dirname \"$(readlink -f \"$0\")\")\n"
    "LD_LIBRARY_PATH=$here/lib exec \"$here/bin/rayctl\" \"$@\"\n";

/// Where it goes in the archive → where it is here.
using Contents = std::map<std::string, std::string>;

/// Those of the C library must be the machine's own: they belong to its kernel and its loader.
bool is_of_the_system(const std::string& name) {
  for (const char* prefix : {"ld-linux", "libc.so", "libm.so", "libdl.so", "libpthread.so",
                             "librt.so", "libresolv.so", "linux-vdso"}) {
    if (name.starts_with(prefix)) return true;
  }
  return false;
}

/// The lines of ldd: "\tlibkj.so => /lib/libkj.so (0x…)". As the daemon does for its workers, it is
/// told where librayclient lies: a prefix need not be known to the system's loader.
Status add_libraries(const std::string& program, const std::string& folder, Contents& contents) {
  const std::string command = "LD_LIBRARY_PATH='" + folder +
                              "'${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} ldd '" + program + "' 2>&1";
  FILE* const lines = popen(command.c_str(), "r");
  if (lines == nullptr) return Error{ErrorCode::kNotFound, "ldd cannot be run"};
  std::string missing;
  std::array<char, 4096> line;
  while (fgets(line.data(), line.size(), lines) != nullptr) {
    const std::string text{line.data()};
    const size_t arrow = text.find(" => ");
    if (arrow == std::string::npos) continue;
    const std::string name = text.substr(text.find_first_not_of("\t "), arrow - 1);
    const std::string path = text.substr(arrow + 4, text.find(" (", arrow) - arrow - 4);
    if (path.starts_with("not found")) missing = name;
    if (path.starts_with('/') && !is_of_the_system(name)) contents["lib/" + name] = path;
  }
  if (pclose(lines) != 0 || !missing.empty()) {
    return Error{ErrorCode::kNotFound, program + " cannot be looked into by ldd " + missing};
  }
  return {};
}

Result<Contents> find_contents() {
  Contents contents;
  std::error_code error;
  contents["bin/rayctl"] = fs::read_symlink("/proc/self/exe", error);
  const std::string daemon = fs::canonical(find_daemon_program(), error);
  contents["bin/rayd"] = daemon;
  const std::string folder = daemon.substr(0, daemon.rfind('/'));
  contents["bin/rayd-worker"] = find_worker_program(folder);
  const std::string client = find_client_library(folder);
  contents["lib/librayclient.so"] = client;  // the daemon looks for it by this name
  for (const auto& [place, path] : contents) {
    if (path.empty())
      return Error{ErrorCode::kNotFound, place + " is not here, so it cannot be copied"};
  }
  const Contents programs = contents;
  for (const auto& [place, path] : programs) {
    const Status added = add_libraries(path, client.substr(0, client.rfind('/')), contents);
    if (!added.ok()) return added.error();
  }
  if (const std::string models = bundled_module(); !models.empty()) {
    contents["lib/rayd/libmodels.so"] = models;
  }
  return contents;
}

/// A folder that is gone when this is.
class Stage {
 public:
  Stage() {
    const char* const tmp = std::getenv("TMPDIR");
    path_ = std::string{tmp != nullptr ? tmp : "/tmp"} + "/rayd-up-XXXXXX";
    if (mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  ~Stage() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

Result<std::string> hash_of(int fd) {
  struct stat status {};
  if (fstat(fd, &status) != 0) return Error{ErrorCode::kInternal, "the archive is gone"};
  const auto size = static_cast<size_t>(status.st_size);
  void* const bytes = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (bytes == MAP_FAILED) return Error{ErrorCode::kInternal, "the archive cannot be read"};
  const ImageHash hash{sha256({static_cast<const uint8_t*>(bytes), size})};
  munmap(bytes, size);
  return to_string(hash).substr(0, kHashDigitsInName);
}

}  // namespace

Result<ProgramBundle> make_program_bundle() {
  const auto contents = find_contents();
  if (!contents) return contents.error();
  const Stage stage;
  if (stage.path().empty()) return Error{ErrorCode::kInternal, "no temporary folder can be made"};
  const std::string root = stage.path() + "/root";
  std::error_code error;
  for (const auto& [place, path] : *contents) {
    fs::create_directories(fs::path{root + "/" + place}.parent_path(), error);
    fs::create_symlink(path, root + "/" + place, error);
    if (error) return Error{ErrorCode::kInternal, path + ": " + error.message()};
  }
  std::ofstream{root + "/rayctl"} << kLauncher;
  fs::permissions(root + "/rayctl", fs::perms::owner_all, error);
  const std::string file = stage.path() + "/archive";
  // The same content gives the same archive.
  const std::string command =
      "tar -C '" + root + "' -chf '" + file +
      "' --sort=name --mtime=@0 --owner=0 --group=0 --mode=u+rwX,go= . 2>&1";
  if (std::system(command.c_str()) != 0) {
    return Error{ErrorCode::kInternal, "tar cannot make the archive in " + stage.path()};
  }
  ProgramBundle bundle;
  bundle.archive.reset(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  const auto hash = hash_of(bundle.archive.get());
  if (!hash) return hash.error();
  bundle.name = std::string{kVersion} + "-" + *hash;
  utsname system{};
  uname(&system);
  bundle.platform = std::string{system.sysname} + " " + system.machine;
  return bundle;
}

}  // namespace rayd::cli
