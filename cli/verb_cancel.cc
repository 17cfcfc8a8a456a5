// cancel: asks a job to end.
#include "cli/exit_status.h"
#include "cli/find_job.h"
#include "cli/shell.h"
#include "cli/verbs.h"

namespace rayd::cli {
namespace {

int run_cancel(Shell& shell) {
  const auto client = shell.connect();
  if (!client) return shell.output.fail(client.error());
  const auto job = find_job(shell, **client, first_operand(shell));
  if (!job) return shell.output.fail(job.error());
  const Force force = shell.command.has("--force") ? Force::kYes : Force::kNo;
  if (const Status asked = (*client)->cancel(*job, force); !asked.ok()) {
    return shell.output.fail(asked.error());
  }
  shell.output.say(to_string(*job) + " is asked to end; rayctl wait " + to_string(*job) +
                   " tells when it has");
  return kDone;
}

constexpr Flag kFlags[] = {
    {"--force", "", "end its workers in place of asking them", FlagType::kSwitch},
};

}  // namespace

constinit const Verb kCancel{
    .name = "cancel",
    .summary = "end a job",
    .operands = "[JOB]",
    .details = "Without a JOB the last one from here.",
    .flags = kFlags,
    .most_operands = 1,
    .run = &run_cancel,
};

}  // namespace rayd::cli
