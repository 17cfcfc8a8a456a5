// The RPC objects of the control lane: schema::Daemon and what it hands out. They only translate.
#pragma once

#include <capnp/capability.h>
#include <kj/timer.h>

#include <memory>
#include <optional>

#include "common/net/rpc_server.h"
#include "daemon/shell/control.h"
#include "daemon/shell/rpc_cluster.h"
#include "daemon/shell/rpc_peer.h"

namespace boost::asio {
class io_context;
}

namespace rayd::shell {

/// The bootstrap capability of one connection. What it is made with outlives it. What concerns the
/// whole cluster is passed on to the head, where that is on another machine.
capnp::Capability::Client make_daemon_capability(Control& control, boost::asio::io_context& io,
                                                 RpcPeer peer, ClusterLinks& links);

}  // namespace rayd::shell
