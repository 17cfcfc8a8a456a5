// A session over rings: what only a worker asks, and the store's memory. Sending, draining and
// waiting are in ring_session_io.cc.
#include "client/runtime/ring_session.h"

#include <cstring>

#include "client/runtime/session_ids.h"

namespace rayd::client {

namespace api = ray::internal;

thread_local CurrentCall* RingSession::current_call = nullptr;

RingSession::RingSession(SessionOptions options, shm::ChannelPeer channel, StoreView store)
    : Session(std::move(options)), channel_(std::move(channel)), store_(std::move(store)) {}

RingSession::~RingSession() = default;

// ---- the store --------------------------------------------------------------------------------

void RingSession::store(Lock& lock, const api::SerializedValue& value, Value& result) {
  result.extent = allocate(lock, shm::kObjectHeaderBytes + value.bytes.size());
  uint8_t* memory = store_.writable(result.extent);
  shm::write_object_header(
      {.kind = static_cast<uint8_t>(value.tag),
       .element = static_cast<uint8_t>(value.tag >> 8),
       .contained_refs = static_cast<uint32_t>(value.contained.size()),
       .payload_bytes = value.bytes.size()},
      std::span<uint8_t, shm::kObjectHeaderBytes>{memory, shm::kObjectHeaderBytes});
  // The copy may be long: other threads go on meanwhile. The piece is ours alone.
  const bool large = value.bytes.size() > kMaxInArena;
  if (large) lock.unlock();
  std::memcpy(memory + shm::kObjectHeaderBytes, value.bytes.data(), value.bytes.size());
  if (large) lock.lock();
}

Result<Session::Payload> RingSession::payload(Lock&, const Extent& extent, rayd::ObjectId,
                                              uint64_t) {
  const auto payload = store_.payload(extent);
  if (!payload) return Error{ErrorCode::kCorrupt, payload.error().message};
  return Payload{*payload, nullptr};
}

Extent RingSession::allocate(Lock& lock, uint64_t bytes) {
  if (const auto piece = store_.allocate(bytes)) return *piece;
  RequestArena request = store_.arena_request(bytes);
  request.request = next_request_++;
  core_.outbox().push_back(request);
  core_.flush_releases();  // what the program let go of may be the room that is wanted
  send(lock);
  const auto answered = [&] { return replies_.contains(request.request); };
  wait_until(lock, answered, kNoDeadline, Waiting::kForAnswers);
  const ClientAnswer answer = std::move(replies_.extract(request.request).mapped());
  if (const auto* refused = std::get_if<ArenaRefused>(&answer)) {
    api::throw_error(ray::ErrorCode::kStoreFull, store_full_text(bytes, *refused));
  }
  const Extent extent = std::get<ArenaGranted>(answer).arena;
  const auto closed = store_.granted(request, extent);
  if (!closed) api::throw_error(ray::ErrorCode::kInternal, closed.error().message);
  if (*closed) close_arena(**closed);
  if (request.kind == RequestArena::Kind::kExtent) {
    return {extent.segment, extent.offset, bytes};
  }
  return *store_.allocate(bytes);
}

// A result is sealed by its Done, and only in an arena that is open: so an arena is closed after
// every Done that may name it.
void RingSession::close_arena(const Extent& arena) {
  if (unsent_results_ > 0) {
    leaving_.push_back(arena);
  } else {
    core_.outbox().push_back(CloseArena{arena});
  }
}

// What is left of an arena would be nobody's room for as long as this worker idles.
void RingSession::close_idle_arena(Lock& lock) {
  if (const auto arena = store_.leave_arena()) close_arena(*arena);
  send(lock);
}

void RingSession::on_results_left(size_t stored) {
  unsent_results_ -= stored;
  if (unsent_results_ > 0 || leaving_.empty()) return;
  for (const Extent& arena : leaving_) core_.outbox().push_back(CloseArena{arena});
  leaving_.clear();
}

void RingSession::abandon_result(const Value& result) {
  const Lock lock{mutex_};
  for (const rayd::ObjectId object : result.contains) core_.drop_handle(object);
  on_results_left(result.kind == Value::Kind::kStored ? 1 : 0);
}

Value RingSession::store_result(const api::SerializedValue& result) {
  Lock lock{mutex_};
  Value value = make_value(lock, result);
  if (value.kind == Value::Kind::kStored) ++unsent_results_;
  // The program's own references may end before Done has left: see send_done.
  for (const rayd::ObjectId object : value.contains) core_.add_handle(object);
  return value;
}

std::vector<api::FetchedValue> RingSession::open_arguments(const std::vector<Value>& args) {
  Lock lock{mutex_};
  std::vector<api::FetchedValue> opened;
  opened.reserve(args.size());
  for (const Value& arg : args) {
    // One handle a reference while the call runs; unpacking makes its own.
    for (const rayd::ObjectId inner : arg.contains) core_.add_handle(inner);
    core_.on_granted(arg.contains);
    opened.push_back(fetched(lock, arg, {}));
  }
  return opened;
}

void RingSession::close_arguments(const std::vector<Value>& args) {
  const Lock lock{mutex_};
  for (const Value& arg : args) {
    for (const rayd::ObjectId inner : arg.contains) core_.drop_handle(inner);
  }
}

// ---- the running call -------------------------------------------------------------------------

bool RingSession::is_cancelled() const {
  return current_call != nullptr && channel_.work().cancelled(current_call->slot);
}

void RingSession::exit_actor() {
  if (current_call == nullptr || current_call->actor.is_nil()) return Session::exit_actor();
  current_call->exits_actor = true;
}

ray::RuntimeContext RingSession::context() const {
  ray::RuntimeContext context = Session::context();
  if (current_call == nullptr) return context;
  context.task = to_string(current_call->task);
  if (!current_call->actor.is_nil()) context.actor = to_string(current_call->actor);
  context.attempt = current_call->attempt;
  context.gpus = current_call->gpus;
  return context;
}

bool RingSession::was_current_actor_restarted() const {
  return current_call != nullptr && current_call->incarnation > 1;
}

std::string RingSession::current_namespace() const {
  return current_call != nullptr && !current_call->name_space.empty()
             ? current_call->name_space
             : Session::current_namespace();
}

void RingSession::set_runtime(const CallTemplate& call) {
  const Lock lock{mutex_};
  image_ = call.function.image;
  environment_ = call.environment;
}

}  // namespace rayd::client
