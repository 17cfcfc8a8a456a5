// What the RPC objects share: errors as exceptions, and plain values as words of control.capnp.
#pragma once

#include <kj/async.h>

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

/// A callback of Control as a promise. If the callback is dropped uncalled, so is the promise.
template <class T>
class PromisedCallback {
 public:
  PromisedCallback() {
    auto pair = kj::newPromiseAndFulfiller<T>();
    promise_ = kj::mv(pair.promise);
    fulfiller_ = std::make_shared<kj::Own<kj::PromiseFulfiller<T>>>(kj::mv(pair.fulfiller));
  }
  Callback<T> callback() const {
    return [fulfiller = fulfiller_](Result<T> result) {
      if (result.ok()) {
        (*fulfiller)->fulfill(std::move(result).value());
      } else {
        (*fulfiller)->reject(to_exception(result.error()));
      }
    };
  }
  kj::Promise<T> take() { return kj::mv(promise_); }

 private:
  kj::Promise<T> promise_ = nullptr;
  std::shared_ptr<kj::Own<kj::PromiseFulfiller<T>>> fulfiller_;
};

void write(schema::LogLine::Builder builder, const BookLine& line);
void write(schema::JobUpdate::Builder builder, const JobNews& news);
std::vector<JobParameter> read_parameters(capnp::List<schema::JobParameter>::Reader list);
void write(capnp::List<schema::JobParameter>::Builder builder,
           const std::vector<JobParameter>& parameters);

}  // namespace rayd::shell
