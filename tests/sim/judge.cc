#include "tests/sim/judge.h"

#include <algorithm>

#include "tests/sim/world.h"

namespace rayd::sim {
namespace {

template <class... Parts>
std::string text(const Parts&... parts) {
  std::string out;
  say(out, parts...);
  return out;
}

std::string subject_of(ActorId actor) { return text("actor ", actor); }
std::string subject_of(NodeId node) { return text("node ", node); }
std::string subject_of(JobId job) { return text("job ", job.value); }

}  // namespace

template <class... Parts>
void Judge::violation(const Parts&... parts) {
  world_.violation(text(parts...));
}

// ---- claims -------------------------------------------------------------------------------------

void Judge::on_claim(Worker& worker, const Run& run) {
  if (world_.oracle.find_task(run.task) == nullptr)
    return violation("P2: a run of a task that nobody submitted: ", run.task);
  judge_attempt(worker, run);
  switch (run.call->kind) {
    case CallTemplate::Kind::kActorCreation: return judge_incarnation(worker, run);
    case CallTemplate::Kind::kActorCall: return judge_order(worker, run);
    default: return;
  }
}

void Judge::judge_attempt(Worker& worker, const Run& run) {
  Oracle::Task& task = *world_.oracle.find_task(run.task);
  ++task.starts;
  if (task.retries >= 0 && task.starts > static_cast<uint32_t>(task.retries) + 1)
    violation("P2 iv: ", run.task, " has started ", task.starts, " times with ", task.retries,
              " retries");
  uint32_t& last = last_attempt_[{worker.node().id(), run.task}];
  if (run.actor.is_nil() && run.attempt <= last)
    violation("P2 i: ", worker.node().id(), " runs ", run.task, " k=", run.attempt,
              " after k=", last);
  last = std::max(last, run.attempt);
}

void Judge::judge_incarnation(const Worker& worker, const Run& run) {
  if (!constructed_.insert({run.actor, run.incarnation}).second)
    violation("P3 i: incarnation ", run.incarnation, " of ", run.actor, " begins a second time");
  for (const auto& [id, client] : world_.clients()) {
    if (!client->is_worker() || !client->is_alive() || client.get() == &worker) continue;
    const auto& other = static_cast<const Worker&>(*client);
    if (other.actor() != run.actor || world_.is_dead_to_head(other.node().id())) continue;
    violation("P3 ii: incarnation ", run.incarnation, " of ", run.actor, " begins while ",
              other.incarnation(), " lives in ", id);
  }
}

void Judge::judge_order(const Worker& worker, const Run& run) {
  if (run.actor != worker.actor() || run.incarnation != worker.incarnation())
    violation("P3 i: ", worker.id(), " is given a call of another incarnation: ", run.task);
  const ClientId caller = run.task.client();
  const auto& calls = calls_[{caller, run.actor}];
  const auto it = std::find(calls.begin(), calls.end(), run.task);
  const auto position = static_cast<size_t>(it - calls.begin());
  size_t& passed = passed_[{worker.id(), caller}];
  if (position < passed)
    violation("P3 iii: ", run.actor, " runs call ", run.task, " after a later one");
  for (; passed < position; ++passed)
    if (!may_be_passed_over(caller, calls[passed]))
      violation("P3 iii: ", run.actor, " runs call ", run.task, " before ", calls[passed]);
  passed = position + 1;
}

// Its number was skipped: it has run in an earlier incarnation, or has ended without.
bool Judge::may_be_passed_over(ClientId caller, TaskId call) {
  const Oracle::Task& task = *world_.oracle.find_task(call);
  const Excuses& excuses = world_.oracle.excuses;
  if (task.starts > 0 || world_.oracle.was_cancelled(call)) return true;
  if (excuses.node_deaths || excuses.full_store || excuses.job_ends || excuses.client_deaths)
    return true;  // an argument is lost, or its job has ended: the answer may be on its way
  const Client* client = world_.find_client(caller);
  if (client == nullptr || !client->is_alive() || !client->node().is_alive()) return true;
  for (const auto& known : client->node().core().snapshot().tasks)
    if (known.task == call) return false;
  return true;
}

// ---- ends ---------------------------------------------------------------------------------------

void Judge::on_finished(const PublishFinished& message) {
  uint64_t& finished = finished_[message.client];
  if (message.finished < finished || message.finished > accepted_[message.client])
    violation("P2 iii: ", message.finished, " of ", accepted_[message.client], " tasks of ",
              message.client, " have ended, after ", finished);
  finished = message.finished;
}

void Judge::on_read(ObjectId object, const Value& value) {
  if (value.kind != Value::Kind::kError) {
    if (failed_.contains(object)) violation("P2 iii: ", object, " had failed, and has a value");
    return;
  }
  switch (value.error->code) {
    case ErrorCode::kCancelled:
    case ErrorCode::kTaskThrew:
    case ErrorCode::kWorkerDied:
    case ErrorCode::kActorDied: failed_.insert(object); return;
    default: return;  // of this reader, or until it is there again
  }
}

// ---- incarnations -------------------------------------------------------------------------------

void Judge::on_told(NodeId node, const ActorInfo& info) {
  uint32_t& known = told_[{node, info.actor}];
  known = std::max(known, info.incarnation);
}

bool Judge::would_be_late(NodeId node, const ActorReply& reply) const {
  const auto it = told_.find({node, reply.actor});
  const uint32_t incarnation = reply.incarnation - (world_.is_broken(Break::kHeardLate) ? 1 : 0);
  return it != told_.end() && incarnation < it->second;
}

// ---- the head -----------------------------------------------------------------------------------

void Judge::on_row(const Append& append) {
  std::string subject;
  if (const auto* job = std::get_if<JobRow>(&append.row)) subject = subject_of(job->job);
  if (const auto* actor = std::get_if<ActorRow>(&append.row))
    subject = subject_of(actor->info.actor);
  if (const auto* node = std::get_if<NodeRow>(&append.row)) subject = subject_of(node->node);
  if (!subject.empty()) rows_[subject] = append.number;
  if (const auto* membership = std::get_if<MembershipRow>(&append.row))
    bounds_[append.number] = membership->next_job;
}

void Judge::on_head_restart(uint64_t committed) {
  rows_.clear();
  const uint32_t bound = std::prev(bounds_.upper_bound(committed))->second;
  bounds_ = {{0, bound}};
}

// A driver's job need not be in the journal, only its number beyond the reach of any other.
void Judge::expect_reserved(JobId job, uint64_t waits_for) {
  const uint32_t bound = std::prev(bounds_.upper_bound(waits_for))->second;
  if (job.value >= bound)
    violation("P3 v: ", subject_of(job), " is told at row ", waits_for, " and not reserved there");
}

// What is said of something waits for the last row about it.
void Judge::expect_row(const std::string& subject, const char* what, uint64_t waits_for) {
  const auto row = rows_.find(subject);
  if (row != rows_.end() && row->second > waits_for)
    violation("P3 v: ", what, " waits for row ", waits_for, ", not for ", row->second, " of ",
              subject);
}

void Judge::on_head_leaves(const HeadAction& action, uint64_t committed) {
  if (action.after > committed)
    violation("P3 v: what waits for row ", action.after, " leaves at ", committed);
}

void Judge::on_head_says(const HeadAction& action, uint64_t committed) {
  const uint64_t row = std::max(action.after, committed);
  if (const auto* joiner = std::get_if<ToJoiner>(&action.what))
    return expect_row(subject_of(joiner->welcome.node), "Welcome", row);
  if (const auto* reply = std::get_if<RequestReply>(&action.what))
    return expect_row(subject_of(reply->job), "a reply", row);
  const auto* to_node = std::get_if<ToNode>(&action.what);
  if (to_node == nullptr) return;
  const HeadToNode& message = to_node->message;
  if (const auto* start = std::get_if<StartActor>(&message))
    expect_row(subject_of(start->actor), "Start", row);
  if (const auto* end = std::get_if<EndActor>(&message))
    expect_row(subject_of(end->actor), "End", row);
  if (const auto* changed = std::get_if<ActorChanged>(&message))
    expect_row(subject_of(changed->info.actor), "ActorChanged", row);
  if (const auto* state = std::get_if<NodeStateChanged>(&message))
    expect_row(subject_of(state->node), "NodeState", row);
  if (const auto* ended = std::get_if<JobEnded>(&message))
    expect_row(subject_of(ended->job), "JobEnded", row);
  if (const auto* reply = std::get_if<OperationReply>(&message)) {
    expect_row(subject_of(reply->actor.actor), "OperationReply", row);
    expect_reserved(reply->job, row);
  }
  if (const auto* peer = std::get_if<PeerMessage>(&message))
    if (const auto* assign = std::get_if<Assign>(peer))
      expect_row(subject_of(assign->job), "Assign of a root", row);
}

}  // namespace rayd::sim
