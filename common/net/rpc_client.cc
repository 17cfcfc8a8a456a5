#include "common/net/rpc_client.h"

#include <capnp/rpc-twoparty.h>
#include <fcntl.h>

#include <cerrno>
#include <cstring>

#include "common/net/message_stream.h"
#include "common/net/unix_socket.h"

namespace rayd {
namespace {

capnp::ReaderOptions reader_options(const FrameLimits& limits) {
  capnp::ReaderOptions options;
  options.traversalLimitInWords = limits.max_words;
  return options;
}

}  // namespace

struct RpcClient::Connection {
  Connection(std::unique_ptr<ByteStream> bytes, const FrameLimits& limits)
      : stream(std::move(bytes),
               StreamOptions{limits, StreamOptions().copied_bytes, WhilePeerIsSlow::kKeepReading}),
        network(stream, limits.max_fds, capnp::rpc::twoparty::Side::CLIENT, reader_options(limits)),
        system(capnp::makeRpcClient(network)) {}

  SocketMessageStream stream;
  capnp::TwoPartyVatNetwork network;
  capnp::RpcSystem<capnp::rpc::twoparty::VatId> system;
};

Result<std::unique_ptr<RpcClient>> RpcClient::connect(PollLoop& loop, const std::string& path,
                                                      const RpcClientOptions& options) {
  Result<UniqueFd> socket = connect_unix(path, options.connect_timeout);
  if (!socket.ok()) return socket.error();
  return std::make_unique<RpcClient>(loop, std::move(*socket), options);
}

RpcClient::RpcClient(PollLoop& loop, UniqueFd connected, const RpcClientOptions& options)
    : loop_(loop),
      connection_(std::make_unique<Connection>(
          make_socket_stream(loop.add_socket(std::move(connected))), options.limits)) {}

RpcClient::RpcClient(PollLoop& loop, std::unique_ptr<ByteStream> stream,
                     const RpcClientOptions& options)
    : loop_(loop) {
  FrameLimits without_fds = options.limits;
  without_fds.max_fds = 0;
  connection_ = std::make_unique<Connection>(std::move(stream), without_fds);
}

RpcClient::~RpcClient() = default;

capnp::Capability::Client RpcClient::any_bootstrap() {
  capnp::MallocMessageBuilder message(4);
  auto daemon = message.initRoot<capnp::rpc::twoparty::VatId>();
  daemon.setSide(capnp::rpc::twoparty::Side::SERVER);
  return connection_->system.bootstrap(daemon);
}

Result<UniqueFd> RpcClient::receive_fd(capnp::Capability::Client capability, Duration timeout) {
  const Result<kj::Maybe<int>> waited = wait(capability.getFd(), timeout);
  if (!waited.ok()) return waited.error();
  KJ_IF_MAYBE (fd, *waited) {
    UniqueFd own(::fcntl(*fd, F_DUPFD_CLOEXEC, 0));
    if (own.get() >= 0) return own;
    return Error{ErrorCode::kUnavailable,
                 std::string("cannot take a descriptor: ") + std::strerror(errno)};
  }
  return Error{ErrorCode::kNotFound, "no descriptor came with what the daemon answered"};
}

bool RpcClient::connected() const { return !connection_->stream.ended().has_value(); }

}  // namespace rayd
