// logs: what a job, worker, actor or node has printed, every line of it.
#include "cli/exit_status.h"
#include "cli/find_job.h"
#include "cli/interrupts.h"
#include "cli/shell.h"
#include "cli/verbs.h"
#include "common/base/iso_time.h"

namespace rayd::cli {
namespace {

constexpr Duration kPatience = Duration::seconds(30);

/// "worker-1.3", "actor-…", "node-1": what the daemon knows as a source by itself.
bool is_other_source(const std::string& word) {
  return parse_client_id(word).ok() || parse_actor_id(word).ok() || parse_node_id(word).ok();
}

void print(const Output& output, const std::vector<LogLine>& lines) {
  for (const LogLine& line : lines) {
    if (!output.wants_json()) {
      output.print("(" + line.source + ") " + line.text + "\n");
      continue;
    }
    Json json{Json::Object{}};
    json.set("time", iso_time(line.unix_ms));
    json.set("source", line.source);
    json.set("text", line.text);
    output.print(json.dump() + "\n");
  }
}

/// Until the job has ended, or for ever where there is no job.
int follow(Shell& shell, DaemonClient& client, const std::string& source,
           const std::optional<JobId>& job) {
  Interrupts interrupts;
  client.set_interrupt(interrupts.fd());
  uint64_t cursor = 0;
  bool ended = false;
  for (;;) {
    const auto part = client.logs(source, cursor, ended ? Duration{} : kPatience);
    if (!part && part.error().code == ErrorCode::kCancelled) return kInterrupted;
    if (!part) return shell.output.fail(part.error());
    print(shell.output, part->lines);
    if (!shell.output.flush()) return kFailed;
    cursor = part->cursor;
    if (ended && part->lines.empty()) return kDone;
    if (!job) continue;
    const auto update = client.watch(*job, UINT64_MAX, Duration{});
    if (!update) return shell.output.fail(update.error());
    ended = update->state != JobState::kPending && update->state != JobState::kRunning;
  }
}

int run_logs(Shell& shell) {
  const auto client = shell.connect();
  if (!client) return shell.output.fail(client.error());
  std::string source;
  std::optional<JobId> job;
  const auto word = first_operand(shell);
  if (word && is_other_source(*word)) {
    source = *word;
  } else if (!shell.command.has("--all")) {
    const auto found = find_job(shell, **client, word);
    if (!found) return shell.output.fail(found.error());
    // An unknown job has no lines; say so rather than nothing.
    const auto known = (*client)->watch(*found, UINT64_MAX, Duration{});
    if (!known) return shell.output.fail(known.error());
    job = *found;
    source = to_string(*job);
  }
  if (shell.command.has("--follow")) return follow(shell, **client, source, job);
  const auto part = (*client)->logs(source, 0, Duration{});
  if (!part) return shell.output.fail(part.error());
  print(shell.output, part->lines);
  return kDone;
}

constexpr Flag kFlags[] = {
    {"--follow", "", "stay until the job has ended", FlagType::kSwitch, 'f'},
    {"--all", "", "everything that is printed in the cluster", FlagType::kSwitch},
};

}  // namespace

constinit const Verb kLogs{
    .name = "logs",
    .summary = "what a job, worker, actor or node has printed",
    .operands = "[JOB|ID]",
    .details = "Without a word the last job from here.",
    .flags = kFlags,
    .most_operands = 1,
    .run = &run_logs,
};

}  // namespace rayd::cli
