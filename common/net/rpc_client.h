// A client's connection to a daemon: Cap'n Proto RPC for code that waits for answers in its own
// thread, over a Unix socket, or over a stream to a machine elsewhere. No KJ exception leaves it.
//
//   PollLoop loop;
//   auto client = RpcClient::connect(loop, path);
//   if (!client.ok()) return client.error();
//   auto daemon = (*client)->bootstrap<Daemon>();
//   auto answer = (*client)->wait(daemon.statusRequest().send(), Duration::seconds(5));
//   if (!answer.ok()) return answer.error();
//
// Making and sending requests does not fail; what goes wrong is told by wait(). Belongs to the
// loop's thread. Capabilities and promises got through it are dropped before it.
#pragma once

#include <capnp/capability.h>

#include <memory>
#include <string>
#include <type_traits>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "common/net/byte_stream.h"
#include "common/net/frame_reader.h"
#include "common/net/poll_loop.h"

namespace rayd {

struct RpcClientOptions {
  FrameLimits limits;
  Duration connect_timeout = Duration::seconds(5);
};

class RpcClient {
 public:
  /// Errors as connect_unix() has them.
  static Result<std::unique_ptr<RpcClient>> connect(PollLoop& loop, const std::string& path,
                                                    const RpcClientOptions& options = {});
  /// Over a connected Unix socket.
  RpcClient(PollLoop& loop, UniqueFd connected, const RpcClientOptions& options = {});
  /// Over a stream in the same loop; it carries no descriptors.
  RpcClient(PollLoop& loop, std::unique_ptr<ByteStream> stream,
            const RpcClientOptions& options = {});
  ~RpcClient();
  RpcClient(const RpcClient&) = delete;
  RpcClient& operator=(const RpcClient&) = delete;

  /// What the daemon offers first. Calls may be made on it at once.
  template <class Interface>
  typename Interface::Client bootstrap() {
    return any_bootstrap().template castAs<Interface>();
  }
  capnp::Capability::Client any_bootstrap();

  /// The promise's value. kTimeout when it took longer, and then the promise is dropped, which
  /// cancels its call; kUnavailable when the connection was lost; else the error the daemon threw.
  template <class T>
  Result<T> wait(kj::Promise<T> promise, Duration timeout) {
    if constexpr (std::is_void_v<T>) {
      return loop_.run_until(kj::mv(promise), timeout);
    } else {
      std::unique_ptr<T> value;  // an optional makes g++ 12 warn of KJ's tracing
      auto done =
          promise.then([&value](T&& result) { value = std::make_unique<T>(kj::mv(result)); });
      const Status status = loop_.run_until(kj::mv(done), timeout);
      if (!status.ok()) return status.error();
      return std::move(*value);
    }
  }

  /// A descriptor of one's own for the file behind a capability; kNotFound when it has none.
  Result<UniqueFd> receive_fd(capnp::Capability::Client capability, Duration timeout);

  /// Whether the daemon may still answer, as far as is known without asking.
  bool connected() const;

 private:
  struct Connection;

  PollLoop& loop_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace rayd
