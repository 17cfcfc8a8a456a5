// start: begins a cluster on this machine and returns when it serves.
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>

#include "cli/bundled_models.h"
#include "cli/daemon_end.h"
#include "cli/exit_status.h"
#include "cli/head_address.h"
#include "cli/interrupts.h"
#include "cli/shell.h"
#include "cli/verbs.h"
#include "common/base/daemon_process.h"
#include "common/config/json.h"
#include "common/types/placement.h"

namespace rayd::cli {
namespace {

using Options = std::map<std::string, std::string>;
constexpr int64_t kTokenLifetimeMs = int64_t{24} * 3600 * 1000;

/// The options among the words of a daemon's command line.
Options options_among(const std::vector<std::string>& words) {
  Options found;
  for (const Setting& setting : split_arguments(words, kDaemon).settings) {
    found[setting.option] = setting.value;
  }
  return found;
}

std::vector<std::string> words_of_process(int32_t pid) {
  std::ifstream file{"/proc/" + std::to_string(pid) + "/cmdline", std::ios::binary};
  std::vector<std::string> words;
  for (std::string word; std::getline(file, word, '\0');) words.push_back(word);
  return words;
}

/// "num_cpus is 4 and would be 8": what differs between a running daemon and what was asked for.
std::string difference(const Options& running, const Options& asked) {
  std::string text;
  const auto value_of = [](const Options& options, const std::string& name) {
    const auto found = options.find(name);
    return found == options.end() ? std::string("the default") : found->second;
  };
  for (const Option& option : options()) {
    const std::string name{option.name};
    const std::string has = value_of(running, name);
    const std::string wants = value_of(asked, name);
    if (has == wants) continue;
    text += (text.empty() ? "" : ", ") + flag_of(option) + " is " + has + ", not " + wants;
  }
  return text;
}

std::vector<std::string> arguments_of(const Shell& shell) {
  std::vector<std::string> arguments;
  if (shell.command.has("--head")) arguments.push_back("--head");
  for (const std::string& flag : flags_for(shell.loaded, kDaemon)) {
    const bool is_replaced = shell.command.has("--label") && flag.starts_with("--labels=");
    if (!is_replaced) arguments.push_back(flag);
  }
  if (!shell.command.has("--label")) return arguments;
  Labels labels = shell.config().labels;
  for (const std::string& text : shell.command.all("--label")) {
    const auto label = parse_label(text);  // checked before
    if (label) labels[label->first] = label->second;
  }
  Json::Object members;
  for (const auto& [name, value] : labels) members.emplace_back(name, value);
  arguments.push_back("--labels=" + Json(std::move(members)).dump());
  return arguments;
}

int already_running(const Shell& shell, const DaemonClient& client) {
  const std::string differs = difference(options_among(words_of_process(client.facts().pid)),
                                         options_among(arguments_of(shell)));
  if (!differs.empty()) {
    return shell.output.fail(
        {ErrorCode::kAlreadyExists, "cluster '" + client.facts().cluster +
                                        "' runs already with other options: " + differs +
                                        ". End it first (rayctl stop), or begin another: --cluster "
                                        "NAME"});
  }
  shell.output.say("cluster '" + client.facts().cluster + "' runs already, with these options");
  return kDone;
}

void add_bundled_module(const Shell& shell) {
  const std::string path = bundled_module();
  if (path.empty()) return;
  const auto client = shell.connect();
  const Status added = !client ? Status{client.error()} : [&]() -> Status {
    const auto module = (*client)->add_module("models", path);
    return module ? Status{} : Status{module.error()};
  }();
  if (!added.ok()) {
    shell.output.say("rayctl: the models that come with rayd are missing (" + path + ": " +
                     added.error().message + "); rayctl module add FILE takes others");
  }
}

/// The line that joins another machine, on standard output and alone there.
int print_join_line(const Shell& shell) {
  const auto client = shell.connect();
  if (!client) return shell.output.fail(client.error());
  const auto address = head_address(**client);
  if (!address) return shell.output.fail(address.error());
  const auto token = (*client)->create_token(TokenRole::kJoin, "start", kTokenLifetimeMs);
  if (!token) return shell.output.fail(token.error());
  shell.output.say("\nanother machine joins within 24 h by (later: rayctl token create)");
  shell.output.print("rayctl start --address " + *address + " --token " + *token + "\n");
  return kDone;
}

/// Stays until the daemon ends; Ctrl-C ends it.
int block_until_end(const Shell& shell, pid_t pid) {
  Interrupts interrupts;
  const UniqueFd process = open_pidfd(pid);
  for (;;) {
    pollfd watched[] = {{process.get(), POLLIN, 0}, {interrupts.fd(), POLLIN, 0}};
    if (poll(watched, 2, -1) < 0) continue;
    if (interrupts.take() > 0) kill(pid, SIGTERM);
    if ((watched[0].revents & POLLIN) != 0) break;
  }
  if (Interrupts::last_signal() == SIGINT) return kInterrupted;
  if (Interrupts::last_signal() != 0) return kDone;
  shell.output.say("the daemon has ended");
  return kDone;
}

Status check_command(const Shell& shell) {
  for (const std::string& text : shell.command.all("--label"))
    if (const auto label = parse_label(text); !label) return label.error();
  const bool joins = !shell.config().address.empty();
  const bool begins = shell.command.has("--head");
  if (begins && joins) {
    return Error{ErrorCode::kInvalidArgument,
                 "--head begins a cluster and --address joins one: say one of them"};
  }
  if (begins || joins) return {};
  return Error{ErrorCode::kInvalidArgument,
               "say whether to begin a cluster here (rayctl start --head) or to join one (rayctl "
               "start --address HOST:PORT --token …, the line that the head's start prints)"};
}

/// The daemon reads it from the environment, where others do not see it.
Status pass_token(const Shell& shell) {
  if (shell.command.has("--head")) {
    unsetenv("RAYD_TOKEN");
    return {};
  }
  const auto token = shell.token();
  if (!token) return token.error();
  setenv("RAYD_TOKEN", token->c_str(), 1);
  return {};
}

int run_start(Shell& shell) {
  if (const Status good = check_command(shell); !good.ok()) return shell.output.fail(good.error());
  const auto places = shell.places();
  if (!places) return shell.output.fail(places.error());
  if (const auto running = DaemonClient::connect(places->socket())) {
    return already_running(shell, **running);
  } else if (running.error().code != ErrorCode::kUnavailable) {
    return shell.output.fail(running.error());
  }
  if (const Status made = make_places(*places, shell.environment); !made.ok()) {
    return shell.output.fail(made.error());
  }
  if (const Status passed = pass_token(shell); !passed.ok()) {
    return shell.output.fail(passed.error());
  }
  DaemonStart start;
  start.program = find_daemon_program();
  start.arguments = arguments_of(shell);
  start.detached = DaemonStart::Detached::kYes;
  start.output_file = places->log_dir + "/rayd.out";
  const auto pid = start_daemon(start);
  if (!pid) {
    return shell.output.fail(
        {pid.error().code, "the daemon does not start: " + pid.error().message +
                               ". Its log: " + places->daemon_log()});
  }
  if (!shell.command.has("--head")) {
    shell.output.say("this machine has joined the cluster of " + shell.config().address);
    return shell.command.has("--block") ? block_until_end(shell, *pid) : kDone;
  }
  add_bundled_module(shell);
  const std::string flag =
      shell.config().cluster == "default" ? std::string() : " --cluster " + shell.config().cluster;
  shell.output.say(
      "cluster '" + shell.config().cluster + "' serves at unix:" + places->socket() +
      "\n  rayctl submit square" + flag + "    runs a workload; rayctl list workloads" + flag +
      " shows all\n  rayctl status" + flag +
      "           what there is and what runs\n  rayctl stop" + flag + "             ends it");
  if (shell.config().bind.empty()) {
    shell.output.say("  only this machine reaches it; rayctl start --head --bind ADDR[:7390]" +
                     flag + " opens it to others");
  } else if (const int status = print_join_line(shell); status != kDone) {
    return status;
  }
  return shell.command.has("--block") ? block_until_end(shell, *pid) : kDone;
}

constexpr Flag kFlags[] = {
    {"--head", "", "begin a cluster on this machine", FlagType::kSwitch},
    {"--label",
     "K=V",
     "a label of this node, by which work finds it",
     FlagType::kText,
     0,
     {},
     Repeat::kYes},
    {"--block", "", "stay until the daemon ends; Ctrl-C ends it", FlagType::kSwitch},
};

}  // namespace

constinit const Verb kStart{
    .name = "start",
    .summary = "begin or join a cluster on this machine; returns when it serves",
    .operands = "",
    .details =
        "Without --bind only this machine can reach it: it listens on a Unix socket.\n"
        "Starting twice with equal options is success.",
    .flags = kFlags,
    .programs = kDaemon | kEveryVerb,
    .most_operands = 0,
    .run = &run_start,
};

}  // namespace rayd::cli
