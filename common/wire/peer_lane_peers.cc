// The messages between two nodes (peer.capnp).
#include <variant>

#include "common/wire/peer_lane_messages.h"

namespace rayd::wire {

// ---- shared words -------------------------------------------------------------------------------

void write(schema::CallRef::Builder builder, const TemplateRef& call, SentTemplates& templates) {
  if (call == nullptr) throw Malformed{"a message without its call"};
  const SentTemplates::Use& use = templates.use(call);
  builder.setId(use.id);
  if (use.is == SentTemplates::Use::Is::kKnown) return;
  write(builder.initDefinition(), *call);
  if (use.forgotten.empty()) return;
  auto forget = builder.initForget(static_cast<unsigned>(use.forgotten.size()));
  for (unsigned i = 0; i < forget.size(); ++i) forget.set(i, use.forgotten[i]);
}

TemplateRef read_call(schema::CallRef::Reader reader, ReceivedTemplates& templates) {
  const auto refuse_unless = [](const Status& status) {
    if (!status.ok()) throw Malformed{status.error().message};
  };
  if (reader.hasForget()) {
    const auto list = checked(reader.getForget(), kMaxPeerTemplates);
    std::vector<uint32_t> ids;
    for (const uint32_t id : list) ids.push_back(id);
    refuse_unless(templates.forget(ids));
  }
  if (reader.hasDefinition()) {
    refuse_unless(templates.define(reader.getId(), read_call_template(reader.getDefinition())));
  }
  auto call = templates.find(reader.getId());
  if (!call.ok()) throw Malformed{call.error().message};
  return std::move(call).value();
}

void write(schema::Transfer::Builder builder, const Transfer& transfer) {
  builder.setToken(transfer.token);
  if (transfer.references.empty()) return;
  write_ids(builder.initReferences(checked_count(transfer.references.size())), transfer.references);
}

Transfer read_transfer(schema::Transfer::Reader reader) {
  return {reader.getToken(), read_objects(reader.getReferences())};
}

namespace {

using Root = schema::PeerMessage::Builder;

template <class Builder, class Message>
void write_task(Builder builder, const Message& message) {
  write(builder.initTask(), message.task);
  builder.setAttempt(message.attempt);
}

/// Which call of which caller to which incarnation.
template <class Builder, class Message>
void write_caller(Builder builder, const Message& message) {
  write(builder.initActor(), message.actor);
  builder.setIncarnation(message.incarnation);
  write(builder.initCaller(), message.caller);
}
template <class Reader, class Message>
void read_caller(Reader reader, Message& message) {
  message.actor = read_actor(reader.getActor());
  message.incarnation = reader.getIncarnation();
  message.caller = read_client(reader.getCaller());
}

// ---- P1: references -----------------------------------------------------------------------------

void fill(Root root, const Borrow& message, SentTemplates&) {
  auto builder = root.initBorrow();
  builder.setToken(message.token);
  write_ids(builder.initObjects(checked_count(message.objects.size())), message.objects);
}
Borrow read(schema::Borrow::Reader reader) {
  return {reader.getToken(), read_objects(reader.getObjects())};
}

void fill(Root root, const BorrowAck& message, SentTemplates&) {
  auto builder = root.initBorrowAck();
  builder.setToken(message.token);
  auto entries = builder.initEntries(checked_count(message.entries.size()));
  for (unsigned i = 0; i < entries.size(); ++i) {
    write(entries[i].initObject(), message.entries[i].object);
    if (message.entries[i].lost) write(entries[i].initLost(), *message.entries[i].lost);
  }
}
BorrowAck read(schema::BorrowAck::Reader reader) {
  BorrowAck message;
  message.token = reader.getToken();
  for (const auto entry : checked(reader.getEntries())) {
    BorrowAck::Entry& read = message.entries.emplace_back();
    read.object = read_object(entry.getObject());
    if (entry.hasLost()) read.lost = read_error(entry.getLost());
  }
  return message;
}

void fill(Root root, const TransferDone& message, SentTemplates&) {
  root.initTransferDone().setToken(message.token);
}
TransferDone read(schema::TransferDone::Reader reader) { return {reader.getToken()}; }

void fill(Root root, const PeerRelease& message, SentTemplates&) {
  auto objects = root.initRelease().initObjects(checked_count(message.objects.size()));
  for (unsigned i = 0; i < objects.size(); ++i) {
    write(objects[i].initId(), message.objects[i].object);
    objects[i].setCount(message.objects[i].count);
  }
}
PeerRelease read(schema::Release::Reader reader) {
  PeerRelease message;
  for (const auto entry : checked(reader.getObjects())) {
    message.objects.push_back({read_object(entry.getId()), entry.getCount()});
  }
  return message;
}

void fill(Root root, const Fetch& message, SentTemplates&) {
  write(root.initFetch().initObject(), message.object);
}
Fetch read(schema::Fetch::Reader reader) { return {read_object(reader.getObject())}; }

void fill(Root root, const FetchedValue& message, SentTemplates&) {
  auto builder = root.initFetchedValue();
  write(builder.initObject(), message.object);
  write(builder.initValue(), message.value);
  write(builder.initTransfer(), message.transfer);
}
FetchedValue read(schema::FetchedValue::Reader reader) {
  return {read_object(reader.getObject()), read_peer_value(reader.getValue()),
          read_transfer(reader.getTransfer())};
}

void fill(Root root, const CopyChanged& message, SentTemplates&) {
  auto builder = root.initCopyChanged();
  write(builder.initObject(), message.object);
  builder.setHave(message.have == CopyChanged::Have::kYes);
}
CopyChanged read(schema::CopyChanged::Reader reader) {
  return {read_object(reader.getObject()),
          reader.getHave() ? CopyChanged::Have::kYes : CopyChanged::Have::kNo};
}

void fill(Root root, const DropCopy& message, SentTemplates&) {
  write(root.initDropCopy().initObject(), message.object);
}
DropCopy read(schema::DropCopy::Reader reader) { return {read_object(reader.getObject())}; }

// ---- P2: assignment -----------------------------------------------------------------------------

void fill(Root root, const Assign& message, SentTemplates& templates) {
  auto builder = root.initAssign();
  write_task(builder, message);
  builder.setJob(message.job.value);
  write(builder.initCall(), message.call, templates);
  write_arguments(builder, message);
}
Assign read(schema::Assign::Reader reader, ReceivedTemplates& templates) {
  Assign message;
  message.task = read_task(reader.getTask());
  message.attempt = reader.getAttempt();
  message.job = JobId{reader.getJob()};
  message.call = read_call(reader.getCall(), templates);
  read_arguments(reader, message);
  return message;
}

void fill(Root root, const Refused& message, SentTemplates&) {
  auto builder = root.initRefused();
  write_task(builder, message);
  builder.setView(message.view);
}
Refused read(schema::Refused::Reader reader) {
  return {read_task(reader.getTask()), reader.getAttempt(), reader.getView()};
}

void fill(Root root, const AttemptDone& message, SentTemplates&) {
  auto builder = root.initAttemptDone();
  write_task(builder, message);
  write_outcome(builder, message);
}
AttemptDone read(schema::AttemptDone::Reader reader) {
  AttemptDone message;
  message.task = read_task(reader.getTask());
  message.attempt = reader.getAttempt();
  read_outcome(reader, message);
  return message;
}

void fill(Root root, const AttemptFailed& message, SentTemplates&) {
  auto builder = root.initAttemptFailed();
  write_task(builder, message);
  if (message.cause) write(builder.initCause(), *message.cause);
  builder.setStarted(message.started == AttemptFailed::Started::kYes);
}
AttemptFailed read(schema::AttemptFailed::Reader reader) {
  AttemptFailed message;
  message.task = read_task(reader.getTask());
  message.attempt = reader.getAttempt();
  if (reader.hasCause()) message.cause = read_error(reader.getCause());
  message.started =
      reader.getStarted() ? AttemptFailed::Started::kYes : AttemptFailed::Started::kNo;
  return message;
}

Cancel::Recursive recursive_of(bool recursive) {
  return recursive ? Cancel::Recursive::kYes : Cancel::Recursive::kNo;
}

void fill(Root root, const Revoke& message, SentTemplates&) {
  auto builder = root.initRevoke();
  write_task(builder, message);
  builder.setReason(static_cast<schema::RevokeReason>(message.reason));
  builder.setRecursive(message.recursive == Cancel::Recursive::kYes);
}
Revoke read(schema::Revoke::Reader reader) {
  return {read_task(reader.getTask()), reader.getAttempt(),
          read_enum(reader.getReason(), RevokeReason::kForce, "reason to revoke"),
          recursive_of(reader.getRecursive())};
}

void fill(Root root, const Revoked& message, SentTemplates&) {
  write_task(root.initRevoked(), message);
}
Revoked read(schema::Revoked::Reader reader) {
  return {read_task(reader.getTask()), reader.getAttempt()};
}

void fill(Root root, const CancelTask& message, SentTemplates&) {
  auto builder = root.initCancelTask();
  write(builder.initTask(), message.cancel.task);
  builder.setForce(message.cancel.force == Cancel::Force::kYes);
  builder.setRecursive(message.cancel.recursive == Cancel::Recursive::kYes);
}
CancelTask read(schema::CancelTask::Reader reader) {
  return {Cancel{read_task(reader.getTask()),
                 reader.getForce() ? Cancel::Force::kYes : Cancel::Force::kNo,
                 recursive_of(reader.getRecursive())}};
}

void fill(Root root, const Discard& message, SentTemplates&) {
  auto builder = root.initDiscard();
  write(builder.initObject(), message.object);
  builder.setAttempt(message.attempt);
}
Discard read(schema::Discard::Reader reader) {
  return {read_object(reader.getObject()), reader.getAttempt()};
}

// ---- P3: actor calls ----------------------------------------------------------------------------

void fill(Root root, const Attach& message, SentTemplates&) {
  auto builder = root.initAttach();
  write_caller(builder, message);
  builder.setBase(message.base);
}
Attach read(schema::Attach::Reader reader) {
  Attach message;
  read_caller(reader, message);
  message.base = reader.getBase();
  return message;
}

void fill(Root root, const Detach& message, SentTemplates&) {
  write_caller(root.initDetach(), message);
}
Detach read(schema::Detach::Reader reader) {
  Detach message;
  read_caller(reader, message);
  return message;
}

void fill(Root root, const ActorCall& message, SentTemplates& templates) {
  auto builder = root.initActorCall();
  write_caller(builder, message);
  builder.setN(message.n);
  builder.setAcked(message.acked);
  write(builder.initTask(), message.task);
  builder.setJob(message.job.value);
  write(builder.initCall(), message.call, templates);
  write_arguments(builder, message);
}
ActorCall read(schema::ActorCall::Reader reader, ReceivedTemplates& templates) {
  ActorCall message;
  read_caller(reader, message);
  message.n = reader.getN();
  message.acked = reader.getAcked();
  message.task = read_task(reader.getTask());
  message.job = JobId{reader.getJob()};
  message.call = read_call(reader.getCall(), templates);
  read_arguments(reader, message);
  return message;
}

void fill(Root root, const SkipCall& message, SentTemplates&) {
  auto builder = root.initSkipCall();
  write_caller(builder, message);
  builder.setN(message.n);
}
SkipCall read(schema::SkipCall::Reader reader) {
  SkipCall message;
  read_caller(reader, message);
  message.n = reader.getN();
  return message;
}

void fill(Root root, const ActorReply& message, SentTemplates&) {
  auto builder = root.initActorReply();
  write_caller(builder, message);
  builder.setN(message.n);
  write(builder.initTask(), message.task);
  write_outcome(builder, message);
}
ActorReply read(schema::ActorReply::Reader reader) {
  ActorReply message;
  read_caller(reader, message);
  message.n = reader.getN();
  message.task = read_task(reader.getTask());
  read_outcome(reader, message);
  return message;
}

void fill(Root root, const StaleIncarnation& message, SentTemplates&) {
  auto builder = root.initStaleIncarnation();
  write_caller(builder, message);
  builder.setStarted(message.started);
}
StaleIncarnation read(schema::StaleIncarnation::Reader reader) {
  StaleIncarnation message;
  read_caller(reader, message);
  message.started = reader.getStarted();
  return message;
}

void fill(Root root, const CancelCall& message, SentTemplates&) {
  auto builder = root.initCancelCall();
  write_caller(builder, message);
  builder.setN(message.n);
  builder.setRecursive(message.recursive == Cancel::Recursive::kYes);
}
CancelCall read(schema::CancelCall::Reader reader) {
  CancelCall message;
  read_caller(reader, message);
  message.n = reader.getN();
  message.recursive = recursive_of(reader.getRecursive());
  return message;
}

}  // namespace

void write_message(schema::PeerMessage::Builder root, const PeerMessage& message,
                   SentTemplates& templates) {
  std::visit([&](const auto& alternative) { fill(root, alternative, templates); }, message);
}

PeerMessage read_peer_message(schema::PeerMessage::Reader root, ReceivedTemplates& templates) {
  using Kind = schema::PeerMessage;
  switch (root.which()) {
    case Kind::BORROW: return read(root.getBorrow());
    case Kind::BORROW_ACK: return read(root.getBorrowAck());
    case Kind::TRANSFER_DONE: return read(root.getTransferDone());
    case Kind::RELEASE: return read(root.getRelease());
    case Kind::FETCH: return read(root.getFetch());
    case Kind::FETCHED_VALUE: return read(root.getFetchedValue());
    case Kind::COPY_CHANGED: return read(root.getCopyChanged());
    case Kind::DROP_COPY: return read(root.getDropCopy());
    case Kind::ASSIGN: return read(root.getAssign(), templates);
    case Kind::REFUSED: return read(root.getRefused());
    case Kind::ATTEMPT_DONE: return read(root.getAttemptDone());
    case Kind::ATTEMPT_FAILED: return read(root.getAttemptFailed());
    case Kind::REVOKE: return read(root.getRevoke());
    case Kind::REVOKED: return read(root.getRevoked());
    case Kind::CANCEL_TASK: return read(root.getCancelTask());
    case Kind::DISCARD: return read(root.getDiscard());
    case Kind::ATTACH: return read(root.getAttach());
    case Kind::DETACH: return read(root.getDetach());
    case Kind::ACTOR_CALL: return read(root.getActorCall(), templates);
    case Kind::SKIP_CALL: return read(root.getSkipCall());
    case Kind::ACTOR_REPLY: return read(root.getActorReply());
    case Kind::STALE_INCARNATION: return read(root.getStaleIncarnation());
    case Kind::CANCEL_CALL: return read(root.getCancelCall());
  }
  throw Malformed{"a peer message of unknown kind"};
}

}  // namespace rayd::wire
