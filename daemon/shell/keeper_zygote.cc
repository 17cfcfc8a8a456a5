#include "daemon/shell/keeper_zygote.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/base/process_tree.h"

namespace rayd {
namespace {

constexpr int kSocket = STDERR_FILENO + 1;
constexpr int kExitNotExecuted = 127;

[[noreturn]] void refuse(const char* what, const std::string& object) {
  dprintf(STDERR_FILENO, "%s%s: %s\n", what, object.c_str(), std::strerror(errno));
  _exit(kExitNotExecuted);
}

/// The keeper ignores and blocks signals; programs expect to start with a clean slate.
void reset_signals() {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) sigaction(signal, &action, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

void take_descriptors(const UniqueFd& output, const UniqueFd& socket) {
  dup2(output.get(), STDOUT_FILENO);
  dup2(output.get(), STDERR_FILENO);
  const int null = open("/dev/null", O_RDONLY);
  if (null < 0) refuse("cannot open ", "/dev/null");
  dup2(null, STDIN_FILENO);
  if (socket.get() == kSocket) {
    fcntl(kSocket, F_SETFD, 0);
  } else {
    dup2(socket.get(), kSocket);
  }
  close_range(kSocket + 1, ~0u, 0);
}

void take_credentials(const keeper::Credentials& credentials) {
  if (credentials.user == geteuid() && credentials.group == getegid()) return;
  const std::vector<gid_t> groups(credentials.groups.begin(), credentials.groups.end());
  const uid_t user = credentials.user;
  const gid_t group = credentials.group;
  if (setgroups(groups.size(), groups.data()) != 0 || setresgid(group, group, group) != 0 ||
      setresuid(user, user, user) != 0) {
    refuse("cannot become user ", std::to_string(user));
  }
}

[[noreturn]] void become_zygote(const keeper::StartZygote& order, const UniqueFd& output,
                                const UniqueFd& socket, uint64_t tag, pid_t keeper) {
  reset_signals();
  setpgid(0, 0);
  take_descriptors(output, socket);
  set_process_tag(tag);
  if (order.credentials) take_credentials(*order.credentials);
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // after the credentials: changing those forgets it
  if (getppid() != keeper) _exit(kExitNotExecuted);
  if (chdir("/") != 0) refuse("cannot enter ", "/");

  std::string role = std::string{keeper::kZygoteVariable} + '=' + std::to_string(getpid()) + ':' +
                     std::to_string(kSocket);
  std::vector<char*> environment;
  for (const std::string& entry : order.environment) {
    environment.push_back(const_cast<char*>(entry.c_str()));
  }
  environment.push_back(role.data());
  environment.push_back(nullptr);
  char* const argv[] = {const_cast<char*>(order.program.c_str()), nullptr};
  execve(order.program.c_str(), argv, environment.data());
  refuse("cannot execute ", order.program);
}

}  // namespace

pid_t start_zygote_process(const keeper::StartZygote& order, const UniqueFd& output,
                           const UniqueFd& socket, uint64_t tag) {
  const pid_t keeper = getpid();
  const pid_t pid = fork();
  if (pid == 0) become_zygote(order, output, socket, tag, keeper);
  return pid;
}

}  // namespace rayd
