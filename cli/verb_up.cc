// up, down: other machines become nodes of this cluster, and end, by ssh.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "cli/exit_status.h"
#include "cli/head_address.h"
#include "cli/program_bundle.h"
#include "cli/remote_hosts.h"
#include "cli/shell.h"
#include "cli/state_folder.h"
#include "cli/verbs.h"

namespace rayd::cli {
namespace {

constexpr int64_t kTokenLifetimeMs = int64_t{10} * 60 * 1000;
/// There, everything lies in the folder of its name; `current` is the one that was started last.
constexpr const char* kFolder = "\"${XDG_CACHE_HOME:-$HOME/.cache}\"/rayd";
/// The run folder of a login goes with the login, and the daemon stays.
constexpr const char* kLeaveLogin =
    "case $XDG_RUNTIME_DIR in /run/user/*) unset XDG_RUNTIME_DIR;; esac; ";

/// A word that ssh would take for an option is no host.
Status check_hosts(const std::vector<std::string>& hosts) {
  std::set<std::string> seen;
  for (const std::string& host : hosts) {
    if (host.empty() || host.starts_with('-')) {
      return Error{ErrorCode::kInvalidArgument, "'" + host + "' is no host: [USER@]HOST"};
    }
    if (!seen.insert(host).second) {
      return Error{ErrorCode::kInvalidArgument, host + " is there twice"};
    }
  }
  return {};
}

Ssh ssh_of(const Shell& shell) {
  const auto command = shell.command.text("--ssh");
  return Ssh{command ? *command : "ssh"};
}

std::string last_line(const std::string& text) {
  const size_t end = text.find_last_not_of(" \n\r\t");
  if (end == std::string::npos) return {};
  const size_t begin = text.rfind('\n', end);
  return text.substr(begin + 1, end - begin);
}

Error failure(const std::string& what, const RemoteRun& run) {
  const std::string said = last_line(run.output);
  return {ErrorCode::kUnavailable,
          what + (said.empty() ? ": status " + std::to_string(run.status) : ": " + said)};
}

// ---- up -----------------------------------------------------------------------------------------

/// What is the same for every host.
struct Ascent {
  Ssh ssh;
  ProgramBundle bundle;
  UniqueFd token;  // a file in memory
  std::string address;
  std::string flags;  // of its start, quoted

  std::string folder() const { return std::string{kFolder} + "/" + bundle.name; }
};

Status copy_there(const Ascent& ascent, const std::string& host) {
  const std::string look = "uname -sm; test -e " + ascent.folder() + "/complete && echo here; :";
  const RemoteRun looked = ascent.ssh.run(host, look, UniqueFd{});
  if (looked.status != 0) return failure("ssh", looked);
  if (looked.output.find(ascent.bundle.platform) == std::string::npos) {
    return Error{ErrorCode::kUnavailable, "it is " + last_line(looked.output) + ", and this is " +
                                              ascent.bundle.platform +
                                              ": install rayd there, and join with rayctl start"};
  }
  if (last_line(looked.output) == "here") return {};
  // Into a folder of its own first: who is interrupted leaves none that looks whole.
  const std::string copy = "set -e; d=" + ascent.folder() + "; t=$d.$$; mkdir -p \"$t\"; " +
                           "tar -xf - -C \"$t\"; : >\"$t/complete\"; " +
                           "mv -T \"$t\" \"$d\" 2>/dev/null || rm -rf \"$t\"; " +
                           "test -e \"$d/complete\"";
  const RemoteRun copied = ascent.ssh.run(host, copy, ascent.bundle.archive);
  if (copied.status != 0) return failure("copying", copied);
  return {};
}

Result<std::string> raise(const Ascent& ascent, const std::string& host) {
  if (const Status copied = copy_there(ascent, host); !copied.ok()) return copied.error();
  const std::string start = "ln -sfn " + ascent.bundle.name + " " + kFolder + "/current; " +
                            kLeaveLogin + "exec " + ascent.folder() + "/rayctl start --address " +
                            ascent.address + " --token-file -" + ascent.flags;
  const RemoteRun started = ascent.ssh.run(host, start, ascent.token);
  if (started.status != 0) return failure("start", started);
  return last_line(started.output);
}

/// A file in memory: its content is on no command line and in no environment.
UniqueFd hidden_file(const std::string& content) {
  UniqueFd file{memfd_create("rayd-token", MFD_CLOEXEC)};
  const std::string line = content + "\n";
  if (!file || write(file.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    return {};
  }
  return file;
}

Result<Ascent> prepare(const Shell& shell) {
  const auto client = shell.connect();
  if (!client) return client.error();
  if (shell.is_elsewhere() || !(*client)->facts().is_head) {
    return Error{ErrorCode::kInvalidArgument,
                 "run this on the machine of the head: the others join from there"};
  }
  auto address = head_address(**client);
  if (!address) return address.error();
  if (address->empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 "this cluster listens to no other machine; start it with --bind ADDR[:PORT]"};
  }
  auto bundle = make_program_bundle();
  if (!bundle) return bundle.error();
  const auto token = (*client)->create_token(TokenRole::kJoin, "up", kTokenLifetimeMs);
  if (!token) return token.error();
  Ascent ascent{ssh_of(shell), std::move(*bundle), hidden_file(*token), std::move(*address), {}};
  if (!ascent.token) return Error{ErrorCode::kInternal, "the token cannot be kept in memory"};
  for (const std::string& flag : flags_for(shell.loaded, kDaemon))
    ascent.flags += " " + quoted(flag);
  return ascent;
}

int print_outcomes(const Output& output, const std::vector<HostOutcome>& outcomes) {
  std::vector<Row> rows;
  for (const HostOutcome& outcome : outcomes) {
    rows.push_back({outcome.host, {{"ok", Json{outcome.ok}}, {"text", Json{outcome.text}}}});
  }
  if (output.wants_json()) output.print_rows(rows, {});
  const bool all = std::all_of(outcomes.begin(), outcomes.end(),
                               [](const HostOutcome& outcome) { return outcome.ok; });
  return all ? kDone : kFailed;
}

void say(const Output& output, const HostOutcome& outcome) {
  output.say(outcome.host + ": " + (outcome.ok ? "" : "failed: ") + outcome.text);
}

int run_up(Shell& shell) {
  const std::vector<std::string>& hosts = shell.command.operands;
  if (const Status good = check_hosts(hosts); !good.ok()) return shell.output.fail(good.error());
  const auto places = shell.places();
  if (!places) return shell.output.fail(places.error());
  const auto ascent = prepare(shell);
  if (!ascent) return shell.output.fail(ascent.error());
  const auto outcomes = on_each_host(
      hosts, [&](const std::string& host) { return raise(*ascent, host); },
      [&](const HostOutcome& outcome) { say(shell.output, outcome); });
  const StateFolder state{places->state_dir};
  std::set<std::string> known = state.hosts();
  for (const HostOutcome& outcome : outcomes) {
    if (outcome.ok) known.insert(outcome.host);
  }
  state.remember_hosts(known);
  return print_outcomes(shell.output, outcomes);
}

// ---- down ---------------------------------------------------------------------------------------

Result<std::string> lower(const Ssh& ssh, const std::string& cluster, const std::string& host) {
  const std::string program = std::string{kFolder} + "/current/rayctl";
  const std::string script = std::string{kLeaveLogin} + "test -x " + program +
                             " || { echo 'nothing was brought up here'; exit 0; }; exec " +
                             program + " stop --cluster " + quoted(cluster);
  const RemoteRun stopped = ssh.run(host, script, UniqueFd{});
  if (stopped.status != 0) return failure("stop", stopped);
  return last_line(stopped.output);
}

int run_down(Shell& shell) {
  const auto places = shell.places();
  if (!places) return shell.output.fail(places.error());
  const StateFolder state{places->state_dir};
  std::set<std::string> known = state.hosts();
  std::vector<std::string> hosts = shell.command.operands;
  if (hosts.empty()) hosts.assign(known.begin(), known.end());
  if (const Status good = check_hosts(hosts); !good.ok()) return shell.output.fail(good.error());
  if (hosts.empty()) shell.output.say("no machine was brought up from here");
  const Ssh ssh = ssh_of(shell);
  const auto outcomes = on_each_host(
      hosts, [&](const std::string& host) { return lower(ssh, shell.config().cluster, host); },
      [&](const HostOutcome& outcome) { say(shell.output, outcome); });
  for (const HostOutcome& outcome : outcomes) {
    if (outcome.ok) known.erase(outcome.host);
  }
  state.remember_hosts(known);
  return print_outcomes(shell.output, outcomes);
}

constexpr Flag kFlags[] = {
    {"--ssh", "COMMAND", "what is run in place of ssh, such as 'ssh -p 2222 -i KEY'",
     FlagType::kText},
};

}  // namespace

constinit const Verb kUp{
    .name = "up",
    .summary = "make other machines nodes of this cluster, by ssh: copy, start, join",
    .operands = "[USER@]HOST…",
    .details =
        "Run it where the head is. What a node needs goes to ~/.cache/rayd there, once for each\n"
        "version; nothing is installed. ssh must need no password. The flags are those of each\n"
        "machine's start. It can be repeated: who is up stays so.",
    .flags = kFlags,
    .programs = kDaemon | kEveryVerb,
    .least_operands = 1,
    .run = &run_up,
};

constinit const Verb kDown{
    .name = "down",
    .summary = "end the daemons of these machines by ssh; without HOST all that came by up",
    .operands = "[HOST…]",
    .flags = kFlags,
    .run = &run_down,
};

}  // namespace rayd::cli
