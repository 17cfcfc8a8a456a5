#include "daemon/shell/rpc_head.h"

#include <capnp/rpc-twoparty.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>

#include "common/net/asio_dial.h"
#include "common/net/asio_socket.h"
#include "common/net/message_stream.h"
#include "common/net/rpc_errors.h"
#include "daemon/shell/backoff.h"

namespace rayd::shell {
namespace {

constexpr Duration kHeadDialTimeout = Duration::seconds(5);

FrameLimits limits() {
  FrameLimits limits;
  limits.max_fds = 0;
  return limits;
}

}  // namespace

/// One connection, as long as it lasts.
struct HeadLine::Connection {
  explicit Connection(std::unique_ptr<ByteStream> bytes)
      : stream(std::move(bytes), StreamOptions{limits(), StreamOptions().copied_bytes,
                                               WhilePeerIsSlow::kKeepReading}),
        network(stream, 0, capnp::rpc::twoparty::Side::CLIENT),
        system(capnp::makeRpcClient(network)) {}

  capnp::Capability::Client bootstrap() {
    capnp::MallocMessageBuilder message(4);
    auto id = message.initRoot<capnp::rpc::twoparty::VatId>();
    id.setSide(capnp::rpc::twoparty::Side::SERVER);
    return system.bootstrap(id);
  }

  SocketMessageStream stream;
  capnp::TwoPartyVatNetwork network;
  capnp::RpcSystem<capnp::rpc::twoparty::VatId> system;
};

class HeadLine::State {
 public:
  State(boost::asio::io_context& io, const TlsContext& context, Target target,
        std::function<void(capnp::Capability::Client)> on_connected)
      : io_(io),
        context_(context),
        target_(std::move(target)),
        on_connected_(std::move(on_connected)),
        retry_(io) {
    dial();
  }

  capnp::Capability::Client daemon() {
    if (!daemon_) {
      kj::throwFatalException(to_exception(
          {ErrorCode::kUnavailable, "the head of this cluster cannot be reached from here now"}));
    }
    return *daemon_;
  }

 private:
  void dial() {
    auto target = target_();
    if (!target) return dial_later();
    dial_ =
        std::make_unique<AsioDial>(io_, context_, target->first, target->second, kHeadDialTimeout,
                                   [this](DialResult result) { on_dialled(result); });
  }

  void on_dialled(DialResult& result) {
    dial_.reset();
    auto* dialled = std::get_if<Dialled>(&result);
    if (dialled == nullptr) return dial_later();
    backoff_.reset();
    connection_ = std::make_unique<Connection>(attach_link(io_, std::move(dialled->link)));
    daemon_ = connection_->bootstrap();
    // The task ends with the connection, and is dropped by the handler that drops both.
    ended_ = connection_->network.onDisconnect()
                 .then([this] { lose(); }, [this](kj::Exception&&) { lose(); })
                 .eagerlyEvaluate(nullptr);
    on_connected_(*daemon_);
  }

  // From inside of a promise of the connection: what it stands on is dropped by the next handler.
  void lose() {
    daemon_.reset();
    retry_.expires_after(std::chrono::milliseconds{0});
    retry_.async_wait([this](boost::system::error_code error) {
      if (error) return;
      ended_ = nullptr;
      connection_.reset();
      dial_later();
    });
  }

  void dial_later() {
    retry_.expires_after(backoff_.next());
    retry_.async_wait([this](boost::system::error_code error) {
      if (!error) dial();
    });
  }

  boost::asio::io_context& io_;
  const TlsContext& context_;
  Target target_;
  std::function<void(capnp::Capability::Client)> on_connected_;
  boost::asio::steady_timer retry_;
  Backoff backoff_;
  std::unique_ptr<AsioDial> dial_;
  std::unique_ptr<Connection> connection_;
  std::optional<capnp::Capability::Client> daemon_;
  kj::Promise<void> ended_ = nullptr;
};

HeadLine::HeadLine(boost::asio::io_context& io, const TlsContext& context, Target target,
                   std::function<void(capnp::Capability::Client)> on_connected)
    : state_(std::make_unique<State>(io, context, std::move(target), std::move(on_connected))) {}
HeadLine::~HeadLine() = default;
capnp::Capability::Client HeadLine::daemon() { return state_->daemon(); }

}  // namespace rayd::shell
