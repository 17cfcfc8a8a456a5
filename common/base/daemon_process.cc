#include "common/base/daemon_process.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "common/base/unique_fd.h"

extern char** environ;

namespace rayd {
namespace {

constexpr int kReadyFd = 3;
constexpr std::string_view kNotReady = "error ";

/// The inverse of not_ready_line(); a line that it did not make is a text alone.
Error read_not_ready_line(const std::string& line) {
  unsigned code = 0;
  const char* const end = line.data() + line.size();
  if (line.starts_with(kNotReady)) {
    const auto [rest, wrong] = std::from_chars(line.data() + kNotReady.size(), end, code);
    if (wrong == std::errc() && std::string_view{rest, end}.starts_with(": ")) {
      return {static_cast<ErrorCode>(code), std::string{rest + 2, end}};
    }
  }
  return {ErrorCode::kUnavailable, line};
}

/// Reads the daemon's one line: "ready", or why not. Blocks until it is there.
std::string read_line(int fd) {
  std::string text;
  char buffer[512];
  for (;;) {
    const ssize_t size = read(fd, buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return text;
    text.append(buffer, static_cast<size_t>(size));
    if (const size_t end = text.find('\n'); end != std::string::npos) return text.substr(0, end);
  }
}

class SpawnSettings {
 public:
  SpawnSettings() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
  }
  ~SpawnSettings() {
    posix_spawnattr_destroy(&attributes_);
    posix_spawn_file_actions_destroy(&actions_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  void pass_ready(int fd) { posix_spawn_file_actions_adddup2(&actions_, fd, kReadyFd); }

  void detach(const std::string& output_file) {
    const char* output = output_file.empty() ? "/dev/null" : output_file.c_str();
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, output,
                                     O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    posix_spawn_file_actions_adddup2(&actions_, STDOUT_FILENO, STDERR_FILENO);
    // What a shell left open (a pipe of $(…), a lock) must not live as long as the daemon.
    posix_spawn_file_actions_addclosefrom_np(&actions_, kReadyFd + 1);
    posix_spawn_file_actions_addchdir_np(&actions_, "/");
    sigset_t signals;
    sigemptyset(&signals);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT}) {
      sigaddset(&signals, number);
    }
    posix_spawnattr_setsigdefault(&attributes_, &signals);
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes_, &signals);
    posix_spawnattr_setflags(&attributes_,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  }

  int spawn(pid_t& pid, const DaemonStart& start, std::vector<char*>& argv) {
    return posix_spawn(&pid, start.program.c_str(), &actions_, &attributes_, argv.data(), environ);
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

Error failed(const std::string& what) { return {ErrorCode::kUnavailable, what}; }

void reap(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
}

/// A folder of modules may lie beside the library under the same name.
bool is_program(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         access(path.c_str(), X_OK) == 0;
}

}  // namespace

std::string folder_of_this_code() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&folder_of_this_code), &info) == 0 ||
      info.dli_fname == nullptr) {
    return {};
  }
  char resolved[PATH_MAX];
  // A program names itself as it was called, which need not be a path.
  if (realpath(info.dli_fname, resolved) == nullptr &&
      realpath("/proc/self/exe", resolved) == nullptr) {
    return {};
  }
  const std::string path = resolved;
  return path.substr(0, path.rfind('/'));
}

std::string find_beside(const std::string& folder, std::initializer_list<const char*> places,
                        const std::string& name) {
  for (const char* place : places) {
    char resolved[PATH_MAX];
    const std::string path = folder + place + name;
    if (realpath(path.c_str(), resolved) != nullptr) return resolved;
  }
  return {};
}

std::string find_worker_program(const std::string& folder) {
  return find_beside(folder, {"/", "/../libexec/", "/../client/"}, "rayd-worker");
}

std::string find_client_library(const std::string& folder) {
  return find_beside(folder, {"/../" RAYD_LIBDIR "/", "/../lib/", "/../client/"},
                     "librayclient.so");
}

std::string find_daemon_program() {
  if (const char* given = std::getenv("RAYD_PROGRAM"); given != nullptr && *given != 0) {
    return given;
  }
  const std::string folder = folder_of_this_code();
  for (const char* relative : {"/rayd", "/../bin/rayd", "/../../bin/rayd", "/../daemon/rayd",
                               "/../../daemon/rayd", "/../../../daemon/rayd"}) {
    const std::string path = folder + relative;
    if (!folder.empty() && is_program(path)) return path;
  }
  const char* path = std::getenv("PATH");
  std::string rest = path == nullptr ? "" : path;
  while (!rest.empty()) {
    const size_t colon = rest.find(':');
    const std::string candidate = rest.substr(0, colon) + "/rayd";
    if (is_program(candidate)) return candidate;
    rest = colon == std::string::npos ? "" : rest.substr(colon + 1);
  }
  return {};
}

std::string not_ready_line(const Error& why) {
  return std::string{kNotReady} + std::to_string(static_cast<unsigned>(why.code)) + ": " +
         why.message;
}

Result<pid_t> start_daemon(const DaemonStart& start) {
  if (start.program.empty()) {
    return failed("there is no rayd program; set RAYD_PROGRAM to its path");
  }
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return failed(std::strerror(errno));
  UniqueFd reading{ends[0]};
  UniqueFd writing{ends[1]};
  // dup2 onto itself would keep close-on-exec: move the end away first if it happens to be that.
  if (writing.get() == kReadyFd) writing.reset(fcntl(kReadyFd, F_DUPFD_CLOEXEC, kReadyFd + 1));

  std::vector<std::string> words{start.program, "--ready-fd", std::to_string(kReadyFd)};
  words.insert(words.end(), start.arguments.begin(), start.arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  SpawnSettings settings;
  settings.pass_ready(writing.get());
  if (start.detached == DaemonStart::Detached::kYes) settings.detach(start.output_file);
  pid_t pid = 0;
  if (const int error = settings.spawn(pid, start, argv); error != 0) {
    return failed(start.program + ": " + std::strerror(error));
  }
  writing.reset();
  const std::string line = read_line(reading.get());
  if (line == "ready") return pid;
  kill(pid, SIGKILL);
  reap(pid);
  if (line.empty()) return failed(start.program + " ended at once");
  return read_not_ready_line(line);
}

}  // namespace rayd
