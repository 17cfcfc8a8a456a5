// ActorHandle<T>: a counted name of an actor of class T. Calls made through handles by one caller
// run in the order they were made. An unnamed actor ends with its last handle, after those calls.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <boost/optional/optional.hpp>

#include "ray/internal/caller.h"
#include "ray/internal/registration.h"

namespace ray {

template <class T>
class ActorHandle {
 public:
  ActorHandle() = default;
  /// The inverse of ID().
  explicit ActorHandle(const std::string& id)
      : counted_(internal::Counted::share(internal::actor_id_of(id).handle())) {}

  /// `handle.Task(&T::method).Remote(…)`. Methods of T and its public bases; virtual ones dispatch.
  template <class F>
  internal::ActorTaskCaller<F> Task(F method) const {
    static_assert(std::is_member_function_pointer_v<F>, "Task of a handle takes &Class::method");
    using Class = typename internal::FunctionType<F>::Class;
    static_assert(std::is_same_v<T, Class> || std::is_base_of_v<Class, T>,
                  "not a method of this actor's class");
    return {internal::entry_of_method(method), counted_};
  }
  /// The same without RAY_REMOTE: handle.Task<&T::method>().
  template <auto method>
  internal::ActorTaskCaller<decltype(method)> Task() const {
    using Class = typename internal::FunctionType<decltype(method)>::Class;
    static_assert(std::is_same_v<T, Class> || std::is_base_of_v<Class, T>,
                  "not a method of this actor's class");
    return {internal::entry_of<method>(), counted_};
  }

  /// Ends the actor's process. With false it is restarted if it has restarts left.
  void Kill(bool no_restart = true) const {
    internal::runtime().kill(internal::ActorId::of_handle(counted_.id()),
                             static_cast<internal::NoRestart>(no_restart));
  }

  /// Opaque text; empty for a handle of nothing.
  std::string ID() const { return internal::to_text(internal::ActorId::of_handle(counted_.id())); }

  bool operator==(const ActorHandle& other) const { return counted_.id() == other.counted_.id(); }

  static constexpr bool IsActorHandle() { return true; }

  // For MessagePack and the API itself.
  static ActorHandle Adopt(internal::ActorId id) noexcept {
    ActorHandle handle;
    handle.counted_ = internal::Counted::adopt(id.handle());
    return handle;
  }
  internal::ActorId actor_id() const noexcept {
    return internal::ActorId::of_handle(counted_.id());
  }
  template <class Stream>
  void msgpack_pack(msgpack::packer<Stream>& packer) const {
    internal::pack_reference(packer, counted_.id(), internal::kActorHandleExtension);
  }
  void msgpack_unpack(const msgpack::object& object) {
    counted_ = internal::Counted::share(
        internal::unpack_reference(object, internal::kActorHandleExtension));
  }

 private:
  internal::Counted counted_;
};

/// What GetActor returns: a std::optional that a boost::optional can be made from, as Ray's
/// programs do.
template <class T>
class Optional : public std::optional<T> {
 public:
  using std::optional<T>::optional;
  operator boost::optional<T>() const& {
    return *this ? boost::optional<T>(**this) : boost::optional<T>();
  }
  operator boost::optional<T>() && {
    return *this ? boost::optional<T>(std::move(**this)) : boost::optional<T>();
  }
};

}  // namespace ray

template <class T>
struct std::hash<ray::ActorHandle<T>> {
  size_t operator()(const ray::ActorHandle<T>& handle) const noexcept {
    return ray::internal::ObjectIdHash()(handle.actor_id().handle());
  }
};
