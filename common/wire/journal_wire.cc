#include "common/wire/journal_wire.h"

#include "common/schema/journal.capnp.h"
#include "common/wire/flat_message.h"
#include "common/wire/group_values.h"
#include "common/wire/peer_values.h"

namespace rayd::wire {
namespace {

void fill(schema::JobRow::Builder builder, const JobRow& row) {
  builder.setJob(row.job.value);
  builder.setName(as_text(row.name));
  builder.setWorkload(as_text(row.workload));
  builder.setNameSpace(as_text(row.name_space));
  builder.setState(static_cast<schema::JobState>(row.state));
  builder.setNode(row.node.value);
  builder.setAttempt(row.attempt);
  builder.setRetriesLeft(row.retries_left);
  builder.setResultJson(as_text(row.result_json));
  if (row.error) write(builder.initError(), *row.error);
  builder.setSubmittedUnixMs(row.submitted_unix_ms);
  builder.setEndedUnixMs(row.ended_unix_ms);
  if (row.driver != ClientId{}) write(builder.initDriver(), row.driver);
  builder.setCancelAsked(row.cancel_asked == JobRow::CancelAsked::kYes);
  if (row.root) write(builder.initRoot(), *row.root);
  if (!row.args.empty())
    write_peer_args(builder.initArgs(checked_count(row.args.size(), kMaxListValues)), row.args, {});
  if (row.operation == OperationId{}) return;
  write(builder.initOperation(), row.operation.client);
  builder.setOperationSeq(row.operation.seq);
}

JobRow read_job_row(schema::JobRow::Reader reader) {
  JobRow row;
  row.job = JobId{reader.getJob()};
  row.name = text_of(reader.getName());
  row.workload = text_of(reader.getWorkload());
  row.name_space = text_of(reader.getNameSpace());
  row.state = read_enum(reader.getState(), JobState::kCancelled, "state of a job");
  row.node = NodeId{reader.getNode()};
  row.attempt = reader.getAttempt();
  row.retries_left = reader.getRetriesLeft();
  row.result_json = text_of(reader.getResultJson());
  if (reader.hasError()) row.error = read_error(reader.getError());
  row.submitted_unix_ms = reader.getSubmittedUnixMs();
  row.ended_unix_ms = reader.getEndedUnixMs();
  row.driver = read_client(reader.getDriver());
  row.cancel_asked = reader.getCancelAsked() ? JobRow::CancelAsked::kYes : JobRow::CancelAsked::kNo;
  if (reader.hasRoot()) {
    row.root = std::make_shared<CallTemplate>(read_call_template(reader.getRoot()));
  }
  std::vector<Value> values;
  read_peer_args(reader.getArgs(), row.args, values);
  row.operation = {read_client(reader.getOperation()), reader.getOperationSeq()};
  return row;
}

void fill(schema::ActorRow::Builder builder, const ActorRow& row) {
  const ActorInfo& info = row.info;
  write(builder.initActor(), info.actor);
  builder.setState(static_cast<schema::ActorState>(info.state));
  builder.setNode(info.node.value);
  builder.setIncarnation(info.incarnation);
  builder.setRestarts(info.restarts);
  if (info.cause) write(builder.initCause(), *info.cause);
  if (info.creation) write(builder.initCreation(), *info.creation);
  builder.setJob(info.job.value);
  builder.setOwner(row.owner.value);
  if (row.args.empty()) return;
  write_peer_args(builder.initArgs(checked_count(row.args.size(), kMaxListValues)), row.args,
                  row.values);
}

ActorRow read_actor_row(schema::ActorRow::Reader reader) {
  ActorRow row;
  row.info.actor = read_actor(reader.getActor());
  row.info.state = read_enum(reader.getState(), ActorState::kDead, "state of an actor");
  row.info.node = NodeId{reader.getNode()};
  row.info.incarnation = reader.getIncarnation();
  row.info.restarts = reader.getRestarts();
  if (reader.hasCause()) row.info.cause = read_error(reader.getCause());
  if (reader.hasCreation()) {
    row.info.creation = std::make_shared<CallTemplate>(read_call_template(reader.getCreation()));
  }
  row.info.job = JobId{reader.getJob()};
  row.owner = NodeId{reader.getOwner()};
  read_peer_args(reader.getArgs(), row.args, row.values);
  return row;
}

void fill(schema::GroupRow::Builder builder, const GroupRow& row) {
  write(builder.initInfo(), row.info);
  builder.setJob(row.job.value);
}

GroupRow read_group_row(schema::GroupRow::Reader reader) {
  return {read_group_info(reader.getInfo()), JobId{reader.getJob()}};
}

template <class Root, class Row>
Result<Bytes> encode(const Row& row) {
  try {
    capnp::MallocMessageBuilder builder;
    fill(builder.initRoot<Root>(), row);
    return to_bytes(builder);
  } catch (const Malformed& malformed) {
    return Error{ErrorCode::kInvalidArgument, malformed.what};
  }
}

}  // namespace

Result<Bytes> encode_job_row(const JobRow& row) { return encode<schema::JobRow>(row); }
Result<Bytes> encode_actor_row(const ActorRow& row) { return encode<schema::ActorRow>(row); }
Result<Bytes> encode_group_row(const GroupRow& row) { return encode<schema::GroupRow>(row); }

Result<JobRow> decode_job_row(ByteSpan bytes) {
  return read_flat_message<schema::JobRow>(bytes, read_job_row);
}
Result<ActorRow> decode_actor_row(ByteSpan bytes) {
  return read_flat_message<schema::ActorRow>(bytes, read_actor_row);
}
Result<GroupRow> decode_group_row(ByteSpan bytes) {
  return read_flat_message<schema::GroupRow>(bytes, read_group_row);
}

}  // namespace rayd::wire
