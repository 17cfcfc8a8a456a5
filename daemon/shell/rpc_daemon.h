// The RPC objects of the control lane: schema::Daemon and what it hands out. They only translate.
#pragma once

#include <capnp/capability.h>
#include <kj/timer.h>

#include <memory>
#include <optional>

#include "common/net/rpc_server.h"
#include "daemon/shell/control.h"

namespace boost::asio {
class io_context;
}

namespace rayd::shell {

/// Who speaks on a connection: a process by its credentials, or a worker of ours.
struct RpcPeer {
  int32_t pid = 0;
  std::optional<ClientId> worker;
};

/// The bootstrap capability of one connection. `control` and `io` outlive it.
capnp::Capability::Client make_daemon_capability(Control& control, boost::asio::io_context& io,
                                                 RpcPeer peer);

}  // namespace rayd::shell
