// ObjectRef<T>: a counted name of a value that exists, or will exist, somewhere in the cluster.
//
// Copying counts one more, moving steals, destroying gives back. A ref passed for a parameter of
// type T is resolved before the function runs; for a parameter of type ObjectRef<T>, or inside
// another value, it arrives as a ref. Thread-safe like a shared_ptr.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "ray/internal/adaptors.h"
#include "ray/internal/pack.h"
#include "ray/internal/unpack.h"

namespace ray {
namespace internal {

/// An id with its reference. Nil counts nothing.
class Counted {
 public:
  Counted() = default;
  Counted(const Counted& other) noexcept : id_(other.id_) { hold(id_); }
  Counted(Counted&& other) noexcept : id_(std::exchange(other.id_, {})) {}
  Counted& operator=(Counted other) noexcept {
    std::swap(id_, other.id_);
    return *this;
  }
  ~Counted() { drop(id_); }

  /// Takes over a reference that was counted already (what a Runtime returns).
  static Counted adopt(ObjectId id) noexcept { return Counted(id); }
  /// Counts one more.
  static Counted share(ObjectId id) noexcept {
    hold(id);
    return Counted(id);
  }
  ObjectId id() const noexcept { return id_; }

 private:
  explicit Counted(ObjectId id) noexcept : id_(id) {}
  static void hold(ObjectId id) noexcept {
    if (!id.is_nil()) hold_out_of_line(id);
  }
  static void drop(ObjectId id) noexcept {
    if (!id.is_nil()) drop_out_of_line(id);
  }
  static void hold_out_of_line(ObjectId id) noexcept;
  static void drop_out_of_line(ObjectId id) noexcept;

  ObjectId id_;
};

template <class T>
struct GotType {
  using type = std::shared_ptr<T>;
};
template <>
struct GotType<void> {
  using type = void;
};
/// What Get of a T returns: a shared_ptr, or nothing for void.
template <class T>
using Got = typename GotType<T>::type;

/// Throws RayTimeoutException when the time is over, and the object's error.
FetchedValue fetch(ObjectId id, int64_t timeout_ms);

}  // namespace internal

template <class T>
class ObjectRef {
 public:
  using value_type = T;

  ObjectRef() = default;
  /// The inverse of ID().
  explicit ObjectRef(const std::string& id)
      : counted_(internal::Counted::share(internal::object_id_of(id))) {}

  /// Blocks until the value is there; at most `timeout_ms` (−1: for ever), then throws
  /// RayTimeoutException. Throws what the task threw, as RayTaskException, and so on.
  internal::Got<T> Get(const int& timeout_ms = -1) const {
    const internal::FetchedValue value = internal::fetch(counted_.id(), timeout_ms);
    if constexpr (std::is_void_v<T>) {
      internal::throw_if_error(value);
    } else {
      return internal::unpack_shared<T>(value);
    }
  }

  /// Opaque text; empty for a ref that names nothing.
  std::string ID() const { return internal::to_text(counted_.id()); }

  bool operator==(const ObjectRef& other) const { return counted_.id() == other.counted_.id(); }

  static constexpr bool IsObjectRef() { return true; }

  // For MessagePack and the API itself.
  static ObjectRef Adopt(internal::ObjectId id) noexcept {
    return ObjectRef(internal::Counted::adopt(id));
  }
  internal::ObjectId object_id() const noexcept { return counted_.id(); }
  template <class Stream>
  void msgpack_pack(msgpack::packer<Stream>& packer) const {
    internal::pack_reference(packer, counted_.id(), internal::kObjectRefExtension);
  }
  void msgpack_unpack(const msgpack::object& object) {
    counted_ =
        internal::Counted::share(internal::unpack_reference(object, internal::kObjectRefExtension));
  }

 private:
  explicit ObjectRef(internal::Counted counted) noexcept : counted_(std::move(counted)) {}

  internal::Counted counted_;
};

/// What Wait found, each list in input order.
template <class T>
class WaitResult {
 public:
  std::list<ObjectRef<T>> ready;
  std::list<ObjectRef<T>> unready;
};

namespace internal {

template <class T>
struct RefType {
  static constexpr bool is_ref = false;
};
template <class T>
struct RefType<ObjectRef<T>> {
  static constexpr bool is_ref = true;
  using type = T;
};
template <class T>
concept IsRef = RefType<T>::is_ref;

}  // namespace internal
}  // namespace ray

template <class T>
struct std::hash<ray::ObjectRef<T>> {
  size_t operator()(const ray::ObjectRef<T>& ref) const noexcept {
    return ray::internal::ObjectIdHash()(ref.object_id());
  }
};
