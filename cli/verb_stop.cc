// stop: ends the cluster on this machine, or everywhere, and returns when it is gone from here.
#include <signal.h>

#include <cerrno>
#include <cstring>

#include "cli/daemon_end.h"
#include "cli/exit_status.h"
#include "cli/shell.h"
#include "cli/verbs.h"

namespace rayd::cli {
namespace {

constexpr Duration kForcePatience = Duration::seconds(5);
constexpr Duration kPatience = Duration::seconds(60);

/// The socket that somebody listens on, and who.
struct Running {
  std::string socket;
  pid_t pid = 0;
};

std::optional<Running> find_running(const std::vector<std::string>& sockets) {
  for (const std::string& socket : sockets) {
    if (const pid_t pid = listener_of(socket); pid > 0) return Running{socket, pid};
  }
  return std::nullopt;
}

Status ask(const std::string& socket, Force force) {
  const auto client = DaemonClient::connect(socket);
  return client ? (*client)->stop(force) : Status{client.error()};
}

Status end_gracefully(const Running& running, const UniqueFd& process) {
  if (const Status asked = ask(running.socket, Force::kNo); !asked.ok()) return asked;
  if (wait_for_end(process, kPatience).ok()) return {};
  return Error{ErrorCode::kTimeout, "the daemon (pid " + std::to_string(running.pid) +
                                        ") does not end; rayctl stop --force kills it"};
}

/// Its keeper ends everything that it started when it is gone.
Status end_by_force(const Running& running, const UniqueFd& process) {
  kill(running.pid, SIGTERM);
  if (wait_for_end(process, kForcePatience).ok()) return {};
  if (kill(running.pid, SIGKILL) != 0 && errno != ESRCH) {
    return Error{ErrorCode::kNotAllowed, "the daemon (pid " + std::to_string(running.pid) +
                                             ") cannot be killed: " + std::strerror(errno)};
  }
  return wait_for_end(process, kForcePatience);
}

/// The daemon here may be gone before the head's answer has come through it.
Status ask_all(const Running& running, const UniqueFd& process, Force force) {
  const auto client = DaemonClient::connect(running.socket);
  if (!client) return client.error();
  const Status asked = (*client)->stop_all(force);
  if (asked.ok() || wait_for_end(process, kForcePatience).ok()) return {};
  return Error{asked.error().code, "the cluster does not end: " + asked.error().message};
}

int done_at(const Shell& shell, const Running& running) {
  if (const Status gone = wait_for_socket_gone(running.socket, kForcePatience); !gone.ok()) {
    return shell.output.fail(gone.error());
  }
  shell.output.say("cluster '" + shell.config().cluster + "' has ended");
  return kDone;
}

/// Only the owner may, on a machine of the cluster: the head says so.
int stop_elsewhere(const Shell& shell) {
  const auto client = shell.connect();
  if (!client) return shell.output.fail(client.error());
  const Force force = shell.command.has("--force") ? Force::kYes : Force::kNo;
  const Status asked =
      shell.command.has("--all") ? (*client)->stop_all(force) : (*client)->stop(force);
  return asked.ok() ? kDone : shell.output.fail(asked.error());
}

int run_stop(Shell& shell) {
  if (shell.is_elsewhere()) return stop_elsewhere(shell);
  const auto running = find_running(shell.sockets());
  if (!running) {
    shell.output.say("no cluster named '" + shell.config().cluster + "' runs here: nothing to do");
    return kDone;
  }
  const UniqueFd process = open_pidfd(running->pid);
  const Force force = shell.command.has("--force") ? Force::kYes : Force::kNo;
  if (process && shell.command.has("--all")) {
    const Status asked = ask_all(*running, process, force);
    if (!asked.ok()) return shell.output.fail(asked.error());
    // The daemon here has been told, or tells nobody else any more.
    if (force == Force::kNo && wait_for_end(process, kPatience).ok())
      return done_at(shell, *running);
  }
  if (process) {
    const Status ended =
        force == Force::kYes ? end_by_force(*running, process) : end_gracefully(*running, process);
    if (!ended.ok()) return shell.output.fail(ended.error());
  }
  return done_at(shell, *running);
}

constexpr Flag kFlags[] = {
    {"--all", "", "the whole cluster: every machine's daemon, the head's last", FlagType::kSwitch},
    {"--force", "", "kill it if it does not end by itself within 5 s", FlagType::kSwitch},
};

}  // namespace

constinit const Verb kStop{
    .name = "stop",
    .summary = "end the cluster on this machine and all that it started",
    .operands = "",
    .details = "The journal, modules and logs stay. Where nothing runs, there is nothing to do.",
    .flags = kFlags,
    .most_operands = 0,
    .run = &run_stop,
};

}  // namespace rayd::cli
