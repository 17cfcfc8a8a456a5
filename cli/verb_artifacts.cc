// artifacts: a job's result files, into a folder.
#include "cli/exit_status.h"
#include "cli/find_job.h"
#include "cli/job_files.h"
#include "cli/shell.h"
#include "cli/verbs.h"

namespace rayd::cli {
namespace {

int list_only(Shell& shell, const std::vector<JobFile>& files) {
  std::vector<Row> rows;
  for (const JobFile& file : files) rows.push_back({file.name, {{"bytes", file.bytes}}});
  shell.output.print_rows(rows, {});
  return kDone;
}

int run_artifacts(Shell& shell) {
  const auto client = shell.connect();
  if (!client) return shell.output.fail(client.error());
  const auto job = find_job(shell, **client, first_operand(shell));
  if (!job) return shell.output.fail(job.error());
  const auto files = (*client)->files(*job);
  if (!files) return shell.output.fail(files.error());
  if (files->empty()) shell.output.say(to_string(*job) + " has written no files");
  const auto folder = shell.command.text("--out");
  if (!folder) return list_only(shell, *files);
  const auto paths = JobFiles{**client, *job, *folder}.bring(*files);
  if (!paths) return shell.output.fail(paths.error());
  for (const std::string& path : *paths) shell.output.say("wrote " + path);
  return kDone;
}

constexpr Flag kFlags[] = {
    {"--out", "DIR", "the folder; without it they are listed"},
};

}  // namespace

constinit const Verb kArtifacts{
    .name = "artifacts",
    .summary = "bring a job's result files here",
    .operands = "[JOB]",
    .details = "Without a JOB the last one from here.",
    .flags = kFlags,
    .most_operands = 1,
    .run = &run_artifacts,
};

}  // namespace rayd::cli
