#include "cli/remote_hosts.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <sstream>

extern char** environ;

namespace rayd::cli {
namespace {

constexpr size_t kMostOutput = 64 << 10;

/// All of it until its end; what is over the limit is read and dropped.
std::string read_to_end(int fd) {
  std::string text;
  std::array<char, 4096> part;
  for (;;) {
    const ssize_t count = read(fd, part.data(), part.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    if (text.size() < kMostOutput) text.append(part.data(), static_cast<size_t>(count));
  }
}

int wait_for(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  return 128 + WTERMSIG(status);
}

/// A host whose work goes on in another process.
struct Worker {
  size_t host = 0;
  pid_t pid = 0;
  UniqueFd output;
  std::string text;
};

}  // namespace

std::string quoted(const std::string& word) {
  std::string text = "'";
  for (const char letter : word) {
    if (letter == '\'') {
      text += "'\\''";
    } else {
      text += letter;
    }
  }
  return text + "'";
}

Ssh::Ssh(const std::string& command) {
  std::istringstream words{command};
  for (std::string word; words >> word;) words_.push_back(word);
}

RemoteRun Ssh::run(const std::string& host, const std::string& script,
                   const UniqueFd& input) const {
  std::vector<std::string> words = words_;
  for (const char* word :
       {"-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=5", "--"}) {
    words.emplace_back(word);
  }
  words.push_back(host);
  words.push_back("exec sh -c " + quoted(script));  // whatever the login shell is
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  // Opened anew: each host reads from the beginning.
  const std::string source =
      input ? "/proc/self/fd/" + std::to_string(input.get()) : std::string{"/dev/null"};
  const UniqueFd from{open(source.c_str(), O_RDONLY | O_CLOEXEC)};
  std::array<int, 2> ends{};
  if (!from || pipe2(ends.data(), O_CLOEXEC) != 0) return {255, std::strerror(errno)};
  const UniqueFd ours{ends[0]};
  UniqueFd theirs{ends[1]};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, from.get(), 0);
  posix_spawn_file_actions_adddup2(&actions, theirs.get(), 1);
  posix_spawn_file_actions_adddup2(&actions, theirs.get(), 2);
  pid_t pid = 0;
  const int failed = posix_spawnp(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  theirs.reset();
  if (failed != 0) return {255, words[0] + ": " + std::strerror(failed)};
  RemoteRun run;
  run.output = read_to_end(ours.get());
  run.status = wait_for(pid);
  return run;
}

std::vector<HostOutcome> on_each_host(
    const std::vector<std::string>& hosts,
    const std::function<Result<std::string>(const std::string&)>& work,
    const std::function<void(const HostOutcome&)>& told) {
  std::vector<HostOutcome> outcomes(hosts.size());
  std::vector<Worker> workers;
  size_t next = 0;
  const auto begin = [&] {
    Worker worker;
    worker.host = next++;
    const std::string& host = outcomes[worker.host].host = hosts[worker.host];
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return;
    worker.output.reset(ends[0]);
    UniqueFd theirs{ends[1]};
    worker.pid = fork();
    if (worker.pid == 0) {
      const Result<std::string> result = work(host);
      const std::string text = result ? *result : result.error().message;
      const ssize_t written = write(theirs.get(), text.data(), text.size());
      _exit(result.ok() && written >= 0 ? 0 : 1);
    }
    workers.push_back(std::move(worker));
  };
  const auto end = [&](Worker& worker) {
    HostOutcome& outcome = outcomes[worker.host];
    outcome.ok = wait_for(worker.pid) == 0;
    outcome.text = std::move(worker.text);
    told(outcome);
  };
  while (next < hosts.size() || !workers.empty()) {
    while (next < hosts.size() && workers.size() < kHostsAtOnce) begin();
    std::vector<pollfd> watched;
    for (const Worker& worker : workers) watched.push_back({worker.output.get(), POLLIN, 0});
    if (poll(watched.data(), watched.size(), -1) < 0) continue;
    for (size_t i = watched.size(); i-- > 0;) {
      if (watched[i].revents == 0) continue;
      std::array<char, 4096> part;
      const ssize_t count = read(workers[i].output.get(), part.data(), part.size());
      if (count > 0) {
        workers[i].text.append(part.data(), static_cast<size_t>(count));
        continue;
      }
      end(workers[i]);
      workers.erase(workers.begin() + static_cast<ptrdiff_t>(i));
    }
  }
  return outcomes;
}

}  // namespace rayd::cli
