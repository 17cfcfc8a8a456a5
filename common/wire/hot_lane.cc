#include "common/wire/hot_lane.h"

#include <cstring>

#include "common/schema/client_answers.capnp.h"
#include "common/schema/client_inbox.capnp.h"
#include "common/schema/worker_inbox.capnp.h"
#include "common/wire/group_values.h"
#include "common/wire/single_segment.h"
#include "common/wire/values.h"

namespace rayd::wire {
namespace {

template <class List, class Items>
void write_list(List&& list, const Items& items) {
  for (unsigned i = 0; i < list.size(); ++i) write(list[i], items[i]);
}

unsigned count(const auto& items) { return static_cast<unsigned>(items.size()); }

std::vector<Arg> read_args(capnp::List<schema::Arg>::Reader reader) {
  std::vector<Arg> args;
  args.reserve(reader.size());
  for (const auto arg : reader) args.push_back(read_arg(arg));
  return args;
}

std::vector<Value> read_values(capnp::List<schema::Value>::Reader reader) {
  std::vector<Value> values;
  values.reserve(reader.size());
  for (const auto value : reader) values.push_back(read_value(value));
  return values;
}

uint64_t checked_seq(uint64_t seq) {
  if (seq > Id::kMaxSeq) throw Malformed{"a sequence number beyond 2^40"};
  return seq;
}

// ---- client → daemon
// ------------------------------------------------------------------------------

using ToDaemon = schema::ClientMessage::Builder;

void fill(ToDaemon root, const DefineTemplate& message) {
  auto group = root.initDefineTemplate();
  group.setId(message.id);
  write(group.initDefinition(), message.definition);
}
void fill(ToDaemon root, const Submit& message) {
  auto group = root.initSubmit();
  group.setSeq(message.task.seq());
  group.setTemplate(message.template_id);
  if (!message.args.empty()) write_list(group.initArgs(count(message.args)), message.args);
}
void fill(ToDaemon root, const CreateActor& message) {
  auto group = root.initCreateActor();
  group.setSeq(message.creation.seq());
  group.setTemplate(message.template_id);
  write_list(group.initArgs(count(message.args)), message.args);
}
void fill(ToDaemon root, const CallActor& message) {
  auto group = root.initCallActor();
  group.setSeq(message.task.seq());
  write(group.initActor(), message.actor);
  group.setTemplate(message.template_id);
  if (!message.args.empty()) write_list(group.initArgs(count(message.args)), message.args);
}
void fill(ToDaemon root, const Put& message) {
  auto group = root.initPut();
  group.setSeq(message.object.seq());
  write(group.initValue(), message.value);
}
void fill(ToDaemon root, const Release& message) {
  auto list = root.initRelease(count(message.objects));
  for (unsigned i = 0; i < list.size(); ++i) {
    write(list[i].initId(), message.objects[i].object);
    list[i].setCount(message.objects[i].count);
  }
}
void fill(ToDaemon root, const Want& message) {
  auto group = root.initWant();
  write_ids(group.initObjects(count(message.objects)), message.objects);
  group.setFetch(message.fetch == Want::Fetch::kYes);
}
void fill(ToDaemon root, const Unwant& message) {
  write_ids(root.initUnwant(count(message.objects)), message.objects);
}
void fill(ToDaemon root, const Blocked& message) {
  auto group = root.initBlocked();
  group.setWait(message.wait);
  if (!message.objects.empty())
    write_ids(group.initObjects(count(message.objects)), message.objects);
}
void fill(ToDaemon root, const Unblocked&) { root.setUnblocked(); }
void fill(ToDaemon root, const Cancel& message) {
  auto group = root.initCancel();
  write(group.initTask(), message.task);
  group.setForce(message.force == Cancel::Force::kYes);
  group.setRecursive(message.recursive == Cancel::Recursive::kYes);
}
void fill(ToDaemon root, const KillActor& message) {
  auto group = root.initKillActor();
  write(group.initActor(), message.actor);
  group.setNoRestart(message.no_restart == KillActor::NoRestart::kYes);
}
void fill(ToDaemon root, const GetActor& message) {
  auto group = root.initGetActor();
  group.setRequest(message.request);
  group.setName(as_text(message.name));
  group.setNameSpace(as_text(message.name_space));
}
void fill(ToDaemon root, const RequestArena& message) {
  auto group = root.initRequestArena();
  group.setRequest(message.request);
  group.setBytes(message.bytes);
  group.setExtent(message.kind == RequestArena::Kind::kExtent);
}
void fill(ToDaemon root, const CloseArena& message) {
  auto group = root.initCloseArena();
  group.setSegment(message.arena.segment);
  group.setOffset(message.arena.offset);
  group.setLength(message.arena.length);
}
void fill(ToDaemon root, const Done& message) {
  auto group = root.initDone();
  write(group.initTask(), message.task);
  group.setAttempt(message.attempt);
  group.setActorExits(message.actor_exits == Done::ActorExits::kYes);
  if (!message.results.empty()) {
    write_list(group.initResults(count(message.results)), message.results);
  }
  if (message.error) write(group.initError(), *message.error);
}

void fill(ToDaemon root, const GroupRequest& message) { write(root.initGroups(), message); }

Submit read_submit(schema::ClientMessage::Submit::Reader group, ClientId sender) {
  return {TaskId::make(sender, checked_seq(group.getSeq())), group.getTemplate(),
          read_args(group.getArgs())};
}

Done read_done(schema::ClientMessage::Done::Reader group) {
  Done done;
  done.task = read_id<TaskId>(group.getTask());
  done.attempt = group.getAttempt();
  done.actor_exits = group.getActorExits() ? Done::ActorExits::kYes : Done::ActorExits::kNo;
  done.results = read_values(group.getResults());
  if (group.hasError()) done.error = read_error(group.getError());
  return done;
}

Release read_release(capnp::List<schema::CountedId>::Reader list) {
  Release release;
  release.objects.reserve(list.size());
  for (const auto entry : list) {
    release.objects.push_back({read_id<ObjectId>(entry.getId()), entry.getCount()});
  }
  return release;
}

ClientMessage read_rare(schema::ClientMessage::Reader root) {
  switch (root.which()) {
    case schema::ClientMessage::DEFINE_TEMPLATE: {
      const auto group = root.getDefineTemplate();
      return DefineTemplate{group.getId(), read_call_template(group.getDefinition())};
    }
    case schema::ClientMessage::CANCEL: {
      const auto group = root.getCancel();
      return Cancel{read_id<TaskId>(group.getTask()),
                    group.getForce() ? Cancel::Force::kYes : Cancel::Force::kNo,
                    group.getRecursive() ? Cancel::Recursive::kYes : Cancel::Recursive::kNo};
    }
    case schema::ClientMessage::KILL_ACTOR: {
      const auto group = root.getKillActor();
      return KillActor{read_id<ActorId>(group.getActor()), group.getNoRestart()
                                                               ? KillActor::NoRestart::kYes
                                                               : KillActor::NoRestart::kNo};
    }
    case schema::ClientMessage::GET_ACTOR: {
      const auto group = root.getGetActor();
      return GetActor{group.getRequest(), text_of(group.getName()), text_of(group.getNameSpace())};
    }
    case schema::ClientMessage::REQUEST_ARENA: {
      const auto group = root.getRequestArena();
      return RequestArena{
          group.getRequest(), group.getBytes(),
          group.getExtent() ? RequestArena::Kind::kExtent : RequestArena::Kind::kArena};
    }
    case schema::ClientMessage::CLOSE_ARENA: {
      const auto group = root.getCloseArena();
      return CloseArena{{group.getSegment(), group.getOffset(), group.getLength()}};
    }
    case schema::ClientMessage::GROUPS: return read_group_request(root.getGroups());
    default: throw Malformed{"a client message of unknown kind"};
  }
}

ClientMessage read_client_message(schema::ClientMessage::Reader root, ClientId sender) {
  switch (root.which()) {
    case schema::ClientMessage::SUBMIT: return read_submit(root.getSubmit(), sender);
    case schema::ClientMessage::CREATE_ACTOR: {
      const auto group = root.getCreateActor();
      return CreateActor{TaskId::make(sender, checked_seq(group.getSeq())), group.getTemplate(),
                         read_args(group.getArgs())};
    }
    case schema::ClientMessage::CALL_ACTOR: {
      const auto group = root.getCallActor();
      return CallActor{TaskId::make(sender, checked_seq(group.getSeq())),
                       read_id<ActorId>(group.getActor()), group.getTemplate(),
                       read_args(group.getArgs())};
    }
    case schema::ClientMessage::PUT: {
      const auto group = root.getPut();
      return Put{TaskId::make(sender, checked_seq(group.getSeq())).object(0),
                 read_value(group.getValue())};
    }
    case schema::ClientMessage::RELEASE: return read_release(root.getRelease());
    case schema::ClientMessage::WANT: {
      const auto group = root.getWant();
      return Want{read_object_ids(group.getObjects()),
                  group.getFetch() ? Want::Fetch::kYes : Want::Fetch::kNo};
    }
    case schema::ClientMessage::UNWANT: return Unwant{read_object_ids(root.getUnwant())};
    case schema::ClientMessage::BLOCKED: {
      const auto group = root.getBlocked();
      return Blocked{group.getWait(), read_object_ids(group.getObjects())};
    }
    case schema::ClientMessage::UNBLOCKED: return Unblocked{};
    case schema::ClientMessage::DONE: return read_done(root.getDone());
    default: return read_rare(root);
  }
}

// ---- daemon → client
// ------------------------------------------------------------------------------

using ToClientRoot = schema::ClientAnswer::Builder;

void fill(ToClientRoot root, const Ready& message) {
  auto group = root.initReady();
  write(group.initObject(), message.object);
  write(group.initValue(), message.value);
}
void fill(ToClientRoot root, const ActorFound& message) {
  auto group = root.initActorFound();
  group.setRequest(message.request);
  write(group.initActor(), message.actor);
  if (message.creation) write(group.initCreation(), *message.creation);
}
void fill(ToClientRoot root, const ArenaGranted& message) {
  auto group = root.initArenaGranted();
  group.setRequest(message.request);
  group.setSegment(message.arena.segment);
  group.setOffset(message.arena.offset);
  group.setLength(message.arena.length);
}
void fill(ToClientRoot root, const ArenaRefused& message) {
  auto group = root.initArenaRefused();
  group.setRequest(message.request);
  group.setUsedBytes(message.used_bytes);
  group.setCapacityBytes(message.capacity_bytes);
}
void fill(ToClientRoot root, const SessionError& message) {
  root.setSessionError(as_text(message.message));
}
void fill(ToClientRoot root, const RunInline& message) { root.setRunInline(message.wait); }

void fill(ToClientRoot root, const GroupReply& message) { write(root.initGroups(), message); }

ClientAnswer read_client_answer(schema::ClientAnswer::Reader root) {
  switch (root.which()) {
    case schema::ClientAnswer::READY: {
      const auto group = root.getReady();
      return Ready{read_id<ObjectId>(group.getObject()), read_value(group.getValue())};
    }
    case schema::ClientAnswer::ACTOR_FOUND: {
      const auto group = root.getActorFound();
      TemplateRef creation;
      if (group.hasCreation()) {
        creation = std::make_shared<CallTemplate>(read_call_template(group.getCreation()));
      }
      return ActorFound{group.getRequest(), read_id<ActorId>(group.getActor()), creation};
    }
    case schema::ClientAnswer::ARENA_GRANTED: {
      const auto group = root.getArenaGranted();
      return ArenaGranted{group.getRequest(),
                          {group.getSegment(), group.getOffset(), group.getLength()}};
    }
    case schema::ClientAnswer::ARENA_REFUSED: {
      const auto group = root.getArenaRefused();
      return ArenaRefused{group.getRequest(), group.getUsedBytes(), group.getCapacityBytes()};
    }
    case schema::ClientAnswer::SESSION_ERROR: return SessionError{text_of(root.getSessionError())};
    case schema::ClientAnswer::GROUPS: return read_group_reply(root.getGroups());
    case schema::ClientAnswer::RUN_INLINE: return RunInline{root.getRunInline()};
    default: throw Malformed{"an answer of unknown kind"};
  }
}

std::vector<uint32_t> read_gpus(capnp::List<uint32_t>::Reader list) {
  std::vector<uint32_t> gpus;
  for (const uint32_t gpu : list) gpus.push_back(gpu);
  return gpus;
}

WorkMessage read_work_message(schema::WorkMessage::Reader root) {
  switch (root.which()) {
    case schema::WorkMessage::DEFINE_CALL: {
      const auto group = root.getDefineCall();
      return DefineCall{group.getId(), read_call_template(group.getDefinition())};
    }
    case schema::WorkMessage::RUN: {
      const auto group = root.getRun();
      return RunCall{read_id<TaskId>(group.getTask()),
                     group.getAttempt(),
                     group.getCall(),
                     read_values(group.getArgs()),
                     read_id<ActorId>(group.getActor()),
                     group.getIncarnation(),
                     read_gpus(group.getGpus())};
    }
    default: throw Malformed{"a work message of unknown kind"};
  }
}

}  // namespace

Encoder::Encoder() : builder_(std::make_unique<SegmentBuilder>()) {}
Encoder::~Encoder() = default;
Encoder::Encoder(Encoder&&) noexcept = default;
Encoder& Encoder::operator=(Encoder&&) noexcept = default;

template <class Root, class Fill>
Result<ByteSpan> Encoder::build(const Fill& fill_root) {
  size_t size = 0;
  const auto take = [&](ByteSpan bytes) {
    size = bytes.size();
    const size_t words = size / sizeof(uint64_t);
    if (words > capacity_words_) {
      result_ = std::make_unique_for_overwrite<uint64_t[]>(words);
      capacity_words_ = words;
    }
    std::memcpy(result_.get(), bytes.data(), size);
  };
  if (!builder_->build<Root>(kMaxFragmentedBytes, fill_root, take)) {
    return Error{ErrorCode::kInvalidArgument,
                 "a message of more than " + std::to_string(kMaxFragmentedBytes) + " bytes"};
  }
  return ByteSpan{reinterpret_cast<const uint8_t*>(result_.get()), size};
}

Result<ByteSpan> Encoder::encode(const ClientMessage& message) {
  return build<schema::ClientMessage>([&](schema::ClientMessage::Builder root) {
    std::visit([&](const auto& alternative) { fill(root, alternative); }, message);
  });
}

Result<ByteSpan> Encoder::encode(const ClientAnswer& message) {
  return build<schema::ClientAnswer>([&](schema::ClientAnswer::Builder root) {
    std::visit([&](const auto& alternative) { fill(root, alternative); }, message);
  });
}

Result<ByteSpan> Encoder::encode_define_call(uint32_t id, const CallTemplate& definition) {
  return build<schema::WorkMessage>([&](schema::WorkMessage::Builder root) {
    auto group = root.initDefineCall();
    group.setId(id);
    write(group.initDefinition(), definition);
  });
}

Result<ByteSpan> Encoder::encode_run(const Run& run, uint32_t call) {
  return build<schema::WorkMessage>([&](schema::WorkMessage::Builder root) {
    auto group = root.initRun();
    write(group.initTask(), run.task);
    group.setAttempt(run.attempt);
    group.setCall(call);
    if (!run.args.empty()) write_list(group.initArgs(count(run.args)), run.args);
    if (!run.actor.is_nil()) write(group.initActor(), run.actor);
    group.setIncarnation(run.incarnation);
    if (run.gpus.empty()) return;
    auto gpus = group.initGpus(count(run.gpus));
    for (unsigned i = 0; i < gpus.size(); ++i) gpus.set(i, run.gpus[i]);
  });
}

Result<ClientMessage> decode_client_message(ByteSpan bytes, ClientId sender) {
  return read_single_segment<schema::ClientMessage>(
      bytes, [sender](schema::ClientMessage::Reader root) -> ClientMessage {
        return read_client_message(root, sender);
      });
}

Result<ClientAnswer> decode_client_answer(ByteSpan bytes) {
  return read_single_segment<schema::ClientAnswer>(bytes, read_client_answer);
}

Result<WorkMessage> decode_work_message(ByteSpan bytes) {
  return read_single_segment<schema::WorkMessage>(bytes, read_work_message);
}

}  // namespace rayd::wire
