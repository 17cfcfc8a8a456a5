// The messages between a node and the head (node_to_head.capnp, head_to_node.capnp).
#include <algorithm>
#include <string>
#include <variant>

#include "common/wire/peer_lane_groups.h"

namespace rayd::wire {

void write_view(schema::NodeView::Builder builder, const NodeView& view) {
  builder.setNode(view.node.value);
  builder.setVersion(view.version);
  builder.setName(as_text(view.name));
  builder.setAddress(as_text(view.address));
  write(builder.initTotal(), view.total);
  write(builder.initUsed(), view.used);
  write(builder.initLent(), view.lent);
  builder.setQueued(view.queued);
  auto labels = builder.initLabels(checked_count(view.labels.size()));
  unsigned i = 0;
  for (const auto& [name, value] : view.labels) {
    labels[i].setName(as_text(name));
    labels[i++].setValue(as_text(value));
  }
  if (!view.identity.is_nil()) builder.setIdentity(data_of(view.identity.bytes));
}
NodeView read_view(schema::NodeView::Reader reader) {
  NodeView view;
  view.node = NodeId{reader.getNode()};
  view.version = reader.getVersion();
  view.name = text_of(reader.getName());
  view.address = text_of(reader.getAddress());
  view.total = read_resources(reader.getTotal());
  view.used = read_resources(reader.getUsed());
  view.lent = read_resources(reader.getLent());
  view.queued = reader.getQueued();
  if (const auto identity = reader.getIdentity(); identity.size() > 0) {
    if (identity.size() != view.identity.bytes.size()) throw Malformed{"a key hash of wrong size"};
    std::copy(identity.begin(), identity.end(), view.identity.bytes.begin());
  }
  for (const auto label : checked(reader.getLabels())) {
    if (!view.labels.emplace(text_of(label.getName()), text_of(label.getValue())).second) {
      throw Malformed{"a label twice"};
    }
  }
  return view;
}

namespace {

using ToHead = schema::NodeToHead::Builder;
using ToNode = schema::HeadToNode::Builder;

// ---- shared words -------------------------------------------------------------------------------

void write_operation(schema::Operation::Builder builder, const OperationId& operation) {
  builder.setNode(operation.client.node);
  builder.setSerial(operation.client.serial);
  builder.setSeq(operation.seq);
}
OperationId read_operation(schema::Operation::Reader reader) {
  return {{reader.getNode(), reader.getSerial()}, reader.getSeq()};
}

void write_info(schema::ActorInfo::Builder builder, const ActorInfo& info,
                SentTemplates& templates) {
  if (!info.actor.is_nil()) write(builder.initActor(), info.actor);
  builder.setState(static_cast<schema::ActorState>(info.state));
  builder.setNode(info.node.value);
  builder.setIncarnation(info.incarnation);
  builder.setRestarts(info.restarts);
  if (info.cause) write(builder.initCause(), *info.cause);
  if (info.creation) write(builder.initCreation(), info.creation, templates);
  builder.setJob(info.job.value);
}
ActorInfo read_info(schema::ActorInfo::Reader reader, ReceivedTemplates& templates) {
  ActorInfo info;
  if (reader.hasActor()) info.actor = read_actor(reader.getActor());
  info.state = read_enum(reader.getState(), ActorState::kDead, "state of an actor");
  info.node = NodeId{reader.getNode()};
  info.incarnation = reader.getIncarnation();
  info.restarts = reader.getRestarts();
  if (reader.hasCause()) info.cause = read_error(reader.getCause());
  if (reader.hasCreation()) info.creation = read_call(reader.getCreation(), templates);
  info.job = JobId{reader.getJob()};
  return info;
}

std::vector<ActorId> read_actors(capnp::List<schema::Id>::Reader list) {
  std::vector<ActorId> actors;
  actors.reserve(checked_count(list.size()));
  for (const auto id : list) actors.push_back(read_actor(id));
  return actors;
}

template <class Reader>
ErrorRef read_cause(Reader reader) {
  return reader.hasCause() ? read_error(reader.getCause()) : nullptr;
}

// ---- node → head --------------------------------------------------------------------------------

void fill(ToHead root, const Announce& message, SentTemplates&) {
  auto builder = root.initAnnounce();
  builder.setEpoch(message.epoch);
  write_view(builder.initView(), message.view);
  auto actors = builder.initActors(checked_count(message.actors.size()));
  for (unsigned i = 0; i < actors.size(); ++i) {
    const Announce::Hosted& hosted = message.actors[i];
    write(actors[i].initActor(), hosted.actor);
    actors[i].setIncarnation(hosted.incarnation);
    actors[i].setPhase(static_cast<schema::Announce::Phase>(hosted.phase));
    if (hosted.cause) write(actors[i].initCause(), *hosted.cause);
  }
  write_ids(builder.initSubscriptions(checked_count(message.subscriptions.size())),
            message.subscriptions);
  builder.setSettledReported(message.settled_reported);
  write_bundles(builder, message);
}
Announce read(schema::Announce::Reader reader) {
  Announce message;
  message.epoch = reader.getEpoch();
  message.view = read_view(reader.getView());
  for (const auto entry : checked(reader.getActors())) {
    Announce::Hosted& hosted = message.actors.emplace_back();
    hosted.actor = read_actor(entry.getActor());
    hosted.incarnation = entry.getIncarnation();
    hosted.phase =
        read_enum(entry.getPhase(), Announce::Hosted::Phase::kEnded, "phase of an actor");
    hosted.cause = read_cause(entry);
  }
  message.subscriptions = read_actors(reader.getSubscriptions());
  message.settled_reported = reader.getSettledReported();
  read_bundles(reader, message);
  return message;
}

void fill(ToHead root, const RenewLease& message, SentTemplates&) {
  root.initRenewLease().setNumber(message.number);
}
RenewLease read(schema::RenewLease::Reader reader) { return {reader.getNumber()}; }

void fill(ToHead root, const ViewChanged& message, SentTemplates&) {
  write_view(root.initViewChanged().initView(), message.view);
}
ViewChanged read(schema::ViewChanged::Reader reader) { return {read_view(reader.getView())}; }

void fill(ToHead root, const CreateActorRow& message, SentTemplates& templates) {
  auto builder = root.initCreateActorRow();
  write_operation(builder.initOperation(), message.operation);
  write(builder.initActor(), message.actor);
  builder.setJob(message.job.value);
  builder.setOwner(message.owner.value);
  write(builder.initCreation(), message.creation, templates);
  write_arguments(builder, message);
}
CreateActorRow read(schema::CreateActorRow::Reader reader, ReceivedTemplates& templates) {
  CreateActorRow message;
  message.operation = read_operation(reader.getOperation());
  message.actor = read_actor(reader.getActor());
  message.job = JobId{reader.getJob()};
  message.owner = NodeId{reader.getOwner()};
  message.creation = read_call(reader.getCreation(), templates);
  read_arguments(reader, message);
  return message;
}

void fill(ToHead root, const AbandonActor& message, SentTemplates&) {
  auto builder = root.initAbandonActor();
  write_operation(builder.initOperation(), message.operation);
  write(builder.initActor(), message.actor);
  if (message.cause) write(builder.initCause(), *message.cause);
}
AbandonActor read(schema::AbandonActor::Reader reader) {
  return {read_operation(reader.getOperation()), read_actor(reader.getActor()), read_cause(reader)};
}

/// Which incarnation of which actor.
template <class Builder, class Message>
void write_incarnation(Builder builder, const Message& message) {
  write(builder.initActor(), message.actor);
  builder.setIncarnation(message.incarnation);
}

void fill(ToHead root, const ActorUp& message, SentTemplates&) {
  write_incarnation(root.initActorUp(), message);
}
ActorUp read(schema::ActorUp::Reader reader) {
  return {read_actor(reader.getActor()), reader.getIncarnation()};
}

void fill(ToHead root, const ActorDown& message, SentTemplates&) {
  auto builder = root.initActorDown();
  write_incarnation(builder, message);
  if (message.cause) write(builder.initCause(), *message.cause);
  builder.setFinal(message.final == ActorDown::Final::kYes);
}
ActorDown read(schema::ActorDown::Reader reader) {
  return {read_actor(reader.getActor()), reader.getIncarnation(), read_cause(reader),
          reader.getFinal() ? ActorDown::Final::kYes : ActorDown::Final::kNo};
}

void fill(ToHead root, const StartRefused& message, SentTemplates&) {
  auto builder = root.initStartRefused();
  write_incarnation(builder, message);
  if (message.cause) write(builder.initCause(), *message.cause);
  builder.setView(message.view);
}
StartRefused read(schema::StartRefused::Reader reader) {
  return {read_actor(reader.getActor()), reader.getIncarnation(), read_cause(reader),
          reader.getView()};
}

void fill(ToHead root, const KillActorRow& message, SentTemplates&) {
  auto builder = root.initKillActorRow();
  write_operation(builder.initOperation(), message.operation);
  write(builder.initActor(), message.actor);
  builder.setNoRestart(message.no_restart == KillActor::NoRestart::kYes);
  if (message.cause) write(builder.initCause(), *message.cause);
}
KillActorRow read(schema::KillActorRow::Reader reader) {
  return {read_operation(reader.getOperation()), read_actor(reader.getActor()),
          reader.getNoRestart() ? KillActor::NoRestart::kYes : KillActor::NoRestart::kNo,
          read_cause(reader)};
}

void fill(ToHead root, const Subscribe& message, SentTemplates&) {
  write(root.initSubscribe().initActor(), message.actor);
}
Subscribe read(schema::Subscribe::Reader reader) { return {read_actor(reader.getActor())}; }

void fill(ToHead root, const Unsubscribe& message, SentTemplates&) {
  write(root.initUnsubscribe().initActor(), message.actor);
}
Unsubscribe read(schema::Unsubscribe::Reader reader) { return {read_actor(reader.getActor())}; }

void fill(ToHead root, const FindActor& message, SentTemplates&) {
  auto builder = root.initFindActor();
  write_operation(builder.initOperation(), message.operation);
  builder.setName(as_text(message.name));
  builder.setNameSpace(as_text(message.name_space));
  builder.setJob(message.job.value);
}
FindActor read(schema::FindActor::Reader reader) {
  return {read_operation(reader.getOperation()), text_of(reader.getName()),
          text_of(reader.getNameSpace()), JobId{reader.getJob()}};
}

void fill(ToHead root, const DriverConnected& message, SentTemplates&) {
  auto builder = root.initDriverConnected();
  write_operation(builder.initOperation(), message.operation);
  write(builder.initClient(), message.client);
  builder.setName(as_text(message.name));
  builder.setNameSpace(as_text(message.name_space));
  builder.setJob(message.job.value);
}
DriverConnected read(schema::DriverConnected::Reader reader) {
  return {read_operation(reader.getOperation()), read_client(reader.getClient()),
          text_of(reader.getName()), text_of(reader.getNameSpace()), JobId{reader.getJob()}};
}

void fill(ToHead root, const DriverGone& message, SentTemplates&) {
  write(root.initDriverGone().initClient(), message.client);
}
DriverGone read(schema::DriverGone::Reader reader) { return {read_client(reader.getClient())}; }

void fill(ToHead root, const SettledReport& message, SentTemplates&) {
  root.initSettledReport().setM(message.m);
}
SettledReport read(schema::SettledReport::Reader reader) { return {reader.getM()}; }

void fill(ToHead root, const Leave&, SentTemplates&) { root.initLeave(); }
Leave read(schema::Leave::Reader) { return {}; }

void fill(ToHead root, const PeerMessage& message, SentTemplates& templates) {
  write_message(root.initPeer(), message, templates);
}

// ---- head → node --------------------------------------------------------------------------------

void fill(ToNode root, const Welcome& message, SentTemplates&) {
  auto builder = root.initWelcome();
  builder.setEpoch(message.epoch);
  builder.setNode(message.node.value);
  builder.setMembership(message.membership);
}
Welcome read(schema::Welcome::Reader reader) {
  return {reader.getEpoch(), NodeId{reader.getNode()}, reader.getMembership()};
}

void fill(ToNode root, const LeaseRenewed& message, SentTemplates&) {
  root.initLeaseRenewed().setNumber(message.number);
}
LeaseRenewed read(schema::LeaseRenewed::Reader reader) { return {reader.getNumber()}; }

void fill(ToNode root, const Views& message, SentTemplates&) {
  auto changed = root.initViews().initChanged(checked_count(message.changed.size()));
  for (unsigned i = 0; i < changed.size(); ++i) write_view(changed[i], message.changed[i]);
}
Views read(schema::Views::Reader reader) {
  Views message;
  for (const auto view : checked(reader.getChanged())) message.changed.push_back(read_view(view));
  return message;
}

void fill(ToNode root, const NodeStateChanged& message, SentTemplates&) {
  auto builder = root.initNodeStateChanged();
  builder.setNode(message.node.value);
  builder.setState(static_cast<schema::NodeState>(message.state));
  builder.setM(message.m);
}
NodeStateChanged read(schema::NodeStateChanged::Reader reader) {
  return {NodeId{reader.getNode()},
          read_enum(reader.getState(), NodeState::kDead, "state of a node"), reader.getM()};
}

void fill(ToNode root, const Settled& message, SentTemplates&) {
  root.initSettled().setM(message.m);
}
Settled read(schema::Settled::Reader reader) { return {reader.getM()}; }

void fill(ToNode root, const StartActor& message, SentTemplates& templates) {
  auto builder = root.initStartActor();
  write_incarnation(builder, message);
  builder.setJob(message.job.value);
  write(builder.initCreation(), message.creation, templates);
  write_arguments(builder, message);
}
StartActor read(schema::StartActor::Reader reader, ReceivedTemplates& templates) {
  StartActor message;
  message.actor = read_actor(reader.getActor());
  message.incarnation = reader.getIncarnation();
  message.job = JobId{reader.getJob()};
  message.creation = read_call(reader.getCreation(), templates);
  read_arguments(reader, message);
  return message;
}

void fill(ToNode root, const EndActor& message, SentTemplates&) {
  auto builder = root.initEndActor();
  write_incarnation(builder, message);
  if (message.cause) write(builder.initCause(), *message.cause);
}
EndActor read(schema::EndActor::Reader reader) {
  return {read_actor(reader.getActor()), reader.getIncarnation(), read_cause(reader)};
}

void fill(ToNode root, const ActorChanged& message, SentTemplates& templates) {
  write_info(root.initActorChanged().initInfo(), message.info, templates);
}
ActorChanged read(schema::ActorChanged::Reader reader, ReceivedTemplates& templates) {
  return {read_info(reader.getInfo(), templates)};
}

void fill(ToNode root, const AnnounceAck& message, SentTemplates&) {
  write_ids(root.initAnnounceAck().initActors(checked_count(message.actors.size())),
            message.actors);
}
AnnounceAck read(schema::AnnounceAck::Reader reader) { return {read_actors(reader.getActors())}; }

void fill(ToNode root, const OperationReply& message, SentTemplates& templates) {
  auto builder = root.initOperationReply();
  write_operation(builder.initOperation(), message.operation);
  if (message.error) write(builder.initError(), *message.error);
  write_info(builder.initActor(), message.actor, templates);
  builder.setJob(message.job.value);
  builder.setNameSpace(as_text(message.name_space));
}
OperationReply read(schema::OperationReply::Reader reader, ReceivedTemplates& templates) {
  return {read_operation(reader.getOperation()),
          reader.hasError() ? read_error(reader.getError()) : nullptr,
          read_info(reader.getActor(), templates), JobId{reader.getJob()},
          text_of(reader.getNameSpace())};
}

void fill(ToNode root, const JobEnded& message, SentTemplates&) {
  root.initJobEnded().setJob(message.job.value);
}
JobEnded read(schema::JobEnded::Reader reader) { return {JobId{reader.getJob()}}; }

void fill(ToNode root, const PeerMessage& message, SentTemplates& templates) {
  write_message(root.initPeer(), message, templates);
}

}  // namespace

void write_message(ToHead root, const NodeToHead& message, SentTemplates& templates) {
  std::visit([&](const auto& alternative) { fill(root, alternative, templates); }, message);
}
void write_message(ToNode root, const HeadToNode& message, SentTemplates& templates) {
  std::visit([&](const auto& alternative) { fill(root, alternative, templates); }, message);
}

NodeToHead read_node_to_head(schema::NodeToHead::Reader root, ReceivedTemplates& templates) {
  using Kind = schema::NodeToHead;
  switch (root.which()) {
    case Kind::ANNOUNCE: return read(root.getAnnounce());
    case Kind::RENEW_LEASE: return read(root.getRenewLease());
    case Kind::VIEW_CHANGED: return read(root.getViewChanged());
    case Kind::CREATE_ACTOR_ROW: return read(root.getCreateActorRow(), templates);
    case Kind::ABANDON_ACTOR: return read(root.getAbandonActor());
    case Kind::ACTOR_UP: return read(root.getActorUp());
    case Kind::ACTOR_DOWN: return read(root.getActorDown());
    case Kind::START_REFUSED: return read(root.getStartRefused());
    case Kind::KILL_ACTOR_ROW: return read(root.getKillActorRow());
    case Kind::SUBSCRIBE: return read(root.getSubscribe());
    case Kind::UNSUBSCRIBE: return read(root.getUnsubscribe());
    case Kind::FIND_ACTOR: return read(root.getFindActor());
    case Kind::DRIVER_CONNECTED: return read(root.getDriverConnected());
    case Kind::DRIVER_GONE: return read(root.getDriverGone());
    case Kind::SETTLED_REPORT: return read(root.getSettledReport());
    case Kind::LEAVE: return read(root.getLeave());
    case Kind::PEER: return read_peer_message(root.getPeer(), templates);
    case Kind::GROUP_ASKED: return read(root.getGroupAsked());
    case Kind::SUBSCRIBE_GROUP: return read(root.getSubscribeGroup());
    case Kind::BUNDLES_RESERVED: return read(root.getBundlesReserved());
    case Kind::BUNDLES_REFUSED: return read(root.getBundlesRefused());
    case Kind::BUNDLES_COMMITTED: return read(root.getBundlesCommitted());
  }
  throw Malformed{"a message to the head of unknown kind"};
}

HeadToNode read_head_to_node(schema::HeadToNode::Reader root, ReceivedTemplates& templates) {
  using Kind = schema::HeadToNode;
  switch (root.which()) {
    case Kind::WELCOME: return read(root.getWelcome());
    case Kind::LEASE_RENEWED: return read(root.getLeaseRenewed());
    case Kind::VIEWS: return read(root.getViews());
    case Kind::NODE_STATE_CHANGED: return read(root.getNodeStateChanged());
    case Kind::SETTLED: return read(root.getSettled());
    case Kind::START_ACTOR: return read(root.getStartActor(), templates);
    case Kind::END_ACTOR: return read(root.getEndActor());
    case Kind::ACTOR_CHANGED: return read(root.getActorChanged(), templates);
    case Kind::ANNOUNCE_ACK: return read(root.getAnnounceAck());
    case Kind::OPERATION_REPLY: return read(root.getOperationReply(), templates);
    case Kind::JOB_ENDED: return read(root.getJobEnded());
    case Kind::PEER: return read_peer_message(root.getPeer(), templates);
    case Kind::RESERVE_BUNDLES: return read(root.getReserveBundles());
    case Kind::COMMIT_BUNDLES: return read(root.getCommitBundles());
    case Kind::RETURN_BUNDLES: return read(root.getReturnBundles());
    case Kind::GROUP_CHANGED: return read(root.getGroupChanged());
    case Kind::GROUP_REPLY: return read_group_reply(root.getGroupReply());
  }
  throw Malformed{"a message of the head of unknown kind"};
}

}  // namespace rayd::wire
