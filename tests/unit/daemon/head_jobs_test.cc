// Jobs: drivers, submitted workloads, modules.
#include "tests/unit/catch.h"
#include "tests/unit/daemon/head_jobs_fixture.h"

namespace rayd::head {
namespace {

AttemptFailed failure(TaskId task, uint32_t attempt,
                      AttemptFailed::Started started = AttemptFailed::Started::kYes) {
  auto error = std::make_shared<ErrorInfo>();
  error->code = ErrorCode::kWorkerDied;
  error->message = "signal 9";
  return {task, attempt, error, started};
}

const TaskId kRoot = TaskId::make(ClientId{0, 1}, 0);

struct Submitted : HeadFixture {
  Submitted() {
    begin();
    node = join(2);
    on(square());
  }
  NodeId node;
  JobId job{1};
};

TEST_CASE("a driver is a job with a namespace of its own, or the one it asked for") {
  HeadFixture head;
  head.begin();
  const NodeId node = head.join(1);
  const ClientId own{node.value, 2}, given{node.value, 4};
  head.from(node, DriverConnected{{own, 0}, own, "script", ""});
  head.from(node, DriverConnected{{given, 0}, given, "script", "lab"});
  head.from(node, DriverConnected{{own, 0}, own, "script", ""});  // repeated
  const auto replies = head.heard_by<OperationReply>(node);
  REQUIRE(replies.size() == 3);
  CHECK(replies[0].operation == OperationId{own, 0});
  CHECK(replies[0].job == JobId{1});
  CHECK(replies[0].name_space == "job-1");
  CHECK(replies[1].job == JobId{2});
  CHECK(replies[1].name_space == "lab");
  CHECK(replies[2].job == JobId{1});
  CHECK(head.core.snapshot().jobs.size() == 2);
}

TEST_CASE("a driver gets its job before the disk has it, but no number that could be used again") {
  HeadFixture head;
  head.begin();
  const NodeId node = head.join(1);
  head.commits = HeadFixture::Commits::kByHand;
  const auto connect = [&](uint32_t i) {
    const ClientId driver{node.value, 2 * i};
    head.from(node, DriverConnected{{driver, 0}, driver, "script", ""});
  };
  for (uint32_t i = 1; i <= 70; ++i) connect(i);
  // The first block of numbers is reserved since the head began; the next one waits for its row.
  const auto at_once = head.heard_by<OperationReply>(node);
  REQUIRE(at_once.size() == 64);
  CHECK(at_once.back().job == JobId{64});
  head.commit();
  const auto later = head.heard_by<OperationReply>(node);
  REQUIRE(later.size() == 6);
  CHECK(later.back().job == JobId{70});
  connect(71);
  CHECK(head.heard_by<OperationReply>(node).size() == 1);
}

TEST_CASE("numbers of jobs are never used again, and a driver keeps its own over a head restart") {
  HeadFixture before;
  before.begin();
  const NodeId node = before.join(1);
  const ClientId lost{node.value, 2}, kept{node.value, 4}, fresh{node.value, 6};
  before.from(node, DriverConnected{{lost, 0}, lost, "script", ""});
  before.from(node, DriverConnected{{kept, 0}, kept, "script", "lab"});
  const JobId job = before.heard_by<OperationReply>(node).back().job;

  HeadFixture after;
  for (const JournalRow& row : before.rows)
    if (!std::holds_alternative<JobRow>(row)) after.core.load(JournalRow(row));
  after.begin();
  after.from(node, HeadFixture::announce_of(node, 1));
  after.from(node, DriverConnected{{kept, 0}, kept, "script", "lab", job});
  after.from(node, DriverConnected{{fresh, 0}, fresh, "script", ""});
  const auto replies = after.heard_by<OperationReply>(node);
  REQUIRE(replies.size() == 2);
  CHECK(replies[0].job == job);
  CHECK(replies[0].name_space == "lab");
  CHECK(replies[1].job > job);
  CHECK(row_of(after, job).name == "script");
  CHECK(row_of(after, job).state == JobState::kRunning);
}

TEST_CASE("a driver that is gone ends its job everywhere") {
  HeadFixture head;
  head.begin();
  const NodeId node = head.join(1);
  const ClientId driver{node.value, 2};
  head.from(node, DriverConnected{{driver, 0}, driver, "script", ""});
  head.from(node, DriverGone{driver});
  head.from(node, DriverGone{driver});
  CHECK(head.heard_by<JobEnded>(node).size() == 1);
  CHECK(row_of(head, JobId{1}).state == JobState::kSucceeded);
  CHECK(row_of(head, JobId{1}).ended_unix_ms == HeadFixture::kUnixMs);
}

TEST_CASE("a submitted job is answered, its root assigned, its result kept as text") {
  Submitted head;
  const auto replies = head.said<RequestReply>();
  REQUIRE(replies.size() == 1);
  CHECK(replies[0].request == 41);
  CHECK(replies[0].job == head.job);
  const auto assigns = head.heard_by<Assign>(head.node);
  REQUIRE(assigns.size() == 1);
  CHECK(assigns[0].task == kRoot);
  CHECK(assigns[0].attempt == 1);
  CHECK(assigns[0].job == head.job);
  CHECK(assigns[0].call->name_space == "job-1");
  CHECK(row_of(head, head.job).state == JobState::kRunning);
  head.from(head.node, PeerMessage{done_with(kRoot, "[0,1,4,9]")});
  CHECK(row_of(head, head.job).state == JobState::kSucceeded);
  CHECK(row_of(head, head.job).result_json == "[0,1,4,9]");
  CHECK(head.heard_by<JobEnded>(head.node).size() == 1);
  CHECK(head.said<JobChanged>().back().row.state == JobState::kSucceeded);
}

TEST_CASE("no word of a job leaves before its row is committed") {
  HeadFixture head;
  head.begin();
  const NodeId node = head.join(1);
  head.commits = HeadFixture::Commits::kByHand;
  head.on(square());
  CHECK(head.said<RequestReply>().empty());
  CHECK(head.heard_by<Assign>(node).empty());
  head.commit();
  CHECK(head.said<RequestReply>().size() == 1);
  CHECK(head.heard_by<Assign>(node).size() == 1);
}

TEST_CASE("a root that does not heed its cancel is killed after the grace") {
  Submitted head;
  head.on(CancelJob{5, head.job, 0, CancelJob::Force::kNo});
  const auto asked = head.heard_by<Revoke>(head.node);
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].reason == RevokeReason::kCancel);
  REQUIRE(head.core.next_deadline());
  head.advance(Duration::millis(4'900));
  head.renew(head.node);
  head.tick();
  CHECK(head.heard_by<Revoke>(head.node).empty());
  head.advance(Duration::millis(100));
  head.tick();
  const auto killed = head.heard_by<Revoke>(head.node);
  REQUIRE(killed.size() == 1);
  CHECK(killed[0].reason == RevokeReason::kForce);
  head.advance(Duration::seconds(5));
  head.renew(head.node);
  head.tick();
  CHECK(head.heard_by<Revoke>(head.node).empty());
}

TEST_CASE("the same submit twice is one job") {
  Submitted head;
  head.on(square());
  const auto replies = head.said<RequestReply>();
  REQUIRE(replies.size() == 2);
  CHECK(replies[1].job == head.job);
  CHECK(head.core.snapshot().jobs.size() == 1);
}

TEST_CASE("a root waits for the first node, and prefers one that is not beside the head") {
  HeadFixture head;
  head.begin();
  head.on(square());
  CHECK(row_of(head, JobId{1}).state == JobState::kPending);
  const NodeId beside = head.join(4, BesideHead::kYes);
  CHECK(head.heard_by<Assign>(beside).size() == 1);
  const NodeId other = head.join(1);
  SubmitJob second = square();
  second.operation.seq = 10;
  head.on(second);
  CHECK(head.heard_by<Assign>(beside).empty());
  CHECK(head.heard_by<Assign>(other).size() == 1);
}

TEST_CASE("an infeasible root is refused, or queued when asked to") {
  HeadFixture head;
  head.begin();
  const NodeId small = head.join(1);
  SubmitJob big = square();
  auto root = std::make_shared<CallTemplate>(*big.root);
  root->demand.cpu = 8 * kUnit;
  big.root = root;
  head.on(big);
  const auto replies = head.said<RequestReply>();
  REQUIRE(replies.size() == 1);
  REQUIRE(replies[0].error);
  CHECK(replies[0].error->code == ErrorCode::kInfeasible);
  CHECK(head.core.snapshot().jobs.empty());
  big.queue = SubmitJob::QueueIfInfeasible::kYes;
  head.on(big);
  CHECK(head.said<RequestReply>().at(0).error == nullptr);
  CHECK(head.heard_by<Assign>(small).empty());
  const NodeId large = head.join(8);
  CHECK(head.heard_by<Assign>(large).size() == 1);
}

TEST_CASE("a root whose worker died runs again while retries are left") {
  HeadFixture head;
  head.begin();
  const NodeId node = head.join(1);
  SubmitJob submit = square();
  submit.retries = 1;
  head.on(submit);
  head.from(node, PeerMessage{failure(kRoot, 1)});
  const auto assigns = head.heard_by<Assign>(node);
  REQUIRE(assigns.size() == 2);
  CHECK(assigns[1].attempt == 2);
  head.from(node, PeerMessage{failure(kRoot, 1)});  // late: attempt 1 is over
  CHECK(row_of(head, JobId{1}).state == JobState::kRunning);
  head.from(node, PeerMessage{failure(kRoot, 2)});
  CHECK(row_of(head, JobId{1}).state == JobState::kFailed);
  CHECK(row_of(head, JobId{1}).error->message == "signal 9");
}

TEST_CASE("a root that could not start fails at once, one that was refused goes elsewhere") {
  Submitted head;
  const NodeId other = head.join(2);
  head.from(head.node, PeerMessage{Refused{kRoot, 1, 1}});
  CHECK(head.heard_by<Assign>(other).at(0).attempt == 2);
  head.from(other, PeerMessage{failure(kRoot, 2, AttemptFailed::Started::kNo)});
  CHECK(row_of(head, head.job).state == JobState::kFailed);
}

TEST_CASE("a root that nobody can take waits until the node says more") {
  Submitted head;
  head.heard_by<Assign>(head.node);
  head.from(head.node, PeerMessage{Refused{kRoot, 1, 1}});
  CHECK(head.heard_by<Assign>(head.node).empty());
  CHECK(row_of(head, head.job).state == JobState::kPending);
  NodeView view = HeadFixture::announce_of(head.node, 2).view;
  view.version = 2;
  head.from(head.node, ViewChanged{view});
  CHECK(head.heard_by<Assign>(head.node).at(0).attempt == 2);
}

TEST_CASE("a workload that throws fails its job with its error") {
  Submitted head;
  AttemptDone done;
  done.task = kRoot;
  done.attempt = 1;
  auto error = std::make_shared<ErrorInfo>();
  error->code = ErrorCode::kTaskThrew;
  error->message = "no such file";
  done.error = error;
  head.from(head.node, PeerMessage{done});
  CHECK(row_of(head, head.job).state == JobState::kFailed);
  CHECK(row_of(head, head.job).error->message == "no such file");
}

TEST_CASE("a long result is fetched, then its copy is let go") {
  Submitted head;
  AttemptDone done;
  done.task = kRoot;
  done.attempt = 1;
  Value value;
  value.kind = Value::Kind::kStored;
  value.size = 100'000;
  value.nodes = {head.node};
  done.results.push_back(value);
  head.from(head.node, PeerMessage{done});
  const auto fetches = head.said<FetchResult>();
  REQUIRE(fetches.size() == 1);
  CHECK(fetches[0].node == head.node);
  CHECK(fetches[0].object == kRoot.object(1));
  CHECK(row_of(head, head.job).state == JobState::kRunning);
  head.on(ResultFetched{head.job, "[long]", nullptr});
  CHECK(row_of(head, head.job).result_json == "[long]");
  CHECK(head.heard_by<Discard>(head.node).at(0).object == kRoot.object(1));
}

TEST_CASE("a job that is cancelled while its long result is fetched lets go of that") {
  Submitted head;
  AttemptDone done = done_with(kRoot, "");
  done.results[0].kind = Value::Kind::kStored;
  done.results[0].nodes = {head.node};
  head.from(head.node, PeerMessage{done});
  head.on(CancelJob{7, head.job, 13, {}});
  CHECK(row_of(head, head.job).state == JobState::kCancelled);
  CHECK(head.heard_by<Discard>(head.node).empty());  // somebody reads it
  head.on(ResultFetched{head.job, "[long]", nullptr});
  CHECK(head.heard_by<Discard>(head.node).at(0).object == kRoot.object(1));
  CHECK(row_of(head, head.job).state == JobState::kCancelled);
}

TEST_CASE("a result that is too long fails its job and says what to do") {
  Submitted head;
  AttemptDone done;
  done.task = kRoot;
  done.attempt = 1;
  Value value;
  value.kind = Value::Kind::kStored;
  value.size = uint64_t{1} << 30;
  done.results.push_back(value);
  head.from(head.node, PeerMessage{done});
  CHECK(row_of(head, head.job).state == JobState::kFailed);
  CHECK(row_of(head, head.job).error->message.find("result file") != std::string::npos);
  CHECK(head.heard_by<Discard>(head.node).size() == 1);
}

TEST_CASE("a cancelled job ends as cancelled, whatever its root says afterwards") {
  Submitted head;
  head.on(CancelJob{50, head.job, 13, CancelJob::Force::kNo});
  CHECK(head.said<RequestReply>().back().request == 50);
  const auto revokes = head.heard_by<Revoke>(head.node);
  REQUIRE(revokes.size() == 1);
  CHECK(revokes[0].reason == RevokeReason::kCancel);
  CHECK(row_of(head, head.job).state == JobState::kRunning);
  CHECK(row_of(head, head.job).cancel_asked == JobRow::CancelAsked::kYes);
  head.from(head.node, PeerMessage{done_with(kRoot, "[]")});
  CHECK(row_of(head, head.job).state == JobState::kCancelled);
  CHECK(head.heard_by<JobEnded>(head.node).size() == 1);
}

TEST_CASE("a cancel by force kills, of an unknown job is an error, of an ended one nothing") {
  Submitted head;
  head.on(CancelJob{50, head.job, 13, CancelJob::Force::kYes});
  CHECK(head.heard_by<Revoke>(head.node).at(0).reason == RevokeReason::kForce);
  head.from(head.node, PeerMessage{Revoked{kRoot, 1}});
  CHECK(row_of(head, head.job).state == JobState::kCancelled);
  head.said<RequestReply>();
  head.on(CancelJob{51, head.job, 14, CancelJob::Force::kNo});
  head.on(CancelJob{52, JobId{99}, 14, CancelJob::Force::kNo});
  const auto replies = head.said<RequestReply>();
  REQUIRE(replies.size() == 2);
  CHECK(replies[0].error == nullptr);
  CHECK(replies[1].error->code == ErrorCode::kNotFound);
}

TEST_CASE("the root's node dies: again elsewhere with a retry, failed without") {
  HeadFixture head;
  head.begin();
  const NodeId dies = head.join(2);
  SubmitJob once = square();
  SubmitJob twice = square();
  twice.operation.seq = 10;
  twice.retries = 1;
  head.on(once);
  head.on(twice);
  const NodeId other = head.join(1, BesideHead::kYes);
  head.advance(Duration::seconds(2));
  head.tick();
  CHECK(row_of(head, JobId{1}).state == JobState::kRunning);  // only suspect
  head.advance(Duration::millis(2'500));
  head.tick();
  CHECK(row_of(head, JobId{1}).state == JobState::kFailed);
  CHECK(row_of(head, JobId{1}).error->code == ErrorCode::kNodeDied);
  const auto assigns = head.heard_by<Assign>(other);
  REQUIRE(assigns.size() == 1);
  CHECK(assigns[0].job == JobId{2});
  CHECK(assigns[0].attempt == 2);
  head.from(dies, PeerMessage{done_with(kRoot, "[]")});
  CHECK(row_of(head, JobId{1}).state == JobState::kFailed);
}

TEST_CASE("references that come with a root's result are let go") {
  Submitted head;
  AttemptDone done = done_with(kRoot, "[]");
  const ObjectId own = TaskId::make(ClientId{head.node.value, 3}, 5).object(1);
  const ObjectId third = TaskId::make(ClientId{9, 3}, 5).object(1);
  done.transfer = {7, {own, third}};
  head.from(head.node, PeerMessage{done});
  CHECK(head.heard_by<TransferDone>(head.node).at(0).token == 7);
  const auto releases = head.heard_by<PeerRelease>(head.node);
  REQUIRE(releases.size() == 1);
  CHECK(releases[0].objects == std::vector<CountedObject>{{own, 1}});
}

TEST_CASE("a driver's job outlives the head, and ends with the driver; a workload's has failed") {
  Submitted head;
  const ClientId driver{head.node.value, 2};
  head.from(head.node, DriverConnected{{driver, 0}, driver, "script", "lab"});
  HeadFixture again;
  for (JournalRow& row : head.rows) again.core.load(std::move(row));
  again.begin();
  CHECK(row_of(again, head.job).state == JobState::kFailed);
  CHECK(row_of(again, JobId{2}).state == JobState::kRunning);
  again.from(head.node, HeadFixture::announce_of(head.node, 2));
  again.from(head.node, DriverGone{driver});
  CHECK(row_of(again, JobId{2}).state == JobState::kSucceeded);
  CHECK(again.heard_by<JobEnded>(head.node).at(0).job == JobId{2});
}

TEST_CASE("modules are kept by name, replaced by the same name, and survive the head") {
  HeadFixture head;
  head.begin();
  ModuleRow module;
  module.name = "forest";
  module.hash.bytes[0] = 1;
  head.on(PutModule{60, module});
  module.hash.bytes[0] = 2;
  head.on(PutModule{61, module});
  ModuleRow other = module;
  other.name = "sir";
  head.on(PutModule{62, other});
  head.on(RemoveModule{63, "sir"});
  head.on(RemoveModule{64, "sir"});
  const auto replies = head.said<RequestReply>();
  REQUIRE(replies.size() == 5);
  CHECK(replies[3].error == nullptr);
  CHECK(replies[4].error->code == ErrorCode::kNotFound);
  HeadFixture again;
  for (JournalRow& row : head.rows) again.core.load(std::move(row));
  again.begin();
  const auto modules = again.core.snapshot().modules;
  REQUIRE(modules.size() == 1);
  CHECK(modules[0].name == "forest");
  CHECK(modules[0].hash.bytes[0] == 2);
}

}  // namespace
}  // namespace rayd::head
