// RpcFront: the control lane's door: the Unix socket, and the sockets that workers are born with.
// Its RPC objects (rpc_daemon.cc …) only translate to Control.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "common/net/listener.h"
#include "daemon/shell/control.h"
#include "daemon/shell/rpc_cluster.h"
#include "daemon/shell/rpc_peer.h"

namespace boost::asio {
class io_context;
}

namespace rayd::shell {

class RpcFront {
 public:
  RpcFront(boost::asio::io_context& io, Control& control);
  ~RpcFront();
  RpcFront(const RpcFront&) = delete;
  RpcFront& operator=(const RpcFront&) = delete;

  /// Serves the owner of this process and root.
  Status listen(const std::string& path);
  void stop_listening();

  /// Somebody from another machine, already judged.
  void serve(std::unique_ptr<Arrival> arrival, HelloAccepted answer, const RpcPeer& peer);
  /// What this daemon and others ask of each other.
  ClusterLinks& links();

  /// A connection for a worker: its end is returned, ours is served, and says who it is.
  Result<UniqueFd> connect_worker(ClientId worker);
  void drop_worker(ClientId worker);

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace rayd::shell
