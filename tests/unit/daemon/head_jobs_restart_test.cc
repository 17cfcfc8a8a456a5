// Jobs over the restart of a head: what its journal says of them.
#include "tests/unit/catch.h"
#include "tests/unit/daemon/head_jobs_fixture.h"

namespace rayd::head {

TEST_CASE("a restarted head lists ended jobs, runs again what may be, and fails the others") {
  HeadFixture before;
  before.begin();
  const NodeId node = before.join(4, BesideHead::kYes);
  const auto submit = [&](uint64_t seq, int32_t retries) {
    SubmitJob job = square();
    job.operation.seq = seq;
    job.retries = retries;
    before.on(job);
  };
  submit(1, 0);
  before.from(node, PeerMessage{done_with(TaskId::make(ClientId{0, 1}, 0), "[0,1]")});
  submit(2, 0);
  submit(3, 1);
  const ClientId driver{node.value, 2};
  before.from(node, DriverConnected{{driver, 0}, driver, "script", ""});

  HeadFixture after;
  for (const JournalRow& row : before.rows) after.core.load(JournalRow(row));
  after.begin();
  CHECK(after.said<JobChanged>().size() >= 4);
  CHECK(row_of(after, JobId{1}).state == JobState::kSucceeded);
  CHECK(row_of(after, JobId{1}).result_json == "[0,1]");
  const JobRow failed = row_of(after, JobId{2});
  CHECK(failed.state == JobState::kFailed);
  CHECK(failed.error->code == ErrorCode::kNodeDied);
  CHECK(failed.error->message.starts_with("node-1 died"));
  CHECK(row_of(after, JobId{3}).state == JobState::kPending);
  CHECK(row_of(after, JobId{4}).state == JobState::kFailed);  // the driver's
  const NodeId next = after.join(4, BesideHead::kYes);
  const auto assigns = after.heard_by<Assign>(next);
  REQUIRE(assigns.size() == 1);
  CHECK(assigns[0].job == JobId{3});
  CHECK(assigns[0].attempt == 2);
  CHECK(assigns[0].call->function.name == "square");
  CHECK(row_of(after, JobId{3}).retries_left == 0);
}

TEST_CASE("a restarted head runs a root again with its arguments, and knows whose submit it was") {
  HeadFixture before;
  before.begin();
  before.join(4, BesideHead::kYes);
  SubmitJob job = square();
  job.operation = {ClientId{77, 9}, 5};
  job.retries = 1;
  Arg argument;
  argument.value.kind = Value::Kind::kInline;
  argument.value.bytes = Bytes::copy(std::string_view{"input"});
  job.args = {argument};
  before.on(job);

  HeadFixture after;
  for (const JournalRow& row : before.rows) after.core.load(JournalRow(row));
  after.begin();
  const NodeId next = after.join(4, BesideHead::kYes);
  const auto assigns = after.heard_by<Assign>(next);
  REQUIRE(assigns.size() == 1);
  REQUIRE(assigns[0].args.size() == 1);
  CHECK(assigns[0].args[0].value.bytes.text() == "input");
  // The reply was lost with the head before: the same submit gets the same job, another its own.
  after.on(job);
  CHECK(after.said<RequestReply>().back().job == JobId{1});
  job.operation.seq = 6;
  after.on(job);
  CHECK(after.said<RequestReply>().back().job != JobId{1});
}

}  // namespace rayd::head
