#include "daemon/shell/rpc_front.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <cstring>
#include <map>

#include "common/net/asio_socket.h"
#include "common/net/kj_event_port.h"
#include "common/net/rpc_server.h"
#include "daemon/shell/daemon_log.h"
#include "daemon/shell/rpc_daemon.h"

namespace rayd::shell {
namespace {

RpcServerOptions server_options() {
  RpcServerOptions options;
  options.policy.owner = geteuid();
  return options;
}

}  // namespace

class RpcFront::State final : public RpcConnections {
 public:
  State(boost::asio::io_context& io, Control& control)
      : io_(io),
        control_(control),
        loop_(io),
        links_(io, control),
        server_(io, *this, server_options()) {}

  Status listen(const std::string& path) { return server_.listen(path); }
  void stop_listening() { server_.stop_listening(); }

  Result<UniqueFd> connect_worker(ClientId worker) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
      return Error{ErrorCode::kInternal, std::string{"socketpair: "} + std::strerror(errno)};
    }
    UniqueFd theirs{ends[1]};
    connecting_.role = RpcPeer::Role::kWorker;
    connecting_.worker = worker;
    const auto connection = server_.serve(UniqueFd{ends[0]});
    connecting_ = {};
    if (!connection) return connection.error();
    workers_[worker] = *connection;
    return theirs;
  }

  void drop_worker(ClientId worker) {
    const auto known = workers_.find(worker);
    if (known == workers_.end()) return;
    server_.end(known->second, Error{ErrorCode::kUnavailable, "the worker is gone"});
    workers_.erase(known);
  }

  void serve(std::unique_ptr<Arrival> arrival, HelloAccepted answer, const RpcPeer& peer) {
    auto link = arrival->accept(std::move(answer));
    if (!link) return;  // it left
    connecting_ = peer;
    server_.serve(attach_link(io_, std::move(*link)), PeerCredentials{});
    connecting_ = {};
  }

  ClusterLinks& links() { return links_; }

  capnp::Capability::Client on_connected(ConnectionId, const PeerCredentials& peer) override {
    RpcPeer who = connecting_;
    if (who.role == RpcPeer::Role::kOwner) who.pid = static_cast<int32_t>(peer.pid);
    return make_daemon_capability(control_, io_, who, links_);
  }
  void on_ended(ConnectionId connection, const Status&) override {
    std::erase_if(workers_, [&](const auto& known) { return known.second == connection; });
  }
  void on_refused(const PeerCredentials& peer, const Error& why) override {
    log_event(Event::Level::kWarn, "connection_refused",
              "uid " + std::to_string(peer.uid) + ": " + why.message);
  }
  void on_accept_failed(const Error& why) override {
    log_event(Event::Level::kWarn, "accept_failed", why.message);
  }

 private:
  boost::asio::io_context& io_;
  Control& control_;
  KjLoop loop_;
  ClusterLinks links_;
  RpcServer server_;
  RpcPeer connecting_;  // whom serve() connects just now
  std::map<ClientId, ConnectionId> workers_;
};

RpcFront::RpcFront(boost::asio::io_context& io, Control& control)
    : state_(std::make_unique<State>(io, control)) {}
RpcFront::~RpcFront() = default;
Status RpcFront::listen(const std::string& path) { return state_->listen(path); }
void RpcFront::stop_listening() { state_->stop_listening(); }
Result<UniqueFd> RpcFront::connect_worker(ClientId worker) {
  return state_->connect_worker(worker);
}
void RpcFront::drop_worker(ClientId worker) { state_->drop_worker(worker); }
void RpcFront::serve(std::unique_ptr<Arrival> arrival, HelloAccepted answer, const RpcPeer& peer) {
  state_->serve(std::move(arrival), std::move(answer), peer);
}
ClusterLinks& RpcFront::links() { return state_->links(); }

}  // namespace rayd::shell
