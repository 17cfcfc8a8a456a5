// What the RPC objects share: errors as exceptions, and plain values as words of control.capnp.
#pragma once

#include <kj/async.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "common/base/result.h"
#include "common/net/rpc_errors.h"
#include "common/schema/control.capnp.h"
#include "daemon/shell/control.h"

namespace rayd::shell {

/// Leaves an RPC method with this error; its caller gets it with its code.
[[noreturn]] inline void throw_error(const Error& error) {
  kj::throwFatalException(to_exception(error));
}

inline void throw_unless(const Status& status) {
  if (!status.ok()) throw_error(status.error());
}

template <class T>
T value_or_throw(Result<T>&& result) {
  if (!result.ok()) throw_error(result.error());
  return std::move(result).value();
}

/// A callback of Control as a promise: `take` is done when it was called, then `value` has what it
/// got. If the callback is dropped uncalled, the promise is broken. (KJ could carry the value
/// itself; g++ 12 then warns of KJ's code.)
template <class T>
class PromisedCallback {
 public:
  PromisedCallback() {
    auto pair = kj::newPromiseAndFulfiller<void>();
    promise_ = kj::mv(pair.promise);
    state_->fulfiller = kj::mv(pair.fulfiller);
  }
  Callback<T> callback() const {
    return [state = state_](Result<T> result) {
      if (result.ok()) {
        state->value = std::make_unique<T>(std::move(result).value());
        state->fulfiller->fulfill();
      } else {
        state->fulfiller->reject(to_exception(result.error()));
      }
    };
  }
  kj::Promise<void> take() { return kj::mv(promise_); }
  /// Reads the value once `take` is done; may be kept by the continuation.
  std::function<T&()> value() const {
    return [state = state_]() -> T& { return *state->value; };
  }

 private:
  struct State {
    kj::Own<kj::PromiseFulfiller<void>> fulfiller;
    std::unique_ptr<T> value;
  };
  kj::Promise<void> promise_ = nullptr;
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

void write(schema::LogLine::Builder builder, const BookLine& line);
void write(schema::JobUpdate::Builder builder, const JobNews& news);
std::vector<JobParameter> read_parameters(capnp::List<schema::JobParameter>::Reader list);
void write(capnp::List<schema::JobParameter>::Builder builder,
           const std::vector<JobParameter>& parameters);

}  // namespace rayd::shell
