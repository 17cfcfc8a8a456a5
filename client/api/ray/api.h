// Ray's C++ API. A program that uses it is its own worker: functions registered with RAY_REMOTE, or
// given to Task as captureless lambdas, run in other processes on this machine or others.
//
//   int Plus(int x, int y) { return x + y; }
//   RAY_REMOTE(Plus);
//   int main() {
//     ray::Init();
//     ray::ObjectRef<int> three = ray::Task(Plus).Remote(1, 2);
//     return *ray::Get(three) == 3 ? 0 : 1;
//   }
//
// All functions may be called from any thread, and throw RayException or a kind of it.
#pragma once

// Ray's programs rely on these coming along.
#include <cassert>
#include <iostream>
#include <memory>
#include <thread>
#include <unordered_map>
#include <vector>

#include "ray/actor_handle.h"
#include "ray/config.h"
#include "ray/exception.h"
#include "ray/logging.h"
#include "ray/object_ref.h"
#include "ray/placement_group.h"
#include "ray/runtime_context.h"
#include "ray/view.h"

namespace ray {

/// Connects this process. A second call is ignored until Shutdown; so is one in a worker. With argc
/// and argv the `--ray_…` flags override the config.
void Init();
void Init(const RayConfig& config);
void Init(const RayConfig& config, int argc, char** argv);
bool IsInitialized();
/// Ends what Init started, and only that. Also happens when the program exits.
void Shutdown();

/// Stores a value; the ref names it.
template <class T>
ObjectRef<std::remove_cvref_t<T>> Put(const T& value) {
  static_assert(!internal::ContiguousView<T>, "put a vector or string: a view owns nothing");
  internal::PackSpace<T> space;
  return ObjectRef<T>::Adopt(internal::runtime().put(internal::pack_value<T>(value, space)));
}
/// Text, from a literal too.
inline ObjectRef<std::string> Put(const char* text) { return Put(std::string(text)); }

template <class T>
internal::Got<T> Get(const ObjectRef<T>& object, const int& timeout_ms = -1) {
  return object.Get(timeout_ms);
}
/// All of them, in input order; the first error in input order is thrown.
template <class T>
auto Get(const std::vector<ObjectRef<T>>& objects, const int& timeout_ms = -1);

/// The elements of a stored array, without a copy: GetView<double>(ref of std::vector<double>).
template <class T, class V>
View<T> GetView(const ObjectRef<V>& object, const int& timeout_ms = -1) {
  static_assert(internal::Flat<T>, "a view's elements are numbers, RAY_RAW structs or arrays");
  return internal::view_value<T>(internal::fetch(object.object_id(), timeout_ms));
}
template <class V>
requires internal::Contiguous<V>
auto GetView(const ObjectRef<V>& object, const int& timeout_ms = -1) {
  return GetView<typename internal::ContiguousType<V>::Element>(object, timeout_ms);
}

/// Returns when `num_objects` of them are ready (an error is ready too) or the time is over; −1: no
/// limit. Throws if num_objects is not in 1 … size, or an object comes twice.
template <class T>
WaitResult<T> Wait(const std::vector<ObjectRef<T>>& objects, int num_objects, int timeout_ms);

/// A registered function, or a lambda without captures: `Task(f).Remote(arguments…)`.
template <class F>
internal::TaskCaller<F> Task(F function) {
  return internal::TaskCaller<F>(internal::entry_of(function));
}
/// A function that needs no RAY_REMOTE: `Task<f>().Remote(arguments…)`.
template <auto function>
internal::TaskCaller<decltype(function)> Task() {
  return internal::TaskCaller<decltype(function)>(internal::entry_of<function>());
}

/// A factory (a function that returns T* or unique_ptr<T>): `Actor(f).Remote(arguments…)`.
template <class F>
internal::ActorCreator<F> Actor(F factory) {
  static_assert(!std::is_void_v<internal::MadeBy<F>>,
                "an actor's factory returns a pointer or unique_ptr to its class");
  return internal::ActorCreator<F>(internal::entry_of(factory));
}
template <auto factory>
internal::ActorCreator<decltype(factory)> Actor() {
  static_assert(!std::is_void_v<internal::MadeBy<decltype(factory)>>,
                "an actor's factory returns a pointer or unique_ptr to its class");
  return internal::ActorCreator<decltype(factory)>(internal::entry_of<factory>());
}

/// The live actor of that name in the job's, or the given, namespace; empty if there is none.
template <class T>
Optional<ActorHandle<T>> GetActor(const std::string& name) {
  const auto id = internal::runtime().get_actor(name, std::nullopt);
  if (!id) return {};
  return ActorHandle<T>::Adopt(*id);
}
template <class T>
Optional<ActorHandle<T>> GetActor(const std::string& name, const std::string& ray_namespace) {
  const auto id = internal::runtime().get_actor(name, std::string_view(ray_namespace));
  if (!id) return {};
  return ActorHandle<T>::Adopt(*id);
}

/// Asks a task to end. One that has not begun never will; a running one sees IsCancelled(), with
/// `force` its process is killed; `recursive`: what it submitted, too. Get then throws with
/// kCancelled. Objects that are there already stay.
template <class T>
void Cancel(const ObjectRef<T>& object, bool force = false, bool recursive = true) {
  internal::runtime().cancel(object.object_id(), static_cast<internal::Force>(force),
                             static_cast<internal::Recursive>(recursive));
}

/// True in a task whose cancellation was asked for.
bool IsCancelled();
/// Ends the running actor with this call, for good. Only in an actor's method.
[[noreturn]] void ExitActor();
/// True in an actor that was made anew after it died.
bool WasCurrentActorRestarted();
/// The namespace of this job's named actors.
std::string GetNamespace();

// ---- implementation

namespace internal {

/// Throws like Get. The values are as many as the ids.
std::vector<FetchedValue> fetch_all(std::span<const ObjectId> ids, int64_t timeout_ms);
/// Checks the rules of Wait; the result has 1 for ready.
std::vector<uint8_t> wait_all(std::span<const ObjectId> ids, int count, int timeout_ms);

template <class T>
std::vector<ObjectId> ids_of(const std::vector<ObjectRef<T>>& objects) {
  std::vector<ObjectId> ids;
  ids.reserve(objects.size());
  for (const auto& object : objects) ids.push_back(object.object_id());
  return ids;
}

}  // namespace internal

template <class T>
auto Get(const std::vector<ObjectRef<T>>& objects, const int& timeout_ms) {
  const auto values = internal::fetch_all(internal::ids_of(objects), timeout_ms);
  if constexpr (!std::is_void_v<T>) {
    std::vector<std::shared_ptr<T>> results;
    results.reserve(values.size());
    for (const auto& value : values) results.push_back(internal::unpack_shared<T>(value));
    return results;
  }
}

template <class T>
WaitResult<T> Wait(const std::vector<ObjectRef<T>>& objects, int num_objects, int timeout_ms) {
  const auto ready = internal::wait_all(internal::ids_of(objects), num_objects, timeout_ms);
  WaitResult<T> result;
  for (size_t i = 0; i < objects.size(); ++i)
    (ready[i] != 0 ? result.ready : result.unready).push_back(objects[i]);
  return result;
}

}  // namespace ray
