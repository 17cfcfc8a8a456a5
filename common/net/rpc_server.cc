#include "common/net/rpc_server.h"

#include <utility>

#include <capnp/rpc-twoparty.h>
#include <kj/debug.h>
#include <sys/socket.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>
#include <optional>

#include "common/net/asio_socket.h"
#include "common/net/message_stream.h"
#include "common/net/rpc_errors.h"

namespace rayd {
namespace {

using boost::asio::posix::stream_descriptor;

constexpr int kAcceptsInARow = 16;
constexpr size_t kMaxRefused = 16;  // peers who are being told no; more are closed without a word
constexpr auto kAcceptAgainAfter = std::chrono::milliseconds(100);

struct Connection {
  Connection(std::unique_ptr<ByteStream> bytes, const RpcServerOptions& options,
             capnp::Capability::Client bootstrap)
      : stream(std::move(bytes), StreamOptions{options.limits, StreamOptions().copied_bytes,
                                               WhilePeerIsSlow::kStopReading}),
        network(stream, options.limits.max_fds, capnp::rpc::twoparty::Side::SERVER,
                reader_options(options)),
        system(capnp::makeRpcServer(network, kj::mv(bootstrap))) {
    system.setFlowLimit(options.max_words_in_calls);
  }

  static capnp::ReaderOptions reader_options(const RpcServerOptions& options) {
    capnp::ReaderOptions reader;
    reader.traversalLimitInWords = options.limits.max_words;
    return reader;
  }

  SocketMessageStream stream;
  capnp::TwoPartyVatNetwork network;
  capnp::RpcSystem<capnp::rpc::twoparty::VatId> system;
};

enum class Admitted : bool { kNo, kYes };

}  // namespace

class RpcServer::State final : private kj::TaskSet::ErrorHandler {
 public:
  State(boost::asio::io_context& io, RpcConnections& events, const RpcServerOptions& options)
      : io_(io), events_(events), options_(options), accept_again_(io), tasks_(*this) {}
  ~State() { *alive_ = false; }

  Status listen(const std::string& path);
  void stop_listening();
  Result<ConnectionId> serve(UniqueFd socket);
  ConnectionId serve(std::unique_ptr<ByteStream> stream, const PeerCredentials& peer);
  void end(ConnectionId id, const Status& why);
  size_t connection_count() const { return connections_.size() - refused_; }

 private:
  struct Entry {
    std::unique_ptr<Connection> connection;
    Admitted admitted = Admitted::kYes;
  };

  void taskFailed(kj::Exception&& exception) override;
  void accept_when_ready();
  void accept_some();
  void accept_failed(int error);
  void receive_peer(UniqueFd socket);
  ConnectionId add(UniqueFd socket, const PeerCredentials& peer, const Status& admitted);
  ConnectionId add(std::unique_ptr<ByteStream> stream, const RpcServerOptions& options,
                   const PeerCredentials& peer, const Status& admitted);
  capnp::Capability::Client bootstrap(ConnectionId id, const PeerCredentials& peer);
  void drop(ConnectionId id, std::optional<Status> why);

  boost::asio::io_context& io_;
  RpcConnections& events_;
  RpcServerOptions options_;
  std::optional<UnixListener> listener_;
  std::optional<stream_descriptor> acceptor_;
  bool accepting_ = false;  // a handler waits for the acceptor or for the timer
  boost::asio::steady_timer accept_again_;
  // Asio's handlers may run after this object; they look here first.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  uint64_t last_id_ = 0;
  std::map<ConnectionId, Entry> connections_;
  size_t refused_ = 0;
  kj::TaskSet tasks_;
};

Status RpcServer::State::listen(const std::string& path) {
  RAY_CHECK(!listener_);
  const auto access = options_.policy.allow_groups.empty() ? UnixListener::Access::kOwner
                                                           : UnixListener::Access::kJudgePeers;
  Result<UnixListener> listener = UnixListener::listen(path, access);
  if (!listener.ok()) return listener.error();
  listener_.emplace(std::move(*listener));
  acceptor_.emplace(io_, listener_->take_fd().release());
  accept_when_ready();
  return {};
}

void RpcServer::State::stop_listening() {
  accept_again_.cancel();
  acceptor_.reset();
  listener_.reset();
}

// Accepting ----------------------------------------------------------------------------------

void RpcServer::State::accept_when_ready() {
  if (!acceptor_ || accepting_ || connections_.size() >= options_.max_connections) return;
  accepting_ = true;
  acceptor_->async_wait(stream_descriptor::wait_read,
                        [this, alive = alive_](const boost::system::error_code&) {
                          if (!*alive) return;
                          accepting_ = false;
                          accept_some();
                        });
}

void RpcServer::State::accept_some() {
  for (int accepts = 0; accepts < kAcceptsInARow; ++accepts) {
    if (!acceptor_ || connections_.size() >= options_.max_connections) return;
    UniqueFd socket(
        ::accept4(acceptor_->native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    const int error = errno;
    if (socket.get() >= 0) {
      receive_peer(std::move(socket));
    } else if (error == EAGAIN || error == EWOULDBLOCK) {
      break;
    } else if (error != EINTR && error != ECONNABORTED) {
      return accept_failed(error);
    }
  }
  accept_when_ready();
}

/// Trying at once would spin: the connection that cannot be taken keeps the acceptor readable.
void RpcServer::State::accept_failed(int error) {
  accepting_ = true;
  accept_again_.expires_after(kAcceptAgainAfter);
  accept_again_.async_wait([this, alive = alive_](const boost::system::error_code&) {
    if (!*alive) return;
    accepting_ = false;
    accept_when_ready();
  });
  events_.on_accept_failed(Error{ErrorCode::kUnavailable,
                                 std::string("cannot take a connection: ") + std::strerror(error)});
}

void RpcServer::State::receive_peer(UniqueFd socket) {
  const Result<PeerCredentials> peer = peer_credentials(socket.get());
  const Status admitted = peer.ok() ? admit(options_.policy, *peer) : Status(peer.error());
  if (admitted.ok()) {
    add(std::move(socket), *peer, admitted);
    return;
  }
  const PeerCredentials refused = peer.ok() ? *peer : PeerCredentials{};
  if (refused_ < kMaxRefused) add(std::move(socket), refused, admitted);
  events_.on_refused(refused, admitted.error());
}

// Connections --------------------------------------------------------------------------------

Result<ConnectionId> RpcServer::State::serve(UniqueFd socket) {
  const Result<PeerCredentials> peer = peer_credentials(socket.get());
  if (!peer.ok()) return peer.error();
  return add(std::move(socket), *peer, Status());
}

ConnectionId RpcServer::State::add(UniqueFd socket, const PeerCredentials& peer,
                                   const Status& admitted) {
  return add(make_socket_stream(make_asio_socket(io_, std::move(socket))), options_, peer,
             admitted);
}

ConnectionId RpcServer::State::serve(std::unique_ptr<ByteStream> stream,
                                     const PeerCredentials& peer) {
  RpcServerOptions without_fds = options_;
  without_fds.limits.max_fds = 0;
  return add(std::move(stream), without_fds, peer, Status());
}

ConnectionId RpcServer::State::add(std::unique_ptr<ByteStream> stream,
                                   const RpcServerOptions& options, const PeerCredentials& peer,
                                   const Status& admitted) {
  const ConnectionId id{++last_id_};
  auto offered = admitted.ok() ? bootstrap(id, peer)
                               : capnp::Capability::Client(to_exception(admitted.error()));
  auto connection = std::make_unique<Connection>(std::move(stream), options, kj::mv(offered));
  tasks_.add(connection->network.onDisconnect().then([this, id]() { drop(id, std::nullopt); }));
  connections_.emplace(
      id, Entry{std::move(connection), admitted.ok() ? Admitted::kYes : Admitted::kNo});
  if (!admitted.ok()) ++refused_;
  return id;
}

capnp::Capability::Client RpcServer::State::bootstrap(ConnectionId id,
                                                      const PeerCredentials& peer) {
  capnp::Capability::Client offered = nullptr;
  KJ_IF_MAYBE (exception,
               kj::runCatchingExceptions([&]() { offered = events_.on_connected(id, peer); })) {
    return capnp::Capability::Client(kj::mv(*exception));
  }
  return offered;
}

void RpcServer::State::end(ConnectionId id, const Status& why) {
  if (!connections_.contains(id)) return;
  // Later, because the caller may be one of the connection's own calls.
  tasks_.add(kj::evalLater([this, id, why]() { drop(id, why); }));
}

/// `why` is nothing when the connection ended by itself, and then its stream knows.
void RpcServer::State::drop(ConnectionId id, std::optional<Status> why) {
  auto node = connections_.extract(id);
  if (node.empty()) return;
  Entry& entry = node.mapped();
  if (!why) {
    const auto& ended = entry.connection->stream.ended();
    why = ended ? *ended : Status(Error{ErrorCode::kUnavailable, "the connection was given up"});
  }
  entry.connection.reset();
  if (entry.admitted == Admitted::kYes) {
    events_.on_ended(id, *why);
  } else {
    --refused_;
  }
  accept_when_ready();
}

void RpcServer::State::taskFailed(kj::Exception&& exception) {
  KJ_LOG(ERROR, "a connection's end was not told", exception);
}

RpcServer::RpcServer(boost::asio::io_context& io, RpcConnections& connections,
                     const RpcServerOptions& options)
    : state_(std::make_unique<State>(io, connections, options)) {}

RpcServer::~RpcServer() = default;

Status RpcServer::listen(const std::string& path) { return state_->listen(path); }
void RpcServer::stop_listening() { state_->stop_listening(); }
Result<ConnectionId> RpcServer::serve(UniqueFd connected) {
  return state_->serve(std::move(connected));
}
ConnectionId RpcServer::serve(std::unique_ptr<ByteStream> stream, const PeerCredentials& peer) {
  return state_->serve(std::move(stream), peer);
}
void RpcServer::end(ConnectionId connection, const Status& why) { state_->end(connection, why); }
size_t RpcServer::connection_count() const { return state_->connection_count(); }

}  // namespace rayd
