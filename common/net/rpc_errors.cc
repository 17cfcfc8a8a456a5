#include "common/net/rpc_errors.h"

#include <kj/exception.h>

#include <charconv>
#include <optional>
#include <string_view>

namespace rayd {
namespace {

constexpr std::string_view kMark = "rayd error ";
constexpr std::string_view kRemote = "remote exception: ";  // Cap'n Proto's, once a connection

/// The codes an error may have. A peer's number is not one of them until it is found here.
bool is_error_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::kTaskThrew:
    case ErrorCode::kWorkerDied:
    case ErrorCode::kNodeDied:
    case ErrorCode::kActorDied:
    case ErrorCode::kOwnerDied:
    case ErrorCode::kObjectLost:
    case ErrorCode::kCancelled:
    case ErrorCode::kFunctionNotFound:
    case ErrorCode::kRuntimeEnv:
    case ErrorCode::kTimeout:
    case ErrorCode::kPendingCallsLimit:
    case ErrorCode::kStoreFull:
    case ErrorCode::kWorkersLimit:
    case ErrorCode::kOwnerDrained:
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kNotFound:
    case ErrorCode::kUnavailable:
    case ErrorCode::kNotAllowed:
    case ErrorCode::kInfeasible:
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kCorrupt:
    case ErrorCode::kInternal: return true;
    case ErrorCode::kOk: return false;
  }
  return false;
}

/// Reads "rayd error CODE: TEXT".
std::optional<Error> marked_error(std::string_view text) {
  if (!text.starts_with(kMark)) return std::nullopt;
  text.remove_prefix(kMark.size());
  uint16_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view rest = text.substr(static_cast<size_t>(end - text.data()));
  if (failure != std::errc() || !rest.starts_with(": ")) return std::nullopt;
  const auto code = static_cast<ErrorCode>(number);
  if (!is_error_code(code)) return std::nullopt;
  return Error{code, std::string(rest.substr(2))};
}

}  // namespace

Error translate(const kj::Exception& exception) {
  const kj::StringPtr description = exception.getDescription();
  std::string_view text(description.begin(), description.size());
  while (text.starts_with(kRemote)) text.remove_prefix(kRemote.size());
  if (auto error = marked_error(text)) return std::move(*error);
  switch (exception.getType()) {
    case kj::Exception::Type::DISCONNECTED:
      return {ErrorCode::kUnavailable, "the connection was lost: " + std::string(text)};
    case kj::Exception::Type::OVERLOADED:
      return {ErrorCode::kUnavailable, "the other side is too busy: " + std::string(text)};
    case kj::Exception::Type::UNIMPLEMENTED:
      return {ErrorCode::kUnavailable,
              "the other side does not know this request; it may be of another version: " +
                  std::string(text)};
    case kj::Exception::Type::FAILED: break;
  }
  return {ErrorCode::kInternal, std::string(text)};
}

kj::Exception to_exception(const Error& error) {
  const auto type = error.code == ErrorCode::kUnavailable ? kj::Exception::Type::DISCONNECTED
                                                          : kj::Exception::Type::FAILED;
  const std::string text =
      std::string(kMark) + std::to_string(static_cast<uint16_t>(error.code)) + ": " + error.message;
  return kj::Exception(type, __FILE__, __LINE__, kj::str(text.c_str()));
}

}  // namespace rayd
