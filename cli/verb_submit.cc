// submit: runs a registered workload as a job, and follows it to its end.
#include <unistd.h>

#include <random>

#include "cli/exit_status.h"
#include "cli/job_follower.h"
#include "cli/module_scope.h"
#include "cli/remote_call.h"
#include "cli/shell.h"
#include "cli/state_folder.h"
#include "cli/verbs.h"
#include "cli/workload_parameters.h"

namespace rayd::cli {
namespace {

Status check_command(const ParsedCommand& command) {
  if (command.has("--detach") && command.has("--timeout")) {
    return Error{ErrorCode::kInvalidArgument,
                 "--timeout is watched from here and does not go with --detach; leave one out"};
  }
  const auto retries = command.integer("--retries");
  if (retries && (*retries < -1 || *retries > INT32_MAX)) {
    return Error{ErrorCode::kInvalidArgument, "--retries wants a number, or -1 for ever"};
  }
  return {};
}

ParameterSources sources_of(const ParsedCommand& command) {
  ParameterSources sources;
  sources.words.assign(command.operands.begin() + 1, command.operands.end());
  for (const std::string& word : command.all("-p")) sources.words.push_back(word);
  sources.json_files = command.all("-f");
  return sources;
}

/// The folder of the job's files: named after workload and job.
std::string out_folder(const ParsedCommand& command, const std::string& workload, JobId job) {
  if (const auto given = command.text("--out")) return *given;
  std::string name = workload;
  for (char& c : name) {
    if (c == '/' || c == ':') c = '-';
  }
  return "./" + name + "-" + to_string(job);
}

OperationId random_operation() {
  std::random_device random;
  const auto number = [&] { return static_cast<uint64_t>(random()) << 32 | random(); };
  return {ClientId{random(), random() | 1u}, number()};
}

Result<JobSubmission> submission_of(const Shell& shell, const FoundName& found,
                                    std::vector<JobParameter> parameters) {
  JobSubmission submission;
  auto environment = environment_of(shell.command, shell.environment);
  if (!environment) return environment.error();
  auto demand = demand_of(shell.command, 0);
  if (!demand) return demand.error();
  auto placement = placement_of(shell.command);
  if (!placement) return placement.error();
  submission.demand = std::move(*demand);
  submission.placement = std::move(*placement);
  submission.environment = std::move(*environment);
  submission.operation = random_operation();
  submission.workload = found.module_name + ":" + found.name;
  submission.parameters = std::move(parameters);
  submission.name = shell.command.text("--name").value_or("");
  submission.name_space = shell.name_space();
  submission.retries = static_cast<int32_t>(shell.command.integer("--retries").value_or(0));
  const bool waits = shell.command.has("--detach") || shell.command.has("--wait-for-nodes");
  submission.queue = waits ? JobSubmission::Queue::kYes : JobSubmission::Queue::kNo;
  return submission;
}

FollowOptions follow_options(const Shell& shell) {
  FollowOptions options;
  options.progress = progress_style(shell.command.text("--progress"), shell.output.options());
  options.timeout = shell.command.duration("--timeout");
  if (shell.command.has("--wait-for-nodes")) {
    options.infeasible = FollowOptions::Infeasible::kWait;
  }
  return options;
}

/// A connection that is lost on the way leaves open whether there is a job now: the same submission
/// says, to the daemon that is there next, perhaps one that was started anew.
class Submitter {
 public:
  Submitter(Shell& shell, DaemonClient& client) : shell_(shell), client_(&client) { begin(); }

  Result<JobId> submit(const JobSubmission& submission) {
    const Time deadline = now_boottime() + kPatience;
    for (;;) {
      auto job = client_->submit(submission);
      if (job || job.error().code != ErrorCode::kUnavailable) return job;
      if (!reconnect(deadline)) return job;
    }
  }

  DaemonClient& client() { return *client_; }
  JobFollower& follower() { return *follower_; }

 private:
  static constexpr Duration kPatience = Duration::seconds(10);

  // Before the job is there: a Ctrl-C from now on cancels it.
  void begin() {
    if (!shell_.command.has("--detach"))
      follower_.emplace(*client_, shell_.output, follow_options(shell_));
  }

  bool reconnect(Time deadline) {
    while (now_boottime() < deadline) {
      if (auto client = shell_.connect()) {
        follower_.reset();
        next_ = std::move(*client);
        client_ = next_.get();
        begin();
        return true;
      }
      usleep(100'000);
    }
    return false;
  }

  Shell& shell_;
  std::unique_ptr<DaemonClient> next_;
  DaemonClient* client_;
  std::optional<JobFollower> follower_;
};

int submit_found(Shell& shell, DaemonClient& client, const FoundName& found,
                 std::unique_ptr<ModuleScope> scope) {
  const ray::WorkloadInfo info = read_workload_info(found.entry);
  if (shell.command.asks == ParsedCommand::Asks::kHelp) {
    shell.output.print(describe(info));
    return kDone;
  }
  auto parameters = make_parameters(info, sources_of(shell.command), &read_whole_file);
  if (!parameters) return shell.output.fail(parameters.error());
  const auto submission = submission_of(shell, found, std::move(*parameters));
  if (!submission) return shell.output.fail(submission.error());
  Submitter submitter{shell, client};
  const auto job = submitter.submit(*submission);
  if (!job) return shell.output.fail(job.error());
  scope.reset();
  if (const auto places = shell.places()) StateFolder{places->state_dir}.remember_last_job(*job);
  if (shell.command.has("--detach")) {
    shell.output.print(to_string(*job) + "\n");
    const auto update = submitter.client().watch(*job, 0, Duration{});
    if (update && update->infeasible) shell.output.say("it waits: " + update->pending_reason);
    return kDone;
  }
  const auto outcome =
      submitter.follower().follow(*job, out_folder(shell.command, found.name, *job));
  if (!outcome) return shell.output.fail(outcome.error());
  return finish(shell.output, *outcome);
}

int run_submit(Shell& shell) {
  if (const Status good = check_command(shell.command); !good.ok()) {
    return shell.output.fail(good.error());
  }
  const auto client = shell.connect();
  if (!client) return shell.output.fail(client.error());
  auto scope =
      ModuleScope::open(**client, shell.command.text("--module"), shell.command.operands.front());
  if (!scope) return shell.output.fail(scope.error());
  const auto found = (*scope)->find(NameKind::kWorkload);
  if (!found) return shell.output.fail(found.error());
  return submit_found(shell, **client, *found, std::move(*scope));
}

constexpr Flag kFlags[] = {
    {"-p", "KEY=VALUE", "a parameter, as the plain word", FlagType::kText, 0, {}, Repeat::kYes},
    {"-f", "FILE.json", "many parameters, as a JSON object", FlagType::kText, 0, {}, Repeat::kYes},
    {"--out", "DIR", "where result files go (default: ./WORKLOAD-JOB)"},
    {"--name", "NAME", "the job's name (default: the workload's)"},
    {"--retries", "N", "how often the driver is run again when its machine died (-1: for ever)",
     FlagType::kInteger},
    {"--timeout", "DURATION", "cancel it after so long, such as 90s or 2h", FlagType::kDuration},
    {"--detach", "", "print the job's id and return", FlagType::kSwitch},
    {"--wait-for-nodes", "", "queue what no node can run, in place of status 7", FlagType::kSwitch},
    {"--module", "FILE", "look the name up in this module alone, and forget it afterwards"},
};

}  // namespace

constinit const Verb kSubmit{
    .name = "submit",
    .summary = "run a registered workload as a job",
    .operands = "WORKLOAD [KEY=VALUE]…",
    .details =
        "rayctl submit WORKLOAD --help shows its parameters. Log lines and progress go to\n"
        "standard error, the result to standard output, result files into a folder.\n"
        "Ctrl-C cancels the job and waits for its end; a lost terminal changes nothing.",
    .flags = kFlags,
    .groups = kDemandFlags | kProgressFlags,
    .least_operands = 1,
    .run = &run_submit,
    .own_help = Verb::OwnHelp::kYes,
};

}  // namespace rayd::cli
