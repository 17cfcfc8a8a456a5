// What can go wrong, as exceptions with Ray's names: one hierarchy, all with code and place.
//
//   std::exception
//     └─ RayException                 limits, a full store, misuse (see code)
//          ├─ RayTaskException        the function threw; its task was cancelled; its node died
//          ├─ RayActorException       the actor is dead, or died under the call
//          ├─ RayWorkerException      the worker's process died
//          ├─ UnreconstructableException  the object is lost, or its owner is gone
//          ├─ RayFunctionNotFound
//          ├─ RayRuntimeEnvException
//          └─ RayTimeoutException     Get's time is over
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <string>

namespace ray {

/// The numbers are those of common/base/result.h (checked in exception.cc).
enum class ErrorCode : uint16_t {
  kOk = 0,
  kTaskThrew = 1,
  kWorkerDied = 2,
  kNodeDied = 3,
  kActorDied = 4,
  kOwnerDied = 5,
  kObjectLost = 6,
  kCancelled = 7,
  kFunctionNotFound = 8,
  kRuntimeEnv = 9,
  kTimeout = 10,
  kPendingCallsLimit = 11,
  kStoreFull = 12,
  kWorkersLimit = 13,
  kOwnerDrained = 14,
  kInvalidArgument = 20,
  kNotFound = 21,
  kUnavailable = 22,
  kNotAllowed = 23,
  kInfeasible = 24,
  kAlreadyExists = 25,
  kCorrupt = 26,
  kInternal = 27,
};

namespace internal {

/// Everything an exception tells. Ids and nodes as text ("task-1.2.3", "node-1"), empty if unknown.
struct ErrorInfo {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
  std::string remote_type;  // demangled type of what the user's function threw
  std::string function;     // qualified name of what ran
  std::string task;
  std::string actor;  // not empty: it was a call of, or the creation of, this actor
  std::string node;
  uint32_t attempt = 0;
  bool may_have_executed = false;
};

class RayException : public std::exception {
 public:
  explicit RayException(const std::string& message);
  RayException(ErrorCode code, const std::string& message);
  explicit RayException(std::shared_ptr<const ErrorInfo> info);

  /// One text with type, message, function, task, actor, node and attempt, as far as known.
  const char* what() const noexcept override;

  ErrorCode code() const noexcept { return info_->code; }
  const std::string& message() const noexcept { return info_->message; }
  const std::string& remote_type() const noexcept { return info_->remote_type; }
  const std::string& function() const noexcept { return info_->function; }
  const std::string& task() const noexcept { return info_->task; }
  const std::string& actor() const noexcept { return info_->actor; }
  const std::string& node() const noexcept { return info_->node; }
  uint32_t attempt() const noexcept { return info_->attempt; }
  bool may_have_executed() const noexcept { return info_->may_have_executed; }
  const std::shared_ptr<const ErrorInfo>& info() const noexcept { return info_; }

 private:
  std::shared_ptr<const ErrorInfo> info_;
  std::shared_ptr<const std::string> text_;
};

class RayTaskException : public RayException {
 public:
  using RayException::RayException;
};
class RayActorException : public RayException {
 public:
  using RayException::RayException;
};
class RayWorkerException : public RayException {
 public:
  using RayException::RayException;
};
class UnreconstructableException : public RayException {
 public:
  using RayException::RayException;
};
class RayFunctionNotFound : public RayException {
 public:
  using RayException::RayException;
};
class RayRuntimeEnvException : public RayException {
 public:
  using RayException::RayException;
};
class RayTimeoutException : public RayException {
 public:
  using RayException::RayException;
};

/// Throws the exception of the info's code: the one place that maps codes to types.
[[noreturn]] void throw_error(std::shared_ptr<const ErrorInfo> info);
[[noreturn]] void throw_error(ErrorCode code, const std::string& message);

}  // namespace internal

using internal::RayActorException;
using internal::RayException;
using internal::RayFunctionNotFound;
using internal::RayRuntimeEnvException;
using internal::RayTaskException;
using internal::RayTimeoutException;
using internal::RayWorkerException;
using internal::UnreconstructableException;

}  // namespace ray
