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
#include "daemon/shell/rpc_items.h"

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
/// got. When the callback's last copy is dropped uncalled, `take` fails. (KJ could carry the value
/// itself; g++ 12 then warns of KJ's code.)
template <class T>
class PromisedCallback {
 public:
  /// To be taken once.
  Callback<T> callback() {
    auto pair = kj::newPromiseAndFulfiller<void>();
    promise_ = kj::mv(pair.promise);
    auto pending = std::make_shared<Pending>(kj::mv(pair.fulfiller));
    return [pending = std::move(pending), value = value_](Result<T> result) {
      if (result.ok()) {
        *value = std::make_unique<T>(std::move(result).value());
        pending->fulfiller->fulfill();
      } else {
        pending->fulfiller->reject(to_exception(result.error()));
      }
    };
  }
  kj::Promise<void> take() { return kj::mv(promise_); }
  /// Reads the value once `take` is done; may be kept by the continuation.
  std::function<T&()> value() const {
    return [value = value_]() -> T& { return **value; };
  }

 private:
  struct Pending {
    explicit Pending(kj::Own<kj::PromiseFulfiller<void>> the_fulfiller)
        : fulfiller(kj::mv(the_fulfiller)) {}
    ~Pending() {
      if (!fulfiller->isWaiting()) return;
      fulfiller->reject(to_exception({ErrorCode::kUnavailable, "the daemon gave the request up"}));
    }
    kj::Own<kj::PromiseFulfiller<void>> fulfiller;
  };
  kj::Promise<void> promise_ = nullptr;
  // Apart from Pending: who waits for the value must not keep the promise from being broken.
  std::shared_ptr<std::unique_ptr<T>> value_ = std::make_shared<std::unique_ptr<T>>();
};

/// Of a program or module; throws kInvalidArgument.
ImageHash read_hash(capnp::Data::Reader data);

/// From that index on.
void write_items(capnp::List<schema::Item>::Builder list, const std::vector<ItemRow>& rows,
                 unsigned first);
void write(schema::LogLine::Builder builder, const BookLine& line);
void write(schema::ClusterEvent::Builder builder, const ClusterEvent& event);
void write(schema::JobUpdate::Builder builder, const JobNews& news);

}  // namespace rayd::shell
