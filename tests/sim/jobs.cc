#include "tests/sim/jobs.h"

#include <algorithm>
#include <memory>

#include "tests/sim/world.h"

namespace rayd::sim {
namespace {

TaskId root_of(JobId job) { return TaskId::make(ClientId{kHeadNode.value, job.value}, 0); }

}  // namespace

void Jobs::submit(const ScriptSpec& root, int32_t retries) {
  Job& job = jobs_.emplace_back();
  job.root = root;
  job.retries = retries;
  job.request = jobs_.size();
  world_.count("job");
  ask(job);
}

// Again and again until it is answered; the operation is always the same.
void Jobs::ask(const Job& job) {
  auto call = std::make_shared<CallTemplate>();
  call->kind = CallTemplate::Kind::kJobRoot;
  call->function.name = "script";
  SubmitJob message;
  message.request = job.request;
  message.operation = {ClientId{kHeadNode.value, 1}, job.request};
  message.name = message.workload = "script";
  message.root = std::move(call);
  message.args.resize(1);
  message.args[0].value.kind = Value::Kind::kInline;
  message.args[0].value.bytes = job.root.encode();
  message.args[0].value.size = message.args[0].value.bytes.size();
  message.retries = job.retries;
  message.queue = SubmitJob::QueueIfInfeasible::kYes;
  world_.head().input(SubmitJob(message));
  if (world_.repeats_now()) world_.head().input(std::move(message));
  world_.after(Duration::millis(500), [this, request = job.request] {
    const Job& asked = jobs_[request - 1];
    if (asked.state == Job::State::kAsked) ask(asked);
  });
}

bool Jobs::cancel_one() {
  for (Job& job : jobs_) {
    if (job.state != Job::State::kKnown || job.is_cancelled) continue;
    job.is_cancelled = true;
    world_.oracle.excuses.cancels = true;
    world_.oracle.find_task(root_of(job.id))->is_cancelled = true;
    CancelJob message;
    message.request = kCancels + job.request;
    message.job = job.id;
    message.force = world_.random.chance(1, 2) ? CancelJob::Force::kYes : CancelJob::Force::kNo;
    world_.head().input(CancelJob(message));
    if (world_.repeats_now()) world_.head().input(std::move(message));
    return true;
  }
  return false;
}

bool Jobs::are_done() const {
  return std::all_of(jobs_.begin(), jobs_.end(), [](const Job& job) {
    return job.state == Job::State::kEnded || job.state == Job::State::kLost;
  });
}

std::string Jobs::state_text() const {
  std::string text;
  for (const Job& job : jobs_)
    if (job.state < Job::State::kEnded) say(text, "job ", job.id.value, " has not ended ");
  return text;
}

Jobs::Job* Jobs::find(JobId id) {
  const auto it = std::find_if(jobs_.begin(), jobs_.end(), [&](const Job& job) {
    return job.id == id && job.state != Job::State::kLost;
  });
  return it == jobs_.end() || id == JobId{} ? nullptr : &*it;
}

void Jobs::on_reply(const RequestReply& reply) {
  if (reply.request == 0 || reply.request > jobs_.size()) return;
  Job& job = jobs_[reply.request - 1];
  if (reply.error != nullptr) return world_.violation("a job was refused: " + reply.error->message);
  if (job.state != Job::State::kAsked) {
    if (job.id != reply.job) world_.violation("one SubmitJob, repeated, made two jobs");
    return;
  }
  job.id = reply.job;
  job.state = Job::State::kKnown;
  Oracle::Task task;
  task.outcomes = evaluate(job.root, {}, 1, nullptr);
  task.caller = root_of(job.id).client();
  task.retries = job.retries;
  world_.oracle.add_task(root_of(job.id), std::move(task));
}

void Jobs::on_changed(const JobRow& row) {
  Job* job = find(row.job);
  if (job == nullptr || row.state <= JobState::kRunning) return;
  if (job->state == Job::State::kEnded) {
    if (job->end != row.state) world_.violation("P2 iii: a job has ended twice");
    return;
  }
  job->state = Job::State::kEnded;
  job->end = row.state;
  world_.count("job_ended");
  world_.oracle.excuses.job_ends = true;
  judge(*job, row);
}

void Jobs::judge(const Job& job, const JobRow& row) {
  const ObjectId result = root_of(job.id).object(1);
  std::string fault;
  switch (row.state) {
    case JobState::kSucceeded: {
      const uint64_t token = token_in(Bytes::copy(std::string_view{row.result_json}));
      const OutcomeRef expected = world_.oracle.outcome_of(result);
      if (expected->kind == Outcome::Kind::kError || token != expected->token)
        fault = "another result than its root gives";
      break;
    }
    case JobState::kFailed: fault = world_.oracle.judge_error(result, *row.error); break;
    default:
      world_.count("job_cancelled");
      if (!job.is_cancelled) fault = "nobody cancelled it";
  }
  if (fault.empty()) return;
  std::string what;
  say(what, "job ", job.id.value, " has ended with ", fault);
  world_.violation(what);
}

void Jobs::on_head_restart() {
  for (Job& job : jobs_) {
    if (job.state != Job::State::kKnown) continue;
    job.state = Job::State::kLost;
    world_.oracle.excuses.job_ends = true;
  }
}

}  // namespace rayd::sim
