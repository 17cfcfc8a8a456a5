// task: runs one registered function with arguments from the shell.
#include "cli/detached.h"
#include "cli/exit_status.h"
#include "cli/module_scope.h"
#include "cli/remote_call.h"
#include "cli/shell.h"
#include "cli/state_folder.h"
#include "cli/values.h"
#include "cli/verbs.h"

namespace rayd::cli {
namespace {

/// One task from its words to its outcome, in steps that `--detach` reports between.
class TaskRun {
 public:
  explicit TaskRun(Shell& shell) : shell_(shell) {}

  Status prepare() {
    auto client = shell_.connect();
    if (!client) return client.error();
    client_ = std::move(*client);
    const ParsedCommand& command = shell_.command;
    auto scope = ModuleScope::open(*client_, command.text("--module"), command.operands.front());
    if (!scope) return scope.error();
    scope_ = std::move(*scope);
    const auto found = scope_->find(NameKind::kFunction);
    if (!found) return found.error();
    auto values =
        values_of_words(parameter_types(found->entry),
                        {command.operands.begin() + 1, command.operands.end()}, found->name);
    if (!values) return values.error();
    for (Value& value : *values) args_.push_back({ObjectId{}, std::move(value)});
    return make_template(*found);
  }

  Status submit() {
    auto session = client_->open_session(call_.display_name, shell_.name_space());
    if (!session) return session.error();
    session_ = std::move(*session);
    task_ = TaskId::make(session_->client(), 1);
    if (const Status sent = session_->send(DefineTemplate{0, call_}); !sent.ok()) return sent;
    return session_->send(Submit{task_, 0, std::move(args_)});
  }

  Result<Outcome> wait() {
    CallOptions options;
    options.timeout = shell_.command.duration("--timeout");
    if (shell_.command.has("--wait-for-nodes") || shell_.command.has("--detach")) {
      options.infeasible = CallOptions::Infeasible::kWait;
    }
    return RemoteCall{*client_, *session_, shell_.output, options}.wait(task_);
  }

  JobId job() const { return session_->job(); }
  std::string waits_for() { return infeasible_reason(*client_, task_).value_or(""); }

 private:
  Status make_template(const FoundName& found) {
    const ParsedCommand& command = shell_.command;
    const auto demand = demand_of(command, kUnit);
    if (!demand) return demand.error();
    auto placement = placement_of(command);
    if (!placement) return placement.error();
    call_.placement = std::move(*placement);
    const auto retries = command.integer("--retries");
    if (retries && (*retries < -1 || *retries > INT32_MAX)) {
      return Error{ErrorCode::kInvalidArgument, "--retries wants a number, or -1 for ever"};
    }
    auto environment = environment_of(command, shell_.environment);
    if (!environment) return environment.error();
    call_.environment = std::move(*environment);
    call_.kind = CallTemplate::Kind::kTask;
    call_.function = {found.module, found.name, text_member(found.entry, "type")};
    call_.display_name = command.text("--name").value_or(found.name);
    call_.demand = *demand;
    if (retries) call_.max_retries = static_cast<int32_t>(*retries);
    return {};
  }

  Shell& shell_;
  std::unique_ptr<DaemonClient> client_;
  std::unique_ptr<ModuleScope> scope_;
  std::unique_ptr<TaskSession> session_;
  CallTemplate call_;
  std::vector<Arg> args_;
  TaskId task_;
};

std::optional<StateFolder> state_of(const Shell& shell) {
  const auto places = shell.places();
  return places ? std::optional(StateFolder{places->state_dir}) : std::nullopt;
}

int run_here(Shell& shell) {
  TaskRun run{shell};
  if (const Status ready = run.prepare(); !ready.ok()) return shell.output.fail(ready.error());
  if (const Status sent = run.submit(); !sent.ok()) return shell.output.fail(sent.error());
  if (const auto state = state_of(shell)) state->remember_last_job(run.job());
  const auto outcome = run.wait();
  if (!outcome) return shell.output.fail(outcome.error());
  return finish(shell.output, *outcome);
}

/// In the process behind --detach. The outcome is kept before the session, and with it the job,
/// ends: who waits for the job then finds it.
void run_behind(Shell& shell, const Report& report) {
  TaskRun run{shell};
  if (const Status ready = run.prepare(); !ready.ok()) return report(ready.error());
  if (const Status sent = run.submit(); !sent.ok()) return report(sent.error());
  const auto state = state_of(shell);
  if (state) state->forget_outcome(run.job());
  report(DetachedJob{run.job(), run.waits_for()});
  const auto outcome = run.wait();
  if (outcome && state) static_cast<void>(state->keep_outcome(run.job(), to_json(*outcome)));
}

int run_task(Shell& shell) {
  if (!shell.command.has("--detach")) return run_here(shell);
  const auto job = run_detached([&](const Report& report) { run_behind(shell, report); });
  if (!job) return shell.output.fail(job.error());
  if (const auto state = state_of(shell)) state->remember_last_job(job->job);
  shell.output.print(to_string(job->job) + "\n");
  if (!job->waits_for.empty()) shell.output.say("it waits: " + job->waits_for);
  return kDone;
}

constexpr Flag kFlags[] = {
    {"--name", "NAME", "what it is called in lists and logs (default: the function's name)"},
    {"--retries", "N", "how often it is run again when its worker died (default 3, -1: for ever)",
     FlagType::kInteger},
    {"--timeout", "DURATION", "cancel it after so long, such as 90s or 2h", FlagType::kDuration},
    {"--detach", "", "print the id of its job and return; rayctl wait has the result",
     FlagType::kSwitch},
    {"--wait-for-nodes", "", "queue what no node can run, in place of status 7", FlagType::kSwitch},
    {"--module", "FILE", "look the name up in this module alone, and forget it afterwards"},
};

}  // namespace

constinit const Verb kTask{
    .name = "task",
    .summary = "run one registered function",
    .operands = "FUNCTION [ARG]…",
    .details =
        "Arguments are converted by the parameters' types: a string takes the word as it\n"
        "is, everything else is JSON. rayctl list functions shows what there is.",
    .flags = kFlags,
    .groups = kDemandFlags,
    .least_operands = 1,
    .run = &run_task,
};

}  // namespace rayd::cli
