// wait: until jobs have ended, or until so many nodes are up.
#include <unistd.h>

#include <algorithm>

#include "cli/exit_status.h"
#include "cli/find_job.h"
#include "cli/job_follower.h"
#include "cli/shell.h"
#include "cli/state_folder.h"
#include "cli/verbs.h"

namespace rayd::cli {
namespace {

FollowOptions follow_options(const Shell& shell, const std::optional<Time>& deadline) {
  FollowOptions options;
  options.progress = progress_style(shell.command.text("--progress"), shell.output.options());
  options.lines = FollowOptions::Lines::kHide;
  options.when_cut = FollowOptions::WhenCut::kLeave;
  options.infeasible = FollowOptions::Infeasible::kWait;
  if (deadline) options.timeout = std::max(*deadline - now_boottime(), Duration{});
  return options;
}

/// What became of a detached task was kept by the process behind it.
void add_kept(const Shell& shell, Outcome& outcome) {
  if (outcome.cut != Outcome::Cut::kNo || !outcome.result.is_null() || outcome.error) return;
  const auto places = shell.places();
  const auto kept = places ? StateFolder{places->state_dir}.outcome(outcome.job) : std::nullopt;
  if (kept) read_outcome(*kept, outcome);
}

int print_all(const Output& output, const std::vector<Outcome>& outcomes) {
  if (outcomes.size() == 1) return finish(output, outcomes.front());
  int status = kDone;
  Json items{Json::Array{}};
  for (const Outcome& outcome : outcomes) {
    items.push(to_json(outcome));
    if (output.options().format != Format::kJson) {
      const int one = finish(output, outcome);
      if (status == kDone) status = one;
      continue;
    }
    if (status == kDone) status = exit_status(outcome);
    if (const auto error = error_of(outcome)) {
      static_cast<void>(output.fail({error->code, to_string(outcome.job) + ": " + error->message}));
    }
  }
  if (output.options().format == Format::kJson) {
    Json document{Json::Object{}};
    document.set("v", 1);
    document.set("items", std::move(items));
    output.print(document.dump() + "\n");
  }
  return status;
}

int wait_for_nodes(Shell& shell, DaemonClient& client, const std::optional<Time>& deadline) {
  const int64_t wanted = *shell.command.integer("--nodes");
  for (;;) {
    const auto nodes = client.list("nodes");
    if (!nodes) return shell.output.fail(nodes.error());
    const auto up = std::count_if(nodes->begin(), nodes->end(),
                                  [](const Row& row) { return row.text("state") == "alive"; });
    if (up >= wanted) return kDone;
    if (deadline && now_boottime() >= *deadline) {
      return shell.output.fail({ErrorCode::kTimeout, std::to_string(up) + " of " +
                                                         std::to_string(wanted) +
                                                         " nodes are up; rayctl list nodes"});
    }
    usleep(100'000);
  }
}

int run_wait(Shell& shell) {
  std::optional<Time> deadline;
  if (const auto timeout = shell.command.duration("--timeout")) {
    deadline = now_boottime() + *timeout;
  }
  const auto client = shell.connect();
  if (!client) return shell.output.fail(client.error());
  if (shell.command.has("--nodes")) return wait_for_nodes(shell, **client, deadline);
  std::vector<std::optional<std::string>> words(shell.command.operands.begin(),
                                                shell.command.operands.end());
  if (words.empty()) words.emplace_back();
  std::vector<JobId> jobs;
  for (const auto& word : words) {
    const auto job = find_job(shell, **client, word);
    if (!job) return shell.output.fail(job.error());
    jobs.push_back(*job);
  }
  std::vector<Outcome> outcomes;
  for (const JobId job : jobs) {
    auto outcome = JobFollower{**client, shell.output, follow_options(shell, deadline)}.follow(job);
    if (!outcome) return shell.output.fail(outcome.error());
    add_kept(shell, *outcome);
    outcomes.push_back(std::move(*outcome));
    if (outcomes.back().cut == Outcome::Cut::kInterrupted) break;
  }
  return print_all(shell.output, outcomes);
}

constexpr Flag kFlags[] = {
    {"--timeout", "DURATION", "wait no longer; the jobs go on", FlagType::kDuration},
    {"--nodes", "N", "until so many nodes are up", FlagType::kInteger},
};

}  // namespace

constinit const Verb kWait{
    .name = "wait",
    .summary = "until jobs have ended; ends with their outcome",
    .operands = "[JOB]…",
    .details = "Without a JOB the last one from here. Ctrl-C ends the wait alone.",
    .flags = kFlags,
    .groups = kProgressFlags,
    .run = &run_wait,
};

}  // namespace rayd::cli
