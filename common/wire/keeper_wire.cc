#include "common/wire/keeper_wire.h"

#include <capnp/message.h>
#include <capnp/serialize.h>

#include "common/schema/keeper.capnp.h"

namespace rayd::keeper {
namespace {

// Writing: one overload of put a message.

void put(schema::ProcessStatus::Builder out, const ProcessStatus& status) {
  out.setKind(static_cast<schema::ProcessStatus::Kind>(status.kind));
  out.setCode(status.code);
}

void put(schema::ToKeeper::Builder root, const StartZygote& message) {
  auto out = root.initStartZygote();
  out.setZygote(message.zygote);
  out.setProgram(message.program);
  auto environment = out.initEnvironment(static_cast<unsigned>(message.environment.size()));
  for (unsigned i = 0; i < environment.size(); ++i) environment.set(i, message.environment[i]);
  if (!message.credentials) return;
  auto credentials = out.initCredentials();
  credentials.setUser(message.credentials->user);
  credentials.setGroup(message.credentials->group);
  auto groups = credentials.initGroups(static_cast<unsigned>(message.credentials->groups.size()));
  for (unsigned i = 0; i < groups.size(); ++i) groups.set(i, message.credentials->groups[i]);
}
void put(schema::ToKeeper::Builder root, const EndZygote& message) {
  root.setEndZygote(message.zygote);
}
void put(schema::ToKeeper::Builder root, const GuardFile& message) {
  root.setGuardFile(message.path);
}
template <class Root>
void put(Root root, const StartWorker& message) {
  auto out = root.initStartWorker();
  out.setWorker(message.worker.bits());
  out.setZygote(message.zygote);
  out.setDirectory(message.directory);
  out.setTag(message.tag);
}
template <class Root>
void put(Root root, const SignalWorker& message) {
  auto out = root.initSignalWorker();
  out.setWorker(message.worker.bits());
  out.setSignal(message.signal);
  out.setEveryone(message.reach == Reach::kGroup);
}
void put(schema::FromZygote::Builder root, const Ready&) { root.setReady(); }
void put(schema::FromKeeper::Builder root, const ZygoteReady& message) {
  auto out = root.initZygoteReady();
  out.setZygote(message.zygote);
  out.setPid(message.pid);
}
void put(schema::FromKeeper::Builder root, const ZygoteEnded& message) {
  auto out = root.initZygoteEnded();
  out.setZygote(message.zygote);
  put(out.initStatus(), message.status);
}
template <class Root>
void put(Root root, const WorkerStarted& message) {
  auto out = root.initWorkerStarted();
  out.setWorker(message.worker.bits());
  out.setPid(message.pid);
}
template <class Root>
void put(Root root, const WorkerFailed& message) {
  auto out = root.initWorkerFailed();
  out.setWorker(message.worker.bits());
  out.setText(message.text);
}
template <class Root>
void put(Root root, const WorkerDied& message) {
  auto out = root.initWorkerDied();
  out.setWorker(message.worker.bits());
  put(out.initStatus(), message.status);
}

template <class Root, class Message>
std::vector<uint8_t> encode_as(const Message& message) {
  capnp::MallocMessageBuilder builder;
  const auto root = builder.initRoot<Root>();
  std::visit([&](const auto& alternative) { put(root, alternative); }, message);
  const auto words = capnp::messageToFlatArray(builder);
  const auto bytes = words.asBytes();
  return {bytes.begin(), bytes.end()};
}

// Reading.

ProcessStatus status_of(schema::ProcessStatus::Reader in) {
  switch (in.getKind()) {
    case schema::ProcessStatus::Kind::EXITED: return ProcessStatus::exited(in.getCode());
    case schema::ProcessStatus::Kind::SIGNALLED: return ProcessStatus::signalled(in.getCode());
    case schema::ProcessStatus::Kind::LOST: break;
  }
  return ProcessStatus::lost();
}

std::string text_of(capnp::Text::Reader text) { return {text.begin(), text.size()}; }

StartZygote start_zygote_of(schema::StartZygote::Reader in) {
  StartZygote message{in.getZygote(), text_of(in.getProgram()), {}, {}};
  for (const auto entry : in.getEnvironment()) message.environment.push_back(text_of(entry));
  if (!in.hasCredentials()) return message;
  const auto credentials = in.getCredentials();
  message.credentials = Credentials{credentials.getUser(), credentials.getGroup(), {}};
  for (const auto group : credentials.getGroups()) message.credentials->groups.push_back(group);
  return message;
}
StartWorker start_worker_of(schema::StartWorker::Reader in) {
  return {ClientId::from_bits(in.getWorker()), in.getZygote(), text_of(in.getDirectory()),
          in.getTag()};
}
SignalWorker signal_worker_of(schema::SignalWorker::Reader in) {
  return {ClientId::from_bits(in.getWorker()), in.getSignal(),
          in.getEveryone() ? Reach::kGroup : Reach::kProcess};
}
WorkerStarted worker_started_of(schema::WorkerStarted::Reader in) {
  return {ClientId::from_bits(in.getWorker()), in.getPid()};
}
WorkerFailed worker_failed_of(schema::WorkerFailed::Reader in) {
  return {ClientId::from_bits(in.getWorker()), text_of(in.getText())};
}
WorkerDied worker_died_of(schema::WorkerDied::Reader in) {
  return {ClientId::from_bits(in.getWorker()), status_of(in.getStatus())};
}

Error corrupt(const char* what) {
  return {ErrorCode::kCorrupt, std::string{"no message to or from a keeper: "} + what};
}

Result<ToKeeper> read(schema::ToKeeper::Reader in) {
  switch (in.which()) {
    case schema::ToKeeper::START_ZYGOTE: return ToKeeper{start_zygote_of(in.getStartZygote())};
    case schema::ToKeeper::END_ZYGOTE: return ToKeeper{EndZygote{in.getEndZygote()}};
    case schema::ToKeeper::START_WORKER: return ToKeeper{start_worker_of(in.getStartWorker())};
    case schema::ToKeeper::SIGNAL_WORKER: return ToKeeper{signal_worker_of(in.getSignalWorker())};
    case schema::ToKeeper::GUARD_FILE: return ToKeeper{GuardFile{text_of(in.getGuardFile())}};
  }
  return corrupt("unknown order");
}
Result<FromKeeper> read(schema::FromKeeper::Reader in) {
  switch (in.which()) {
    case schema::FromKeeper::ZYGOTE_READY:
      return FromKeeper{ZygoteReady{in.getZygoteReady().getZygote(), in.getZygoteReady().getPid()}};
    case schema::FromKeeper::ZYGOTE_ENDED:
      return FromKeeper{
          ZygoteEnded{in.getZygoteEnded().getZygote(), status_of(in.getZygoteEnded().getStatus())}};
    case schema::FromKeeper::WORKER_STARTED:
      return FromKeeper{worker_started_of(in.getWorkerStarted())};
    case schema::FromKeeper::WORKER_FAILED:
      return FromKeeper{worker_failed_of(in.getWorkerFailed())};
    case schema::FromKeeper::WORKER_DIED: return FromKeeper{worker_died_of(in.getWorkerDied())};
  }
  return corrupt("unknown report");
}
Result<ToZygote> read(schema::ToZygote::Reader in) {
  switch (in.which()) {
    case schema::ToZygote::START_WORKER: return ToZygote{start_worker_of(in.getStartWorker())};
    case schema::ToZygote::SIGNAL_WORKER: return ToZygote{signal_worker_of(in.getSignalWorker())};
  }
  return corrupt("unknown order");
}
Result<FromZygote> read(schema::FromZygote::Reader in) {
  switch (in.which()) {
    case schema::FromZygote::READY: return FromZygote{Ready{}};
    case schema::FromZygote::WORKER_STARTED:
      return FromZygote{worker_started_of(in.getWorkerStarted())};
    case schema::FromZygote::WORKER_FAILED:
      return FromZygote{worker_failed_of(in.getWorkerFailed())};
    case schema::FromZygote::WORKER_DIED: return FromZygote{worker_died_of(in.getWorkerDied())};
  }
  return corrupt("unknown report");
}

template <class Root>
auto decode_as(ByteSpan bytes) -> decltype(read(std::declval<typename Root::Reader>())) {
  if (bytes.size() % sizeof(capnp::word) != 0) return corrupt("not whole words");
  auto words = kj::heapArray<capnp::word>(bytes.size() / sizeof(capnp::word));
  std::memcpy(words.begin(), bytes.data(), bytes.size());
  try {
    capnp::FlatArrayMessageReader reader{words};
    return read(reader.getRoot<Root>());
  } catch (const kj::Exception& failure) {
    return corrupt(failure.getDescription().cStr());
  }
}

}  // namespace

std::vector<uint8_t> encode(const ToKeeper& message) {
  return encode_as<schema::ToKeeper>(message);
}
std::vector<uint8_t> encode(const FromKeeper& message) {
  return encode_as<schema::FromKeeper>(message);
}
std::vector<uint8_t> encode(const ToZygote& message) {
  return encode_as<schema::ToZygote>(message);
}
std::vector<uint8_t> encode(const FromZygote& message) {
  return encode_as<schema::FromZygote>(message);
}

Result<ToKeeper> decode_to_keeper(ByteSpan bytes) { return decode_as<schema::ToKeeper>(bytes); }
Result<FromKeeper> decode_from_keeper(ByteSpan bytes) {
  return decode_as<schema::FromKeeper>(bytes);
}
Result<ToZygote> decode_to_zygote(ByteSpan bytes) { return decode_as<schema::ToZygote>(bytes); }
Result<FromZygote> decode_from_zygote(ByteSpan bytes) {
  return decode_as<schema::FromZygote>(bytes);
}

}  // namespace rayd::keeper
