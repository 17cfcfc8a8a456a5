// HeadLine: a node's control lane to the head on another machine. What concerns the whole cluster
// (jobs, lists, modules) is asked of this daemon and answered by that one: calls are passed on as
// they are, and capabilities that come back are used as if they were ours.
//
// Connects by itself and again; calls made while there is no connection fail with kUnavailable.
// Lives in the thread of the KjLoop, and is dropped before it.
#pragma once

#include <capnp/capability.h>

#include <functional>
#include <memory>
#include <optional>

#include "common/net/dial.h"

namespace boost::asio {
class io_context;
}

namespace rayd::shell {

class HeadLine {
 public:
  /// Where, and as whom; asked for each time it connects. Nullopt: later.
  using Target = std::function<std::optional<std::pair<DialTarget, Hello>>()>;

  /// `context` is a client's. `on_connected` is called with the head's bootstrap capability.
  HeadLine(boost::asio::io_context& io, const TlsContext& context, Target target,
           std::function<void(capnp::Capability::Client)> on_connected);
  ~HeadLine();
  HeadLine(const HeadLine&) = delete;
  HeadLine& operator=(const HeadLine&) = delete;

  /// The head's schema::Daemon. Throws a kj::Exception (kUnavailable) while it cannot be reached.
  capnp::Capability::Client daemon();

 private:
  struct Connection;
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace rayd::shell
