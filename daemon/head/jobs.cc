#include "daemon/head/jobs.h"

#include "common/base/check.h"
#include "daemon/head/actors.h"
#include "daemon/head/groups.h"
#include "daemon/head/nodes.h"

namespace rayd::head {
namespace {

/// Jobs that ended stay listed until so many ended after them.
constexpr size_t kEndedKept = 10'000;
constexpr uint32_t kNumbersReserved = 64;

TaskId root_of(JobId job) { return TaskId::make(ClientId{kHeadNode.value, job.value}, 0); }
JobId job_of(TaskId root) { return JobId{root.client().serial}; }

}  // namespace

// ---- rows ---------------------------------------------------------------------------------------

void Jobs::reserve_numbers() {
  safe_bound_ = next_number_ = parts_.membership.next_job;
  parts_.membership.next_job += kNumbersReserved;
}

JobId Jobs::next_number(HeadContext& context) {
  RAY_CHECK(next_number_ > 0);
  if (next_number_ == parts_.membership.next_job) reserve_in_time(context);
  return JobId{next_number_++};
}

void Jobs::reserve_in_time(HeadContext& context) {
  if (parts_.membership.next_job - next_number_ > kNumbersReserved / 2) return;
  if (parts_.outbox.is_committed(bound_record_)) safe_bound_ = parts_.membership.next_job;
  parts_.membership.next_job += kNumbersReserved;
  bound_record_ = parts_.outbox.append(context, parts_.membership);
}

bool Jobs::is_safe(JobId job) {
  if (parts_.outbox.is_committed(bound_record_)) safe_bound_ = parts_.membership.next_job;
  return job.value < safe_bound_;
}

Jobs::Job& Jobs::add(JobRow&& row, const std::string& name_space) {
  row.name_space = name_space.empty() ? to_string(row.job) : name_space;
  Job& job = jobs_[row.job];
  job.row = std::move(row);
  return job;
}

void Jobs::load(JobRow&& row) {
  jobs_.erase(row.job);
  if (row.name_space.empty()) return;  // the row deletes
  Job& job = jobs_[row.job];
  job.row = std::move(row);
  if (job.row.operation != OperationId{}) operations_[job.row.operation] = job.row.job;
}

// Drivers of other nodes go on: their nodes announce them, or are declared dead. A root is run
// again if it may be: nobody knows what became of the attempt that reported to the head before.
void Jobs::begin_epoch(HeadContext& context) {
  std::vector<JobId> roots;
  for (auto& [id, job] : jobs_) {
    parts_.outbox.emit_at_once(context, JobChanged{job.row});
    const bool has_ended = job.row.state > JobState::kRunning;
    if (has_ended)
      ended_.push_back(id);
    else if (job.row.driver != ClientId{})
      drivers_[job.row.driver] = id;
    else
      roots.push_back(id);
  }
  for (const JobId id : roots) {
    Job& job = jobs_.at(id);
    const ErrorRef cause =
        make_error(ErrorCode::kNodeDied,
                   to_string(job.row.node) +
                       " died, or its report was lost: the head ended while the job ran");
    if (!job.row.root) {  // of a head that did not journal it
      end(context, job, JobState::kFailed, cause);
      continue;
    }
    job.root = Job::Root::kWaiting;
    waiting_.insert(id);
    if (job.row.state == JobState::kRunning) fail_or_retry(context, job, cause);
  }
  while (ended_.size() > kEndedKept) forget_oldest(context);
}

void Jobs::save(HeadContext& context, const Job& job) {
  parts_.outbox.append(context, job.row);
  parts_.outbox.emit(context, JobChanged{job.row});
}

void Jobs::end(HeadContext& context, Job& job, JobState state, ErrorRef error) {
  job.row.state = state;
  job.row.error = std::move(error);
  job.row.ended_unix_ms = context.unix_ms;
  job.root = Job::Root::kNone;
  job.row.root.reset();
  job.row.args.clear();
  waiting_.erase(job.row.job);
  drivers_.erase(job.row.driver);
  save(context, job);
  parts_.nodes.tell_all(context, JobEnded{job.row.job});
  parts_.actors.on_job_ended(context, job.row.job);
  parts_.groups.on_job_ended(context, job.row.job);
  ended_.push_back(job.row.job);
  forget_oldest(context);
}

void Jobs::forget_oldest(HeadContext& context) {
  if (ended_.size() <= kEndedKept) return;
  JobRow nothing;
  nothing.job = ended_.front();
  operations_.erase(jobs_.at(nothing.job).row.operation);
  jobs_.erase(nothing.job);
  ended_.pop_front();
  parts_.outbox.append(context, std::move(nothing));
}

// ---- drivers ------------------------------------------------------------------------------------

Jobs::Job& Jobs::add_driver(HeadContext& context, const DriverConnected& message) {
  const bool has_job =
      message.job != JobId{} && message.job.value < next_number_ && !jobs_.contains(message.job);
  JobRow row;
  row.job = has_job ? message.job : next_number(context);
  row.name = message.name;
  row.state = JobState::kRunning;
  row.node = message.client.owner();
  row.submitted_unix_ms = context.unix_ms;
  row.driver = message.client;
  drivers_[message.client] = row.job;
  return add(std::move(row), message.name_space);
}

void Jobs::on_driver_connected(HeadContext& context, const DriverConnected& message) {
  const auto known = drivers_.find(message.client);
  const bool is_new = known == drivers_.end();
  const Job& job = is_new ? add_driver(context, message) : jobs_.at(known->second);
  OperationReply reply;
  reply.operation = message.operation;
  reply.job = job.row.job;
  reply.name_space = job.row.name_space;
  const NodeId node = message.client.owner();
  if (is_safe(reply.job)) {
    parts_.outbox.to_node_at_once(context, node, std::move(reply));
  } else {
    parts_.outbox.to_node(context, node, std::move(reply));
  }
  if (!is_new) return;
  parts_.outbox.emit_at_once(context, JobChanged{job.row});
  parts_.outbox.append(context, job.row);
  reserve_in_time(context);
}

void Jobs::on_driver_gone(HeadContext& context, ClientId driver) {
  const auto it = drivers_.find(driver);
  if (it != drivers_.end()) end(context, jobs_.at(it->second), JobState::kSucceeded, nullptr);
}

// ---- submitted workloads ------------------------------------------------------------------------

void Jobs::on_submit(HeadContext& context, SubmitJob&& message) {
  const bool is_named = message.operation != OperationId{};
  if (const auto known = operations_.find(message.operation);
      is_named && known != operations_.end())
    return parts_.outbox.emit(context, RequestReply{message.request, nullptr, known->second});
  const std::string infeasible =
      parts_.nodes.explain_infeasible({message.root->demand, message.root->placement});
  if (!infeasible.empty() && message.queue == SubmitJob::QueueIfInfeasible::kNo) {
    ErrorRef error = make_error(ErrorCode::kInfeasible, message.workload + " " + infeasible);
    return parts_.outbox.emit(context, RequestReply{message.request, std::move(error), {}});
  }
  JobRow row;
  row.job = next_number(context);
  row.name = std::move(message.name);
  row.workload = std::move(message.workload);
  row.retries_left = message.retries;
  row.submitted_unix_ms = message.now_unix_ms;
  Job& job = add(std::move(row), message.name_space);
  auto call = std::make_shared<CallTemplate>(*message.root);
  call->kind = CallTemplate::Kind::kJobRoot;
  call->return_count = 1;
  call->name_space = job.row.name_space;
  job.row.root = std::move(call);
  job.row.args = std::move(message.args);
  job.root = Job::Root::kWaiting;
  waiting_.insert(job.row.job);
  if (is_named) operations_[job.row.operation = message.operation] = job.row.job;
  // One row says both: the root need not wait for a second one.
  const Placed placed = choose_node(context, job);
  save(context, job);
  parts_.outbox.emit(context, RequestReply{message.request, nullptr, job.row.job});
  if (placed == Placed::kYes) send_root(context, job);
  reserve_in_time(context);
}

void Jobs::place(HeadContext& context, Job& job) {
  if (const std::string never = parts_.nodes.why_never(job.row.root->placement); !never.empty())
    return end(context, job, JobState::kFailed,
               make_error(ErrorCode::kInfeasible, job.row.workload + " " + never));
  if (choose_node(context, job) == Placed::kNo) return;
  save(context, job);
  send_root(context, job);
}

Jobs::Placed Jobs::choose_node(HeadContext& context, Job& job) {
  Wanted wanted;
  wanted.demand = job.row.root->demand;
  wanted.placement = job.row.root->placement;
  wanted.excluded = job.excluded;
  wanted.beside_head_is = Wanted::BesideHeadIs::kLast;
  const auto node = parts_.nodes.choose(context, wanted);
  if (!node) return Placed::kNo;
  waiting_.erase(job.row.job);
  job.root = Job::Root::kAssigned;
  job.row.node = *node;
  job.row.state = JobState::kRunning;
  ++job.row.attempt;
  return Placed::kYes;
}

void Jobs::send_root(HeadContext& context, const Job& job) {
  Assign assign;
  assign.task = root_of(job.row.job);
  assign.attempt = job.row.attempt;
  assign.call = job.row.root;
  assign.job = job.row.job;
  assign.args = job.row.args;
  assign.values.resize(job.row.args.size());
  parts_.outbox.to_node(context, job.row.node, PeerMessage{std::move(assign)});
}

void Jobs::place_waiting(HeadContext& context) {
  const std::set<JobId> waiting = waiting_;
  for (const JobId id : waiting) place(context, jobs_.at(id));
}

void Jobs::on_cancel(HeadContext& context, const CancelJob& message) {
  const auto it = jobs_.find(message.job);
  if (it == jobs_.end()) {
    ErrorRef error = make_error(ErrorCode::kNotFound, "there is no " + to_string(message.job));
    return parts_.outbox.emit(context, RequestReply{message.request, std::move(error), {}});
  }
  Job& job = it->second;
  const bool is_driver = job.row.driver != ClientId{} && drivers_.contains(job.row.driver);
  switch (job.root) {
    case Job::Root::kNone:
      if (is_driver) end(context, job, JobState::kCancelled, nullptr);
      break;
    case Job::Root::kWaiting:
    case Job::Root::kFetching: end(context, job, JobState::kCancelled, nullptr); break;
    case Job::Root::kAssigned: {
      if (job.row.cancel_asked == JobRow::CancelAsked::kNo) {
        job.row.cancel_asked = JobRow::CancelAsked::kYes;
        save(context, job);
      }
      const bool is_forced = message.force == CancelJob::Force::kYes;
      revoke_root(context, job, is_forced ? RevokeReason::kForce : RevokeReason::kCancel);
      if (!is_forced)
        to_be_killed_.emplace_back(context.now + parts_.options.cancel_grace, message.job);
      break;
    }
  }
  parts_.outbox.emit(context, RequestReply{message.request, nullptr, message.job});
}

void Jobs::revoke_root(HeadContext& context, const Job& job, RevokeReason reason) {
  Revoke revoke;
  revoke.task = root_of(job.row.job);
  revoke.attempt = job.row.attempt;
  revoke.reason = reason;
  parts_.outbox.to_node(context, job.row.node, PeerMessage{revoke});
}

void Jobs::on_tick(HeadContext& context) {
  while (!to_be_killed_.empty() && to_be_killed_.front().first <= context.now) {
    const auto it = jobs_.find(to_be_killed_.front().second);
    to_be_killed_.pop_front();
    if (it != jobs_.end() && it->second.root == Job::Root::kAssigned)
      revoke_root(context, it->second, RevokeReason::kForce);
  }
}

std::optional<Time> Jobs::next_deadline() const {
  if (to_be_killed_.empty()) return std::nullopt;
  return to_be_killed_.front().first;
}

// ---- what became of a root ----------------------------------------------------------------------

Jobs::Job* Jobs::expecting(NodeId from, TaskId task, uint32_t attempt) {
  const auto it = jobs_.find(job_of(task));
  if (it == jobs_.end() || task != root_of(it->first)) return nullptr;
  Job& job = it->second;
  if (job.root != Job::Root::kAssigned || job.row.node != from) return nullptr;
  return job.row.attempt == attempt ? &job : nullptr;
}

void Jobs::on_peer(HeadContext& context, NodeId from, AttemptDone&& message) {
  give_back(context, from, message.transfer);
  Job* job = expecting(from, message.task, message.attempt);
  if (job == nullptr || job->row.cancel_asked == JobRow::CancelAsked::kYes || message.error ||
      message.results.empty()) {
    discard(context, from, message);
    if (job == nullptr) return;
  }
  if (job->row.cancel_asked == JobRow::CancelAsked::kYes)
    return end(context, *job, JobState::kCancelled, nullptr);
  if (message.error) {
    if (job->row.root->retry_exceptions == RetryExceptions::kYes)
      return fail_or_retry(context, *job, message.error);
    return end(context, *job, JobState::kFailed, message.error);
  }
  on_result(context, *job, message.results.empty() ? Value{} : message.results.front());
}

void Jobs::on_result(HeadContext& context, Job& job, const Value& result) {
  switch (result.kind) {
    case Value::Kind::kError: return end(context, job, JobState::kFailed, result.error);
    case Value::Kind::kNone:
    case Value::Kind::kInline:
      job.row.result_json = std::string{result.bytes.text()};
      return end(context, job, JobState::kSucceeded, nullptr);
    case Value::Kind::kStored: break;
  }
  const ObjectId object = root_of(job.row.job).object(1);
  if (result.size > kMaxResultBytes) {
    parts_.outbox.to_node(context, job.row.node, PeerMessage{Discard{object, job.row.attempt}});
    return end(context, job, JobState::kFailed,
               make_error(ErrorCode::kInvalidArgument,
                          "the result has " + std::to_string(result.size) + " bytes; at most " +
                              std::to_string(kMaxResultBytes) +
                              " are kept of a job: write it to a result file (Job::write)"));
  }
  job.root = Job::Root::kFetching;
  parts_.outbox.emit(context, FetchResult{job.row.job, job.row.node, object, result.size});
}

void Jobs::on_result_fetched(HeadContext& context, ResultFetched&& message) {
  const auto it = jobs_.find(message.job);
  if (it == jobs_.end()) return;
  Job& job = it->second;
  const bool is_awaited = job.root == Job::Root::kFetching;
  if (!is_awaited && job.root != Job::Root::kNone) return;  // it runs again
  const Discard discard{root_of(job.row.job).object(1), job.row.attempt};
  parts_.outbox.to_node(context, job.row.node, PeerMessage{discard});
  if (!is_awaited) return;  // cancelled meanwhile
  if (message.error) return fail_or_retry(context, job, message.error);
  job.row.result_json = std::move(message.text);
  end(context, job, JobState::kSucceeded, nullptr);
}

void Jobs::on_peer(HeadContext& context, NodeId from, AttemptFailed&& message) {
  Job* job = expecting(from, message.task, message.attempt);
  if (job == nullptr) return;
  // What failed before it started would fail again.
  if (message.started == AttemptFailed::Started::kNo &&
      job->row.cancel_asked == JobRow::CancelAsked::kNo)
    return end(context, *job, JobState::kFailed, message.cause);
  fail_or_retry(context, *job, message.cause);
}

void Jobs::fail_or_retry(HeadContext& context, Job& job, ErrorRef cause) {
  if (job.row.cancel_asked == JobRow::CancelAsked::kYes)
    return end(context, job, JobState::kCancelled, nullptr);
  if (job.row.retries_left == 0) return end(context, job, JobState::kFailed, std::move(cause));
  if (job.row.retries_left > 0) --job.row.retries_left;
  on_not_started(context, job);
}

// It may run again, elsewhere.
void Jobs::on_not_started(HeadContext& context, Job& job) {
  if (job.row.cancel_asked == JobRow::CancelAsked::kYes)
    return end(context, job, JobState::kCancelled, nullptr);
  job.root = Job::Root::kWaiting;
  job.row.state = JobState::kPending;
  waiting_.insert(job.row.job);
  save(context, job);
  place(context, job);
}

void Jobs::on_peer(HeadContext& context, NodeId from, const Revoked& message) {
  Job* job = expecting(from, message.task, message.attempt);
  if (job != nullptr) on_not_started(context, *job);
}

void Jobs::on_peer(HeadContext& context, NodeId from, const Refused& message) {
  Job* job = expecting(from, message.task, message.attempt);
  if (job == nullptr) return;
  job->excluded[from] = message.view;
  on_not_started(context, *job);
}

// The results of an attempt that nobody asks for any more.
void Jobs::discard(HeadContext& context, NodeId from, const AttemptDone& message) {
  for (uint32_t i = 0; i < message.results.size(); ++i)
    if (message.results[i].kind == Value::Kind::kStored)
      parts_.outbox.to_node(context, from,
                            PeerMessage{Discard{message.task.object(i + 1), message.attempt}});
}

// A root's result is text. References that came along with it are let go at once.
void Jobs::give_back(HeadContext& context, NodeId from, const Transfer& transfer) {
  if (transfer.token != 0)
    parts_.outbox.to_node(context, from, PeerMessage{TransferDone{transfer.token}});
  PeerRelease release;
  for (const ObjectId object : transfer.references)
    if (object.node() == from) release.objects.push_back({object, 1});
  if (!release.objects.empty())
    parts_.outbox.to_node(context, from, PeerMessage{std::move(release)});
}

void Jobs::on_node_dead(HeadContext& context, NodeId node) {
  std::vector<JobId> drivers, roots;
  for (const auto& [client, job] : drivers_)
    if (client.owner() == node) drivers.push_back(job);
  for (const auto& [id, job] : jobs_) {
    const bool runs = job.root == Job::Root::kAssigned || job.root == Job::Root::kFetching;
    if (runs && job.row.node == node) roots.push_back(id);
  }
  const ErrorRef cause = make_error(ErrorCode::kNodeDied, to_string(node) + " died");
  for (const JobId id : drivers) end(context, jobs_.at(id), JobState::kFailed, cause);
  for (const JobId id : roots) fail_or_retry(context, jobs_.at(id), cause);
}

void Jobs::on_group_removed(HeadContext& context, GroupId group) {
  std::vector<JobId> waiting;
  for (const JobId id : waiting_)
    if (jobs_.at(id).row.root->placement.group == group) waiting.push_back(id);
  for (const JobId id : waiting) place(context, jobs_.at(id));
}

// ---- questions ----------------------------------------------------------------------------------

bool Jobs::has_ended(JobId job) const {
  const auto it = jobs_.find(job);
  return it != jobs_.end() && it->second.row.state > JobState::kRunning;
}

std::string Jobs::name_space_of(JobId job) const {
  const auto it = jobs_.find(job);
  return it == jobs_.end() ? std::string{} : it->second.row.name_space;
}

void Jobs::append_to(HeadSnapshot& snapshot) const {
  for (const auto& [id, job] : jobs_) snapshot.jobs.push_back(job.row);
}

}  // namespace rayd::head
