// A session's values: what leaves, inline or by the store, and what is read.
#include "client/runtime/session.h"
#include "client/runtime/session_ids.h"

namespace rayd::client {

namespace api = ray::internal;

namespace {

constexpr size_t kMaxContained = 100'000;

}  // namespace

// ---- values that leave ------------------------------------------------------------------------

Value Session::make_value(Lock& lock, const api::SerializedValue& value) {
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
  if (value.bytes.size() <= options_.inline_limit) {
    result.kind = Value::Kind::kInline;
    result.bytes = Bytes::copy(value.bytes);
    return result;
  }
  result.kind = Value::Kind::kStored;
  store(lock, value, result);
  return result;
}

rayd::ObjectId Session::put_locked(Lock& lock, const api::SerializedValue& value) {
  Value packed = make_value(lock, value);
  const rayd::ObjectId object = core_.mint().object(0);
  core_.created(object);
  core_.outbox().push_back(Put{object, std::move(packed)});
  send(lock);
  return object;
}

api::ObjectId Session::put(const api::SerializedValue& value) {
  Lock lock{mutex_};
  return id_of(put_locked(lock, value));
}

// ---- reading ----------------------------------------------------------------------------------

namespace {

/// Keeps an object's value, and everything in it, alive.
struct KeepAlive {
  KeepAlive(std::shared_ptr<api::Runtime> the_runtime, api::ObjectId the_id,
            std::shared_ptr<const void> the_copy)
      : runtime(std::move(the_runtime)), id(the_id), copy(std::move(the_copy)) {}
  KeepAlive(const KeepAlive&) = delete;
  KeepAlive& operator=(const KeepAlive&) = delete;
  ~KeepAlive() { runtime->release_reference(id); }
  std::shared_ptr<api::Runtime> runtime;
  api::ObjectId id;
  std::shared_ptr<const void> copy;  // where the bytes are, if not in the store
};

}  // namespace

api::FetchedValue Session::fetched(Lock& lock, const Value& value, rayd::ObjectId object) {
  std::shared_ptr<const void> copy;
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
      // The core's value may move while the lock is away: nothing of it is used behind this.
      auto stored = payload(lock, value.extent, object, value.size);
      if (!stored) {
        api::ErrorInfo error;
        error.code = static_cast<ray::ErrorCode>(stored.error().code);
        error.message = stored.error().message;
        result.error = std::make_shared<api::ErrorInfo>(std::move(error));
        return result;
      }
      result.bytes = stored->bytes;
      copy = std::move(stored->keep);
      break;
    }
    case Value::Kind::kNone: RAY_CHECK(false);
  }
  if (!object.is_nil()) {
    core_.add_handle(object);
    result.keep_alive =
        std::make_shared<KeepAlive>(shared_from_this(), id_of(object), std::move(copy));
  }
  return result;
}

}  // namespace rayd::client
