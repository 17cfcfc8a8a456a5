#include "common/base/process_tree.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include <dirent.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace rayd {
namespace {

struct CloseFile {
  void operator()(FILE* file) const { std::fclose(file); }
};
struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using File = std::unique_ptr<FILE, CloseFile>;
using Directory = std::unique_ptr<DIR, CloseDirectory>;

/// Calls on_number for each entry of a /proc folder that is a number.
template <class OnNumber>
void each_number(const char* path, OnNumber on_number) {
  const Directory directory{opendir(path)};
  if (directory == nullptr) return;
  while (const dirent* entry = readdir(directory.get())) {
    const long number = std::strtol(entry->d_name, nullptr, 10);
    if (number > 0) on_number(static_cast<pid_t>(number));
  }
}

}  // namespace

void set_process_tag(uint64_t tag) {
  rlimit limit{};
  getrlimit(RLIMIT_LOCKS, &limit);
  limit.rlim_cur = tag < limit.rlim_max ? tag : limit.rlim_max;
  setrlimit(RLIMIT_LOCKS, &limit);
}

std::optional<uint64_t> process_tag(pid_t pid) {
  rlimit limit{};
  if (prlimit(pid, RLIMIT_LOCKS, nullptr, &limit) == 0) {
    if (limit.rlim_cur == RLIM_INFINITY) return std::nullopt;
    return limit.rlim_cur;
  }
  // Another user's: prlimit needs CAP_SYS_RESOURCE, which even root may lack; the file does not.
  const std::string path = "/proc/" + std::to_string(pid) + "/limits";
  const File file{std::fopen(path.c_str(), "re")};
  if (file == nullptr) return std::nullopt;
  char line[256];
  while (std::fgets(line, sizeof line, file.get()) != nullptr) {
    unsigned long long tag = 0;
    if (std::sscanf(line, "Max file locks %llu", &tag) == 1) return tag;
  }
  return std::nullopt;
}

UniqueFd open_pidfd(pid_t pid) {
  // By number: <sys/pidfd.h> of glibc 2.36 declares it without extern "C".
  return UniqueFd{static_cast<int>(syscall(SYS_pidfd_open, pid, 0))};
}

std::vector<pid_t> own_children() {
  std::vector<pid_t> children;
  bool supported = false;
  each_number("/proc/self/task", [&](pid_t thread) {
    const std::string path = "/proc/self/task/" + std::to_string(thread) + "/children";
    const File file{std::fopen(path.c_str(), "re")};
    if (file == nullptr) return;
    supported = true;
    int child = 0;
    while (std::fscanf(file.get(), "%d", &child) == 1) children.push_back(child);
  });
  return supported ? children : own_children_by_parent();
}

std::vector<pid_t> own_children_by_parent() {
  std::vector<pid_t> children;
  const pid_t self = getpid();
  each_number("/proc", [&](pid_t pid) {
    const std::string path = "/proc/" + std::to_string(pid) + "/stat";
    const File file{std::fopen(path.c_str(), "re")};
    if (file == nullptr) return;
    char text[512];
    const size_t size = std::fread(text, 1, sizeof text - 1, file.get());
    text[size] = 0;
    const char* name_end = std::strrchr(text, ')');  // the name itself may contain anything
    int parent = 0;
    if (name_end != nullptr && std::sscanf(name_end + 1, " %*c %d", &parent) == 1 &&
        parent == self) {
      children.push_back(pid);
    }
  });
  return children;
}

}  // namespace rayd
