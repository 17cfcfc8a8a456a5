// Init, Shutdown and what the templates of api.h need out of line.
#include "ray/api.h"

#include <algorithm>
#include <cstdlib>
#include <mutex>

#include "client/api/current_runtime.h"

namespace ray {
namespace {

/// Init and Shutdown are one at a time.
std::mutex& init_mutex() {
  static std::mutex& mutex = *new std::mutex;
  return mutex;
}

void check_registrations() {
  const auto errors = internal::registration_errors();
  if (errors.empty()) return;
  std::string text;
  for (const auto& error : errors) text += (text.empty() ? "" : "\n") + error;
  internal::throw_error(ErrorCode::kAlreadyExists, text);
}

}  // namespace

void Init() { Init(RayConfig()); }

void Init(const RayConfig& config) { Init(config, 0, nullptr); }

void Init(const RayConfig& given, int argc, char** argv) {
  const std::lock_guard lock(init_mutex());
  if (IsInitialized()) return;
  check_registrations();
  RayConfig config = given;
  internal::apply_flags(config, argc, argv);
  internal::install_runtime(internal::make_runtime(config));
  static const bool registered = std::atexit(Shutdown) == 0;
  (void)registered;
}

bool IsInitialized() { return internal::runtime_or_null() != nullptr; }

void Shutdown() {
  const std::lock_guard lock(init_mutex());
  const internal::CurrentRuntime* current = internal::current_runtime();
  if (current == nullptr) return;
  current->runtime->shutdown();
  internal::install_runtime(nullptr);
}

bool IsCancelled() {
  const internal::Runtime* runtime = internal::runtime_or_null();
  return runtime != nullptr && runtime->is_cancelled();
}

void ExitActor() {
  internal::runtime().exit_actor();
  throw internal::ActorExit();
}

bool WasCurrentActorRestarted() { return internal::runtime().was_current_actor_restarted(); }

std::string GetNamespace() { return internal::runtime().current_namespace(); }

namespace internal {
namespace {

void check_timeout(int64_t timeout_ms) {
  if (timeout_ms < -1)
    throw_error(ErrorCode::kInvalidArgument,
                "timeout " + std::to_string(timeout_ms) + " ms: −1 (for ever), 0 or more");
}

void check_ids(std::span<const ObjectId> ids) {
  for (const ObjectId id : ids)
    if (id.is_nil()) throw_error(ErrorCode::kInvalidArgument, "this ObjectRef names no object");
}

void fetch_into(std::span<const ObjectId> ids, int64_t timeout_ms, std::span<FetchedValue> values) {
  check_timeout(timeout_ms);
  check_ids(ids);
  if (ids.empty()) return;
  if (runtime().get(ids, timeout_ms, values) == Waited::kReady) return;
  throw_error(ErrorCode::kTimeout, "Get: not ready after " + std::to_string(timeout_ms) + " ms (" +
                                       to_text(ids.front()) +
                                       (ids.size() > 1 ? " and others)" : ")"));
}

}  // namespace

void Counted::hold_out_of_line(ObjectId id) noexcept {
  if (Runtime* runtime = runtime_or_null()) runtime->add_reference(id);
}

void Counted::drop_out_of_line(ObjectId id) noexcept {
  if (Runtime* runtime = runtime_or_null()) runtime->release_reference(id);
}

FetchedValue fetch(ObjectId id, int64_t timeout_ms) {
  FetchedValue value;
  fetch_into({&id, 1}, timeout_ms, {&value, 1});
  return value;
}

std::vector<FetchedValue> fetch_all(std::span<const ObjectId> ids, int64_t timeout_ms) {
  std::vector<FetchedValue> values(ids.size());
  fetch_into(ids, timeout_ms, values);
  for (const FetchedValue& value : values) throw_if_error(value);
  return values;
}

std::vector<uint8_t> wait_all(std::span<const ObjectId> ids, int count, int timeout_ms) {
  check_timeout(timeout_ms);
  check_ids(ids);
  if (count <= 0 || static_cast<size_t>(count) > ids.size())
    throw_error(ErrorCode::kInvalidArgument, "Wait: cannot wait for " + std::to_string(count) +
                                                 " of " + std::to_string(ids.size()) + " objects");
  std::vector<ObjectId> sorted(ids.begin(), ids.end());
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end())
    throw_error(ErrorCode::kInvalidArgument, "Wait: " + to_text(*twice) + " is listed twice");
  std::vector<uint8_t> ready(ids.size(), 0);
  runtime().wait(ids, static_cast<size_t>(count), timeout_ms, ready);
  return ready;
}

}  // namespace internal
}  // namespace ray
