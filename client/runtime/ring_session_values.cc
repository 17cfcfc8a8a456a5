// A session's values: what leaves, inline or by the store, and what is read.
#include <algorithm>
#include <cstring>

#include "client/runtime/ring_session.h"
#include "client/runtime/ring_session_ids.h"

namespace rayd::client {

namespace api = ray::internal;

namespace {

constexpr size_t kMaxContained = 100'000;

}  // namespace

// ---- values that leave ------------------------------------------------------------------------

Value RingSession::make_value(Lock& lock, const api::SerializedValue& value, size_t inline_limit) {
  Value result;
  result.tag = value.tag;
  result.size = value.bytes.size();
  result.contains = ids_of(value.contained);
  if (result.contains.size() > kMaxContained) {
    api::throw_error(ray::ErrorCode::kInvalidArgument,
                     "a value with " + std::to_string(result.contains.size()) +
                         " references; at most " + std::to_string(kMaxContained) +
                         " fit one object: nest them");
  }
  if (value.bytes.size() <= inline_limit) {
    result.kind = Value::Kind::kInline;
    result.bytes = Bytes::copy(value.bytes);
    return result;
  }
  result.kind = Value::Kind::kStored;
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
  return result;
}

Extent RingSession::allocate(Lock& lock, uint64_t bytes) {
  if (const auto piece = store_.allocate(bytes)) return *piece;
  RequestArena request = store_.arena_request(bytes);
  request.request = next_request_++;
  core_.outbox().push_back(request);
  core_.flush_releases();  // what the program let go of may be the room that is wanted
  send(lock);
  const auto answered = [&] { return replies_.contains(request.request); };
  wait_until(lock, answered, shm::kNoDeadline, Waiting::kForAnswers);
  const ClientAnswer answer = std::move(replies_.extract(request.request).mapped());
  if (const auto* refused = std::get_if<ArenaRefused>(&answer)) {
    api::throw_error(ray::ErrorCode::kStoreFull,
                     "the object store is full: " + std::to_string(bytes) + " bytes wanted, " +
                         std::to_string(refused->used_bytes) + " of " +
                         std::to_string(refused->capacity_bytes) +
                         " in use. Drop references, or start with a larger "
                         "--object-store-memory");
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

rayd::ObjectId RingSession::put_locked(Lock& lock, const api::SerializedValue& value) {
  Value packed = make_value(lock, value, kMaxInlineInRing);
  const rayd::ObjectId object = core_.mint().object(0);
  core_.created(object);
  core_.outbox().push_back(Put{object, std::move(packed)});
  send(lock);
  return object;
}

api::ObjectId RingSession::put(const api::SerializedValue& value) {
  Lock lock{mutex_};
  return id_of(put_locked(lock, value));
}

Value RingSession::store_result(const api::SerializedValue& result) {
  Lock lock{mutex_};
  Value value = make_value(lock, result, kMaxInlineInRing);
  if (value.kind == Value::Kind::kStored) ++unsent_results_;
  // The program's own references may end before Done has left: see send_done.
  for (const rayd::ObjectId object : value.contains) core_.add_handle(object);
  return value;
}

// ---- reading ----------------------------------------------------------------------------------

namespace {

/// Keeps an object's value, and everything in it, alive.
struct KeepAlive {
  KeepAlive(std::shared_ptr<api::Runtime> runtime, api::ObjectId id)
      : runtime(std::move(runtime)), id(id) {}
  KeepAlive(const KeepAlive&) = delete;
  KeepAlive& operator=(const KeepAlive&) = delete;
  ~KeepAlive() { runtime->release_reference(id); }
  std::shared_ptr<api::Runtime> runtime;
  api::ObjectId id;
};

}  // namespace

api::FetchedValue RingSession::fetched(const Value& value, rayd::ObjectId object) {
  api::FetchedValue result;
  result.tag = value.tag;
  switch (value.kind) {
    case Value::Kind::kError:
      result.error = std::make_shared<api::ErrorInfo>(to_api(*value.error));
      return result;
    case Value::Kind::kInline: {
      if (value.contains.empty()) {
        auto bytes = std::make_shared<Bytes>(value.bytes);
        result.bytes = bytes->span();
        result.keep_alive = std::move(bytes);
        return result;
      }
      result.bytes = value.bytes.span();
      break;
    }
    case Value::Kind::kStored: {
      const auto payload = store_.payload(value.extent);
      if (!payload) {
        api::ErrorInfo error;
        error.code = ray::ErrorCode::kCorrupt;
        error.message = payload.error().message;
        result.error = std::make_shared<api::ErrorInfo>(std::move(error));
        return result;
      }
      result.bytes = *payload;
      break;
    }
    case Value::Kind::kNone: RAY_CHECK(false);
  }
  if (!object.is_nil()) {
    core_.add_handle(object);
    result.keep_alive = std::make_shared<KeepAlive>(shared_from_this(), id_of(object));
  }
  return result;
}

std::vector<api::FetchedValue> RingSession::open_arguments(const std::vector<Value>& args) {
  const Lock lock{mutex_};
  std::vector<api::FetchedValue> opened;
  opened.reserve(args.size());
  for (const Value& arg : args) {
    // One handle a reference while the call runs; unpacking makes its own.
    for (const rayd::ObjectId inner : arg.contains) core_.add_handle(inner);
    core_.on_granted(arg.contains);
    opened.push_back(fetched(arg, {}));
  }
  return opened;
}

void RingSession::close_arguments(const std::vector<Value>& args) {
  const Lock lock{mutex_};
  for (const Value& arg : args) {
    for (const rayd::ObjectId inner : arg.contains) core_.drop_handle(inner);
  }
}

}  // namespace rayd::client
