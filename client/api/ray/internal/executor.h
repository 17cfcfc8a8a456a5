// Runs registered functions for a runtime: bytes in, bytes or an ErrorInfo out, no user type.
//
//   Execution end = execute(*find_function(name, type), instance, arguments, sink);
//
// The caller (a worker's main, or local_mode) has resolved every reference among the arguments.
// Exceptions of user code never leave: they become an error with demangled type and text.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <typeinfo>
#include <utility>
#include <vector>

#include "ray/internal/function.h"

namespace ray::internal {

/// Receives the result while it is alive: copies the bytes, counts what is contained.
class ResultSink {
 public:
  virtual void value(const SerializedValue& result) = 0;

 protected:
  ~ResultSink() = default;
};

/// What ExitActor throws through the user's method: no std::exception, so that user code that
/// catches those does not swallow it.
struct ActorExit {};

/// What the executor must know of an actor's class, type-erased.
struct ClassOperations {
  const std::type_info* type;
  void (*destroy)(void* object);
  void (*raise)(void* object);  // throws the object's typed pointer: see ActorInstance::as
};

/// An actor's object. Moves, does not copy; destroys the object (whose destructor may throw only by
/// terminating, as anywhere).
class ActorInstance {
 public:
  ActorInstance() = default;
  ActorInstance(const ActorInstance&) = delete;
  ActorInstance& operator=(const ActorInstance&) = delete;
  ~ActorInstance() { reset(); }

  bool empty() const { return object_ == nullptr; }
  void reset() noexcept;

  /// Precondition: empty.
  template <class T>
  void adopt(T* object);

  /// The object as its own class or as a base of it, at the right address for multiple and virtual
  /// inheritance: the object's typed pointer is thrown once and caught as the base's, which is the
  /// conversion that the language can do between types that no one place in the program knows both
  /// of. Remembered per base. Throws RayException if `T` is no public base of it.
  template <class T>
  T& as();

 private:
  void* find(const std::type_info& type);
  void remember(const std::type_info& type, void* object);
  [[noreturn]] void refuse(const std::type_info& type) const;

  void* object_ = nullptr;
  const ClassOperations* operations_ = nullptr;
  std::mutex mutex_;  // methods of a concurrent actor meet here
  std::vector<std::pair<const std::type_info*, void*>> bases_;
};

struct Execution {
  enum class End : uint8_t {
    kReturned,   // the sink has the value
    kFailed,     // `error`: kTaskThrew, kInvalidArgument (an argument does not fit), …
    kExitActor,  // ExitActor: the actor ends with this call
  };
  End end = End::kReturned;
  /// code, message, remote_type and function are set; who ran where is the caller's to add.
  ErrorInfo error;
};

/// Runs a function (no instance) or a method.
Execution execute(const FunctionEntry& entry, ActorInstance* instance,
                  std::span<const FetchedValue> arguments, ResultSink& sink) noexcept;

/// Runs a factory. On kReturned the instance holds the object.
Execution construct(const FunctionEntry& factory, std::span<const FetchedValue> arguments,
                    ActorInstance& instance) noexcept;

template <class T>
void ActorInstance::adopt(T* object) {
  static constexpr ClassOperations kOperations{&typeid(T),
                                               [](void* erased) { delete static_cast<T*>(erased); },
                                               [](void* erased) { throw static_cast<T*>(erased); }};
  object_ = object;
  operations_ = &kOperations;
}

template <class T>
T& ActorInstance::as() {
  if (void* known = find(typeid(T))) return *static_cast<T*>(known);
  try {
    operations_->raise(object_);
  } catch (T* base) {
    remember(typeid(T), base);
    return *base;
  } catch (...) {
  }
  refuse(typeid(T));
}

}  // namespace ray::internal
