#include "client/runtime/private_cluster.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "common/config/environment.h"
#include "common/config/places.h"

extern char** environ;

namespace rayd::client {
namespace {

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

/// Where this code lies: librayclient.so, or the program it is linked into.
std::string own_folder() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&find_daemon_program), &info) == 0 ||
      info.dli_fname == nullptr) {
    return {};
  }
  char resolved[4096];
  return realpath(info.dli_fname, resolved) == nullptr ? std::string{} : folder_of(resolved);
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

Error failed(const std::string& what) {
  return {ErrorCode::kUnavailable,
          "no cluster runs here, and a private one cannot be started: " + what};
}

}  // namespace

std::string find_daemon_program() {
  if (const char* given = std::getenv("RAYD_PROGRAM"); given != nullptr && *given != 0) {
    return given;
  }
  const std::string folder = own_folder();
  for (const char* relative : {"/rayd", "/../bin/rayd", "/../../bin/rayd", "/../daemon/rayd",
                               "/../../daemon/rayd", "/../../../daemon/rayd"}) {
    const std::string path = folder + relative;
    if (!folder.empty() && access(path.c_str(), X_OK) == 0) return path;
  }
  const char* path = std::getenv("PATH");
  std::string rest = path == nullptr ? "" : path;
  while (!rest.empty()) {
    const size_t colon = rest.find(':');
    const std::string candidate = rest.substr(0, colon) + "/rayd";
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
    rest = colon == std::string::npos ? "" : rest.substr(colon + 1);
  }
  return {};
}

Result<std::unique_ptr<PrivateCluster>> PrivateCluster::start(
    const std::vector<std::string>& head_args) {
  static int count = 0;
  const std::string program = find_daemon_program();
  if (program.empty()) return failed("there is no rayd program; set RAYD_PROGRAM to its path");
  const std::string cluster = "private-" + std::to_string(getpid()) + "-" + std::to_string(++count);
  const auto places = find_places(cluster, Environment::of_process());
  if (!places) return failed(places.error().message);
  int ready[2];
  if (pipe2(ready, O_CLOEXEC) != 0) return failed(std::strerror(errno));

  std::vector<std::string> words{
      program,      "--head", "--cluster", cluster, "--owner-pid", std::to_string(getpid()),
      "--ready-fd", "3"};
  words.insert(words.end(), head_args.begin(), head_args.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  // dup2 onto itself would keep close-on-exec: move the end away first if it happens to be 3.
  const int writing = ready[1] == 3 ? fcntl(ready[1], F_DUPFD_CLOEXEC, 4) : ready[1];
  posix_spawn_file_actions_adddup2(&actions, writing, 3);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, program.c_str(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ready[1]);
  if (writing != ready[1]) close(writing);
  if (error != 0) {
    close(ready[0]);
    return failed(program + ": " + std::strerror(error));
  }
  const std::string line = read_line(ready[0]);
  close(ready[0]);
  std::unique_ptr<PrivateCluster> cluster_here{new PrivateCluster{pid, places->socket()}};
  if (line != "ready") return failed(line.empty() ? program + " ended at once" : line);
  return cluster_here;
}

PrivateCluster::~PrivateCluster() {
  kill(pid_, SIGTERM);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace rayd::client
