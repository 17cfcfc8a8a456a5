// local_mode's objects: values, their counts, and who waits for them.
#include <algorithm>
#include <chrono>
#include <cstring>

#include "client/api/local_blocking.h"
#include "client/api/local_current.h"
#include "client/api/local_runtime.h"

namespace ray::internal {
namespace {

/// Values whose destruction destroys others go through this list, so that long chains of references
/// do not become deep recursion.
constinit thread_local std::vector<ValuePointer>* reaping = nullptr;

}  // namespace

constinit thread_local LocalTask* current_local_task = nullptr;

Garbage::~Garbage() {
  if (reaping != nullptr) {
    reaping->insert(reaping->end(), std::make_move_iterator(values.begin()),
                    std::make_move_iterator(values.end()));
    return;
  }
  std::vector<ValuePointer> pending = std::move(values);
  reaping = &pending;
  while (!pending.empty()) {
    ValuePointer value = std::move(pending.back());
    pending.pop_back();
    value.reset();
  }
  reaping = nullptr;
}

StoredValue::StoredValue(std::weak_ptr<LocalRuntime> runtime, const SerializedValue& value)
    : runtime_(std::move(runtime)),
      tag_(value.tag),
      size_(value.bytes.size()),
      contained_(value.contained.begin(), value.contained.end()) {
  constexpr size_t unit = sizeof(std::max_align_t);
  bytes_ = std::make_unique_for_overwrite<std::max_align_t[]>((size_ + unit - 1) / unit);
  if (size_ > 0) std::memcpy(bytes_.get(), value.bytes.data(), size_);
}

StoredValue::~StoredValue() {
  if (contained_.empty()) return;
  if (const auto runtime = runtime_.lock())
    for (const ObjectId id : contained_) runtime->release_reference(id);
}

FetchedValue StoredValue::fetched(const ValuePointer& value) {
  FetchedValue fetched;
  fetched.tag = value->tag_;
  fetched.bytes = {reinterpret_cast<const uint8_t*>(value->bytes_.get()), value->size_};
  fetched.keep_alive = value;
  fetched.error = value->error_;
  return fetched;
}

ValuePointer LocalRuntime::store(const SerializedValue& value) {
  auto stored = std::make_shared<const StoredValue>(weak_from_this(), value);
  if (!value.contained.empty()) {
    const std::lock_guard lock(mutex_);
    for (const ObjectId id : value.contained) count_up(id);
  }
  return stored;
}

ObjectId LocalRuntime::put(const SerializedValue& value) {
  ValuePointer stored = store(value);
  Locked locked(*this);
  check_running();
  const ObjectId id{client_bits_, next_seq_++ << 24};
  LocalObject& object = objects_[id];
  object.count = 1;
  object.value = std::move(stored);
  return id;
}

LocalObject* LocalRuntime::find(ObjectId id) {
  const auto it = objects_.find(id);
  return it == objects_.end() ? nullptr : &it->second;
}

void LocalRuntime::count_up(ObjectId id) {
  if (LocalObject* object = find(id)) ++object->count;
}

void LocalRuntime::count_down(Locked& locked, ObjectId id) {
  LocalObject* object = find(id);
  if (object == nullptr || object->count == 0 || --object->count > 0) return;
  const ActorPointer actor = object->actor;
  if (actor != nullptr && actor->counted == LocalActor::Counted::kNo &&
      actor->state != LocalActor::State::kDead)
    return;  // others will ask for it by name
  if (object->value != nullptr) locked.garbage.values.push_back(std::move(object->value));
  objects_.erase(id);
  if (actor != nullptr) end_if_unused(locked, *actor);
}

void LocalRuntime::add_reference(ObjectId id) noexcept {
  const std::lock_guard lock(mutex_);
  count_up(id);
}

void LocalRuntime::release_reference(ObjectId id) noexcept {
  Locked locked(*this);
  count_down(locked, id);
}

void LocalRuntime::set_ready(Locked& locked, ObjectId id, ValuePointer value) {
  LocalObject* object = find(id);
  if (object == nullptr) {  // nobody is interested any more
    locked.garbage.values.push_back(std::move(value));
    return;
  }
  object->value = std::move(value);
  object->producer = nullptr;
  for (Waiter* waiter : object->waiters)
    if (waiter->missing > 0 && --waiter->missing == 0) waiter->wake.notify_one();
  object->waiters.clear();
  settling_.insert(settling_.end(), object->dependents.begin(), object->dependents.end());
  object->dependents.clear();
  if (is_settling_) return;
  is_settling_ = true;
  while (!settling_.empty()) {
    const TaskPointer task = std::move(settling_.front());
    settling_.pop_front();
    if (--task->missing == 0) on_arguments_ready(locked, task);
  }
  is_settling_ = false;
}

size_t LocalRuntime::add_waiter(std::span<const ObjectId> ids, Waiter& waiter) {
  size_t ready = 0;
  for (const ObjectId id : ids) {
    LocalObject* object = find(id);
    if (object == nullptr || object->actor != nullptr) {
      remove_waiter(ids, waiter);
      throw_error(ErrorCode::kObjectLost, to_text(id) + " is not known here (any more)");
    }
    if (object->value != nullptr) {
      ++ready;
    } else {
      object->waiters.push_back(&waiter);
    }
  }
  return ready;
}

void LocalRuntime::remove_waiter(std::span<const ObjectId> ids, const Waiter& waiter) {
  for (const ObjectId id : ids)
    if (LocalObject* object = find(id)) std::erase(object->waiters, &waiter);
}

/// Lends the running task's CPUs while its thread waits; it resumes at once.
Waited LocalRuntime::block(Locked& locked, std::span<const ObjectId> ids, size_t count,
                           int64_t timeout_ms) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + std::chrono::milliseconds(std::max<int64_t>(timeout_ms, 0));
  Waiter waiter;
  while (true) {
    check_running();
    const size_t ready = add_waiter(ids, waiter);
    if (ready >= count) {
      remove_waiter(ids, waiter);
      return Waited::kReady;
    }
    if (timeout_ms == 0 || (timeout_ms > 0 && Clock::now() >= deadline)) {
      remove_waiter(ids, waiter);
      return Waited::kTimeout;
    }
    waiter.missing = count - ready;
    const TaskPointer unstarted = threads_are_used_up() ? take_unstarted(ids) : nullptr;
    if (unstarted == nullptr) {
      const auto refused = reason_not_to_block();
      if (refused != nullptr) {
        remove_waiter(ids, waiter);
        throw_error(refused);
      }
      const Blocking blocking(*this);
      const auto done = [&] { return waiter.missing == 0 || state_ != State::kRunning; };
      if (timeout_ms < 0) {
        waiter.wake.wait(locked.lock, done);
      } else {
        waiter.wake.wait_until(locked.lock, deadline, done);
      }
    }
    remove_waiter(ids, waiter);
    if (unstarted == nullptr) continue;
    locked.lock.unlock();
    run(unstarted);
    locked.lock.lock();
  }
}

Waited LocalRuntime::get(std::span<const ObjectId> ids, int64_t timeout_ms,
                         std::span<FetchedValue> values) {
  Locked locked(*this);
  if (block(locked, ids, ids.size(), timeout_ms) == Waited::kTimeout) return Waited::kTimeout;
  for (size_t i = 0; i < ids.size(); ++i) values[i] = StoredValue::fetched(find(ids[i])->value);
  return Waited::kReady;
}

void LocalRuntime::wait(std::span<const ObjectId> ids, size_t count, int64_t timeout_ms,
                        std::span<uint8_t> ready) {
  Locked locked(*this);
  block(locked, ids, count, timeout_ms);
  for (size_t i = 0; i < ids.size(); ++i) ready[i] = find(ids[i])->value != nullptr ? 1 : 0;
}

void LocalRuntime::check_running() const {
  if (state_ != State::kRunning)
    throw_error(ErrorCode::kUnavailable, "Ray was shut down here: call ray::Init() first");
}

size_t LocalRuntime::object_count() const {
  const std::lock_guard lock(mutex_);
  return objects_.size();
}

}  // namespace ray::internal
