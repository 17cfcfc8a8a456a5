#include "ray/internal/executor.h"

#include <cxxabi.h>

#include <exception>
#include <string>

#include "ray/internal/registration.h"

namespace ray::internal {
namespace {

/// An argument that does not fit its parameter: not the function's own fault.
class ArgumentError : public RayException {
 public:
  using RayException::RayException;
};

ErrorInfo error_of(ErrorCode code, std::string message) {
  ErrorInfo error;
  error.code = code;
  error.message = std::move(message);
  return error;
}

/// Inside a catch: what the user's code threw.
ErrorInfo thrown_error() {
  ErrorInfo error = error_of(ErrorCode::kTaskThrew, "");
  if (const std::type_info* type = abi::__cxa_current_exception_type())
    error.remote_type = demangle(*type);
  try {
    throw;
  } catch (const ArgumentError& thrown) {
    error = *thrown.info();
  } catch (const std::exception& thrown) {
    error.message = thrown.what();
  } catch (const std::string& thrown) {
    error.message = thrown;
  } catch (const char* thrown) {
    error.message = thrown;
  } catch (...) {
    error.message = "an object that is no std::exception";
  }
  return error;
}

/// Runs `body`; nothing leaves.
template <class Body>
Execution guarded(const FunctionEntry& entry, std::span<const FetchedValue> arguments,
                  Body body) noexcept {
  Execution execution;
  try {
    for (const FetchedValue& argument : arguments) {
      if (argument.error == nullptr) continue;
      execution.end = Execution::End::kFailed;
      execution.error = *argument.error;
      return execution;
    }
    body();
  } catch (const ActorExit&) {
    execution.end = Execution::End::kExitActor;
  } catch (...) {
    execution.end = Execution::End::kFailed;
    execution.error = thrown_error();
  }
  execution.error.function = function_info(entry).name;
  return execution;
}

}  // namespace

void throw_bad_argument(size_t index) {
  const std::string place = "argument " + std::to_string(index + 1) + ": ";
  try {
    throw;
  } catch (const RayException& thrown) {
    throw ArgumentError(thrown.code(), place + thrown.message());
  } catch (const std::exception& thrown) {
    throw ArgumentError(ErrorCode::kInvalidArgument, place + thrown.what());
  }
}

void check_argument_count(size_t given, size_t wanted) {
  if (given == wanted) return;
  throw ArgumentError(ErrorCode::kInvalidArgument, "takes " + std::to_string(wanted) +
                                                       " arguments, not " + std::to_string(given));
}

Execution execute(const FunctionEntry& entry, ActorInstance* instance,
                  std::span<const FetchedValue> arguments, ResultSink& sink) noexcept {
  return guarded(entry, arguments, [&] {
    if (entry.execute == nullptr)
      throw ArgumentError(ErrorCode::kInvalidArgument,
                          "is a factory: it makes an actor, and is no task");
    if (entry.kind == FunctionKind::kMethod && (instance == nullptr || instance->empty()))
      throw ArgumentError(ErrorCode::kInvalidArgument, "is a method: it needs an actor");
    entry.execute(instance, arguments, sink);
  });
}

Execution construct(const FunctionEntry& factory, std::span<const FetchedValue> arguments,
                    ActorInstance& instance) noexcept {
  return guarded(factory, arguments, [&] {
    if (factory.construct == nullptr)
      throw ArgumentError(ErrorCode::kInvalidArgument, "is no factory: it makes no actor");
    factory.construct(arguments, instance);
    if (instance.empty()) throw RayException("the factory returned null");
  });
}

void ActorInstance::reset() noexcept {
  if (object_ != nullptr) operations_->destroy(object_);
  object_ = nullptr;
  bases_.clear();
}

void* ActorInstance::find(const std::type_info& type) {
  if (*operations_->type == type) return object_;
  const std::lock_guard lock(mutex_);
  for (const auto& [known, object] : bases_)
    if (*known == type) return object;
  return nullptr;
}

void ActorInstance::remember(const std::type_info& type, void* object) {
  const std::lock_guard lock(mutex_);
  bases_.emplace_back(&type, object);
}

void ActorInstance::refuse(const std::type_info& type) const {
  throw ArgumentError(ErrorCode::kInvalidArgument, "is a method of " + demangle(type) + ", which " +
                                                       demangle(*operations_->type) +
                                                       " is not derived from (publicly)");
}

}  // namespace ray::internal
