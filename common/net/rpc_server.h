// The daemon's side of the control lane: listens on a Unix socket, lets in whom the policy has, and
// serves Cap'n Proto RPC to each, with descriptors; and, without, over streams from elsewhere. Each
// connection gets a bootstrap capability of its own and its end is told, once.
//
// Bounds: max_connections (further ones wait in the kernel's queue), the limits of a message, the
// words of calls not answered yet (then the peer is not read), and answers to a peer that does not
// read (likewise). A peer whom the policy refuses is told so by every call it makes.
//
// Lives in the thread of a KjLoop, which must be there before and after it.
#pragma once

#include <capnp/capability.h>

#include <cstdint>
#include <memory>
#include <string>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "common/net/byte_stream.h"
#include "common/net/frame_reader.h"
#include "common/net/unix_socket.h"

namespace boost::asio {
class io_context;
}

namespace rayd {

/// Counts up from 1; never used twice by one server.
struct ConnectionId {
  uint64_t value = 0;
  auto operator<=>(const ConnectionId&) const = default;
};

/// What a daemon does about connections. Called from the loop, never from inside of a call to the
/// server except serve(), which calls on_connected.
class RpcConnections {
 public:
  /// The bootstrap capability. If it throws, the peer's calls fail with that.
  virtual capnp::Capability::Client on_connected(ConnectionId connection,
                                                 const PeerCredentials& peer) = 0;
  /// All capabilities the peer held are dropped already. Ok: it left, between two messages;
  /// kCorrupt: it sent what is no message within the limits; kUnavailable: the connection broke.
  virtual void on_ended(ConnectionId connection, const Status& why) = 0;
  virtual void on_refused(const PeerCredentials& peer, const Error& why) = 0;
  /// Accepting failed (as when no descriptor is left); it is tried again after a while.
  virtual void on_accept_failed(const Error& why) = 0;

 protected:
  ~RpcConnections() = default;
};

struct RpcServerOptions {
  PeerPolicy policy;
  FrameLimits limits;
  uint32_t max_connections = 1024;
  uint64_t max_words_in_calls = 1024 * 1024;  // of a connection: 8 MiB
};

class RpcServer {
 public:
  RpcServer(boost::asio::io_context& io, RpcConnections& connections,
            const RpcServerOptions& options);
  /// Drops all connections; on_ended is not called for them.
  ~RpcServer();
  RpcServer(const RpcServer&) = delete;
  RpcServer& operator=(const RpcServer&) = delete;

  /// Errors as UnixListener::listen() has them. Precondition: it does not listen yet.
  Status listen(const std::string& path);
  /// Takes no more connections and removes the socket; those there are go on.
  void stop_listening();

  /// Serves a connected Unix socket that came another way. No policy: whoever made it may use it.
  Result<ConnectionId> serve(UniqueFd connected);
  /// Serves a stream that came another way, to somebody admitted already, and whom on_connected is
  /// told as `peer`. It carries no descriptors.
  ConnectionId serve(std::unique_ptr<ByteStream> stream, const PeerCredentials& peer);
  /// Drops a connection soon, from outside of its own calls; on_ended is told why.
  void end(ConnectionId connection, const Status& why);

  size_t connection_count() const;

 private:
  class State;

  std::unique_ptr<State> state_;
};

}  // namespace rayd
