#include "ray/exception.h"

#include "common/base/result.h"

namespace ray::internal {
namespace {

constexpr bool same_number(ErrorCode ours, rayd::ErrorCode theirs) {
  return static_cast<uint16_t>(ours) == static_cast<uint16_t>(theirs);
}
static_assert(same_number(ErrorCode::kTaskThrew, rayd::ErrorCode::kTaskThrew));
static_assert(same_number(ErrorCode::kWorkerDied, rayd::ErrorCode::kWorkerDied));
static_assert(same_number(ErrorCode::kNodeDied, rayd::ErrorCode::kNodeDied));
static_assert(same_number(ErrorCode::kActorDied, rayd::ErrorCode::kActorDied));
static_assert(same_number(ErrorCode::kOwnerDied, rayd::ErrorCode::kOwnerDied));
static_assert(same_number(ErrorCode::kObjectLost, rayd::ErrorCode::kObjectLost));
static_assert(same_number(ErrorCode::kCancelled, rayd::ErrorCode::kCancelled));
static_assert(same_number(ErrorCode::kFunctionNotFound, rayd::ErrorCode::kFunctionNotFound));
static_assert(same_number(ErrorCode::kRuntimeEnv, rayd::ErrorCode::kRuntimeEnv));
static_assert(same_number(ErrorCode::kTimeout, rayd::ErrorCode::kTimeout));
static_assert(same_number(ErrorCode::kPendingCallsLimit, rayd::ErrorCode::kPendingCallsLimit));
static_assert(same_number(ErrorCode::kStoreFull, rayd::ErrorCode::kStoreFull));
static_assert(same_number(ErrorCode::kWorkersLimit, rayd::ErrorCode::kWorkersLimit));
static_assert(same_number(ErrorCode::kOwnerDrained, rayd::ErrorCode::kOwnerDrained));
static_assert(same_number(ErrorCode::kInvalidArgument, rayd::ErrorCode::kInvalidArgument));
static_assert(same_number(ErrorCode::kNotFound, rayd::ErrorCode::kNotFound));
static_assert(same_number(ErrorCode::kUnavailable, rayd::ErrorCode::kUnavailable));
static_assert(same_number(ErrorCode::kNotAllowed, rayd::ErrorCode::kNotAllowed));
static_assert(same_number(ErrorCode::kInfeasible, rayd::ErrorCode::kInfeasible));
static_assert(same_number(ErrorCode::kAlreadyExists, rayd::ErrorCode::kAlreadyExists));
static_assert(same_number(ErrorCode::kCorrupt, rayd::ErrorCode::kCorrupt));
static_assert(same_number(ErrorCode::kInternal, rayd::ErrorCode::kInternal));

std::shared_ptr<const ErrorInfo> info_of(ErrorCode code, const std::string& message) {
  auto info = std::make_shared<ErrorInfo>();
  info->code = code;
  info->message = message;
  return info;
}

void append_place(std::string& place, std::string_view label, std::string_view value) {
  if (value.empty()) return;
  if (!place.empty()) place += ", ";
  place += label;
  place += value;
}

/// "std::logic_error: no (in plus, task-1.2.3, node-1, attempt 2)"
std::string text_of(const ErrorInfo& info) {
  std::string text = info.remote_type.empty() ? "" : info.remote_type + ": ";
  text += info.message;
  std::string place;
  append_place(place, "in ", info.function);
  append_place(place, "", info.task);
  append_place(place, "", info.actor);
  append_place(place, "", info.node);
  if (info.attempt > 1) append_place(place, "attempt ", std::to_string(info.attempt));
  if (info.may_have_executed) append_place(place, "", "it may have been executed");
  if (!place.empty()) text += " (" + place + ")";
  return text;
}

}  // namespace

RayException::RayException(const std::string& message)
    : RayException(info_of(ErrorCode::kInternal, message)) {}

RayException::RayException(ErrorCode code, const std::string& message)
    : RayException(info_of(code, message)) {}

RayException::RayException(std::shared_ptr<const ErrorInfo> info)
    : info_(std::move(info)), text_(std::make_shared<const std::string>(text_of(*info_))) {}

const char* RayException::what() const noexcept { return text_->c_str(); }

void throw_error(std::shared_ptr<const ErrorInfo> info) {
  const bool of_actor = !info->actor.empty();
  switch (info->code) {
    case ErrorCode::kTaskThrew: throw RayTaskException(std::move(info));
    case ErrorCode::kCancelled:
    case ErrorCode::kNodeDied:
      if (of_actor) throw RayActorException(std::move(info));
      throw RayTaskException(std::move(info));
    case ErrorCode::kActorDied: throw RayActorException(std::move(info));
    case ErrorCode::kWorkerDied:
      if (of_actor) throw RayActorException(std::move(info));
      throw RayWorkerException(std::move(info));
    case ErrorCode::kOwnerDied:
    case ErrorCode::kOwnerDrained:
    case ErrorCode::kObjectLost: throw UnreconstructableException(std::move(info));
    case ErrorCode::kFunctionNotFound: throw RayFunctionNotFound(std::move(info));
    case ErrorCode::kRuntimeEnv: throw RayRuntimeEnvException(std::move(info));
    case ErrorCode::kTimeout: throw RayTimeoutException(std::move(info));
    case ErrorCode::kOk:
    case ErrorCode::kPendingCallsLimit:
    case ErrorCode::kStoreFull:
    case ErrorCode::kWorkersLimit:
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kNotFound:
    case ErrorCode::kUnavailable:
    case ErrorCode::kNotAllowed:
    case ErrorCode::kInfeasible:
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kCorrupt:
    case ErrorCode::kInternal: break;
  }
  throw RayException(std::move(info));
}

void throw_error(ErrorCode code, const std::string& message) {
  throw_error(info_of(code, message));
}

}  // namespace ray::internal
