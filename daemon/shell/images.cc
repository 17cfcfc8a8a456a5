#include "daemon/shell/images.h"

#include <elf.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/unique_fd.h"

extern char** environ;

namespace rayd::shell {
namespace {

constexpr Duration kDescribePatience = Duration::seconds(10);
constexpr size_t kMaxDescription = 4 << 20;
constexpr size_t kMaxComplaint = 8 << 10;

Error system_failure(const std::string& what, ErrorCode code = ErrorCode::kInternal) {
  return {code, what + ": " + std::strerror(errno)};
}

Result<std::string> read_part(int fd, size_t size, off_t offset) {
  std::string part(size, '\0');
  const ssize_t got = pread(fd, part.data(), size, offset);
  if (got < 0) return system_failure("cannot be read", ErrorCode::kInvalidArgument);
  part.resize(static_cast<size_t>(got));
  return part;
}

/// Program or shared object, by the ELF header: a program names its interpreter or is ET_EXEC.
Result<ImageFile> kind_of(int fd, const std::string& path) {
  const auto refuse = [&](const std::string& why) {
    return Error{ErrorCode::kInvalidArgument,
                 path + ": " + why + "; wanted a program or shared object linked with rayclient"};
  };
  const auto bytes = read_part(fd, sizeof(Elf64_Ehdr), 0);
  if (!bytes) return refuse(bytes.error().message);
  Elf64_Ehdr header{};
  if (bytes->size() < sizeof header) return refuse("is no ELF file");
  std::memcpy(&header, bytes->data(), sizeof header);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return refuse("is no ELF file");
#if defined(__x86_64__)
  constexpr uint16_t kMachine = EM_X86_64;
#else
  constexpr uint16_t kMachine = EM_AARCH64;
#endif
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != kMachine) {
    return refuse("is made for another kind of machine");
  }
  if (header.e_type == ET_EXEC) return ImageFile::kProgram;
  if (header.e_type != ET_DYN) return refuse("is neither a program nor a shared object");
  if (header.e_phentsize != sizeof(Elf64_Phdr)) return refuse("has a damaged ELF header");
  for (uint16_t i = 0; i < header.e_phnum; ++i) {
    const auto entry = read_part(fd, sizeof(Elf64_Phdr),
                                 static_cast<off_t>(header.e_phoff + i * sizeof(Elf64_Phdr)));
    if (!entry || entry->size() < sizeof(Elf64_Phdr)) return refuse("has a damaged ELF header");
    Elf64_Phdr segment{};
    std::memcpy(&segment, entry->data(), sizeof segment);
    if (segment.p_type == PT_INTERP) return ImageFile::kProgram;
  }
  return ImageFile::kSharedObject;
}

/// Copies `from` into `to` and hashes what was copied, so that the name says what is there.
Result<ImageHash> copy_and_hash(int from, int to) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> digest{EVP_MD_CTX_new(),
                                                                       &EVP_MD_CTX_free};
  if (EVP_DigestInit_ex(digest.get(), EVP_sha256(), nullptr) != 1) {
    return Error{ErrorCode::kInternal, "SHA-256 is not to be had"};
  }
  std::vector<char> buffer(1 << 20);
  for (;;) {
    const ssize_t got = read(from, buffer.data(), buffer.size());
    if (got < 0) return system_failure("a module cannot be read", ErrorCode::kInvalidArgument);
    if (got == 0) break;
    EVP_DigestUpdate(digest.get(), buffer.data(), static_cast<size_t>(got));
    for (ssize_t done = 0; done < got;) {
      const ssize_t put = write(to, buffer.data() + done, static_cast<size_t>(got - done));
      if (put < 0) return system_failure("a module cannot be kept");
      done += put;
    }
  }
  ImageHash hash;
  EVP_DigestFinal_ex(digest.get(), hash.bytes.data(), nullptr);
  return hash;
}

/// A program that is asked to describe itself and does not know how would run its main: so only one
/// that has the client inside, or names its library, is asked.
bool knows_rayclient(const Image& image) {
  const UniqueFd file{open(image.path.c_str(), O_RDONLY | O_CLOEXEC)};
  struct stat status {};
  if (!file || fstat(file.get(), &status) != 0) return false;
  const auto size = static_cast<size_t>(status.st_size);
  void* bytes = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (bytes == MAP_FAILED) return false;
  constexpr std::string_view kLibrary = "librayclient.so";
  constexpr std::string_view kInside = "RAYD_DESCRIBE_FD";
  const bool knows = memmem(bytes, size, kLibrary.data(), kLibrary.size()) != nullptr ||
                     memmem(bytes, size, kInside.data(), kInside.size()) != nullptr;
  munmap(bytes, size);
  return knows;
}

struct Spawned {
  pid_t pid = 0;
  UniqueFd description;
  UniqueFd complaints;
};

Result<Spawned> spawn_describing(const Image& image, const DescribingPrograms& programs) {
  int description[2];
  int complaints[2];
  if (pipe2(description, O_CLOEXEC) != 0) return system_failure("pipe");
  Spawned spawned;
  spawned.description.reset(description[0]);
  UniqueFd writing{fcntl(description[1], F_DUPFD_CLOEXEC, 10)};  // away from 2 and 3
  close(description[1]);
  if (pipe2(complaints, O_CLOEXEC) != 0) return system_failure("pipe");
  spawned.complaints.reset(complaints[0]);
  UniqueFd complaining{fcntl(complaints[1], F_DUPFD_CLOEXEC, 10)};
  close(complaints[1]);

  std::vector<std::string> variables{"RAYD_DESCRIBE_FD=3"};
  const bool is_module = image.kind == ImageFile::kSharedObject;
  if (is_module) variables.push_back("RAYD_MODULE=" + image.path);
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (std::strncmp(*variable, "RAYD_", 5) != 0) variables.emplace_back(*variable);
  }
  if (!programs.library_dir.empty()) {
    const char* given = getenv("LD_LIBRARY_PATH");
    std::erase_if(variables, [](const auto& v) { return v.starts_with("LD_LIBRARY_PATH="); });
    variables.push_back("LD_LIBRARY_PATH=" + (given == nullptr ? "" : std::string{given} + ":") +
                        programs.library_dir);
  }
  std::vector<char*> environment;
  for (std::string& variable : variables) environment.push_back(variable.data());
  environment.push_back(nullptr);
  std::string program = is_module ? programs.worker_program : image.path;
  char* argv[] = {program.data(), nullptr};

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, complaining.get(), 1);
  posix_spawn_file_actions_adddup2(&actions, complaining.get(), 2);
  posix_spawn_file_actions_adddup2(&actions, writing.get(), 3);
  const int error =
      posix_spawn(&spawned.pid, program.c_str(), &actions, nullptr, argv, environment.data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    errno = error;
    return system_failure(program + " cannot be started", ErrorCode::kInvalidArgument);
  }
  return spawned;
}

/// Reads both pipes to their ends, within the patience. False: it took too long, or was too much.
bool read_all(const Spawned& spawned, std::string& description, std::string& complaints) {
  const Time deadline = now_boottime() + kDescribePatience;
  pollfd polled[2] = {{spawned.description.get(), POLLIN, 0},
                      {spawned.complaints.get(), POLLIN, 0}};
  std::string* texts[2] = {&description, &complaints};
  while (polled[0].fd >= 0 || polled[1].fd >= 0) {
    const Duration left = deadline - now_boottime();
    if (left.ns <= 0 || poll(polled, 2, static_cast<int>(left.ns / 1'000'000) + 1) < 0)
      return false;
    for (int i = 0; i < 2; ++i) {
      if (polled[i].fd < 0 || polled[i].revents == 0) continue;
      char buffer[16384];
      const ssize_t size = read(polled[i].fd, buffer, sizeof buffer);
      if (size <= 0) {
        polled[i].fd = -1;
        if (i == 0) return true;  // described, or ended: what its children still hold is not ours
      } else if (i == 0 || texts[i]->size() < kMaxComplaint) {
        texts[i]->append(buffer, static_cast<size_t>(size));
      }
    }
    if (description.size() > kMaxDescription) return false;
  }
  return true;
}

}  // namespace

Images::Images(std::string folder) : folder_(std::move(folder)) {
  mkdir(folder_.c_str(), 0700);  // if it cannot be made, adding says so
}

Result<Image> Images::add(const std::string& path, Lasting lasting) {
  const UniqueFd file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file) {
    return system_failure(path + " cannot be opened",
                          errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kInvalidArgument);
  }
  struct stat status {};
  if (fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return Error{ErrorCode::kInvalidArgument, path + " is no file"};
  }
  const FileState state{status.st_dev, status.st_ino, static_cast<uint64_t>(status.st_size),
                        status.st_ctim.tv_sec * 1'000'000'000 + status.st_ctim.tv_nsec};
  if (const auto known = known_.find(state); known != known_.end()) {
    const bool lasts = known->second.lasting >= lasting;
    if (auto image = find(known->second.hash); image && lasts) return image;
  }
  const auto kind = kind_of(file.get(), path);
  if (!kind) return kind.error();

  std::string temporary = folder_ + "/.adding-XXXXXX";
  const UniqueFd copy{mkostemp(temporary.data(), O_CLOEXEC)};
  if (!copy) return system_failure(folder_ + " cannot be written");
  const auto hash = copy_and_hash(file.get(), copy.get());
  const auto is_kept = [&] {
    return fchmod(copy.get(), 0500) == 0 && (lasting == Lasting::kDaemon || fsync(copy.get()) == 0);
  };
  if (!hash || !is_kept()) {
    unlink(temporary.c_str());
    return hash ? system_failure(folder_ + " cannot be written") : hash.error();
  }
  const Image image{*hash, *kind, folder_ + "/" + to_string(*hash)};
  if (rename(temporary.c_str(), image.path.c_str()) != 0) {
    unlink(temporary.c_str());
    return system_failure(image.path + " cannot be written");
  }
  known_[state] = {*hash, lasting};
  return image;
}

Result<Image> Images::find(const ImageHash& hash) const {
  const std::string path = folder_ + "/" + to_string(hash);
  const UniqueFd file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file) return Error{ErrorCode::kNotFound, "the module " + to_string(hash) + " is not here"};
  const auto kind = kind_of(file.get(), path);
  if (!kind) return kind.error();
  return Image{hash, *kind, path};
}

std::string Images::temporary_path(const ImageHash& hash) const {
  return folder_ + "/.coming-" + to_string(hash);
}

Result<Image> Images::add_as(const std::string& path, const ImageHash& hash) {
  auto added = add(path, Lasting::kMachine);  // nobody looks at it again
  if (!added || added->hash == hash) return added;
  return Error{ErrorCode::kCorrupt, "the file of image " + to_string(hash) + " is another's"};
}

Result<std::string> Images::describe(const Image& image, const DescribingPrograms& programs) {
  if (image.kind == ImageFile::kProgram && !knows_rayclient(image)) {
    return Error{ErrorCode::kInvalidArgument,
                 "the program is not linked with rayclient (pkg-config --libs rayclient)"};
  }
  auto spawned = spawn_describing(image, programs);
  if (!spawned) return spawned.error();
  std::string description;
  std::string complaints;
  const bool complete = read_all(*spawned, description, complaints);
  if (!complete) kill(spawned->pid, SIGKILL);
  int status = 0;
  while (waitpid(spawned->pid, &status, 0) < 0 && errno == EINTR) {
  }
  const auto refuse = [&](const std::string& why) {
    return Error{ErrorCode::kInvalidArgument, "the module cannot be used: " + why +
                                                  (complaints.empty() ? "" : "\n") + complaints};
  };
  if (!complete) return refuse("it did not describe itself within 10 s and 4 MiB");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return refuse("it ended before it had described itself");
  }
  if (description.empty()) return refuse("it is not linked with rayclient");
  return description;
}

}  // namespace rayd::shell
