// The RPC objects of the control lane: schema::Daemon and what it hands out. They only translate.
#pragma once

#include <capnp/capability.h>
#include <kj/timer.h>

#include <functional>
#include <memory>
#include <optional>

#include "common/net/rpc_server.h"
#include "daemon/shell/control.h"
#include "daemon/shell/rpc_peer.h"

namespace boost::asio {
class io_context;
}

namespace rayd::shell {

/// The head's bootstrap capability as it is now, where the head is on another machine.
using HeadOf = std::function<std::optional<capnp::Capability::Client>()>;

/// The bootstrap capability of one connection. `control` and `io` outlive it. What concerns the
/// whole cluster is passed on to `head`, if there is one.
capnp::Capability::Client make_daemon_capability(Control& control, boost::asio::io_context& io,
                                                 RpcPeer peer, HeadOf head);

}  // namespace rayd::shell
