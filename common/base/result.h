// Result<T>: a value, or an error that somebody is expected to react to.
//
// An ErrorCode exists only where somebody reacts to it; the text is for people and names the place
// and the fix. Programming errors are RAY_CHECKs; the environment's (disk, socket) are exceptions
// that live in shells.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>

#include "common/base/check.h"

namespace rayd {

enum class ErrorCode : uint16_t {
  kOk = 0,
  // What a user's program or the shell may meet; each maps to one exception and one exit status.
  kTaskThrew = 1,   // the function threw; type and message travel in the ErrorInfo
  kWorkerDied = 2,  // its process died (signal, exit) while it ran
  kNodeDied = 3,    // the node that ran it was declared dead
  kActorDied = 4,   // the actor is dead, or died under this call
  kOwnerDied = 5,   // the owner of the object is gone
  kObjectLost = 6,  // no copy is left and it cannot be rebuilt
  kCancelled = 7,
  kFunctionNotFound = 8,
  kRuntimeEnv = 9,  // the environment of the task cannot be made
  kTimeout = 10,
  kPendingCallsLimit = 11,  // Remote() at max_pending_tasks until its deadline
  kStoreFull = 12,          // no room in the object store until store_full_timeout_ms
  kWorkersLimit = 13,       // max_workers are blocked; the text names the limit
  kOwnerDrained = 14,
  // What the shell's verbs may meet.
  kInvalidArgument = 20,  // exit status 2
  kNotFound = 21,         // exit status 3
  kUnavailable = 22,      // no cluster, or it cannot be reached: exit status 4
  kNotAllowed = 23,       // exit status 5
  kInfeasible = 24,       // can never be placed on the nodes there are: exit status 7
  kAlreadyExists = 25,
  kCorrupt = 26,  // bytes that are not what they claim to be
  kInternal = 27,
};

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  /// Precondition: ok().
  T& value() & {
    RAY_CHECK(ok());
    return std::get<0>(state_);
  }
  const T& value() const& {
    RAY_CHECK(ok());
    return std::get<0>(state_);
  }
  T&& value() && {
    RAY_CHECK(ok());
    return std::get<0>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  /// Precondition: !ok().
  const Error& error() const {
    RAY_CHECK(!ok());
    return std::get<1>(state_);
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), ok_(false) {}
  bool ok() const { return ok_; }
  explicit operator bool() const { return ok_; }
  const Error& error() const {
    RAY_CHECK(!ok_);
    return error_;
  }

 private:
  Error error_;
  bool ok_ = true;
};

using Status = Result<void>;

}  // namespace rayd
