#include "common/net/asio_dial.h"

#include <utility>

#include <fcntl.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstring>

namespace rayd {
namespace {

using boost::asio::ip::tcp;
using boost::asio::posix::stream_descriptor;

}  // namespace

/// Handlers that Asio still holds keep it alive and find `done` gone.
class AsioDial::State : public std::enable_shared_from_this<State> {
 public:
  State(boost::asio::io_context& io, const TlsContext& context, DialTarget target, Hello hello,
        Duration timeout, std::function<void(DialResult)> done)
      : context_(context),
        target_(std::move(target)),
        hello_(std::move(hello)),
        deadline_(now_boottime() + timeout),
        done_(std::move(done)),
        resolver_(io),
        timer_(io),
        ready_(io) {}

  void start();
  void cancel();

 private:
  void on_resolved(const boost::system::error_code& error,
                   const tcp::resolver::results_type& found);
  void step();
  void wait();
  void finish(DialResult result);

  const TlsContext& context_;
  DialTarget target_;
  Hello hello_;
  Time deadline_;
  std::function<void(DialResult)> done_;
  tcp::resolver resolver_;
  boost::asio::steady_timer timer_;
  stream_descriptor ready_;  // a copy of the dial's descriptor
  std::unique_ptr<Dial> dial_;
  bool waiting_ = false;
};

void AsioDial::State::start() {
  timer_.expires_after(std::chrono::nanoseconds((deadline_ - now_boottime()).ns));
  timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (error || !self->done_ || self->dial_ != nullptr) return;
    self->finish(Error{ErrorCode::kTimeout, "cannot reach " + to_string(self->target_.address) +
                                                ": its name was not resolved within the time "
                                                "allowed"});
  });
  // A number is not asked about, but takes the same way.
  resolver_.async_resolve(target_.address.host, std::to_string(target_.address.port),
                          tcp::resolver::numeric_service,
                          [self = shared_from_this()](const boost::system::error_code& error,
                                                      const tcp::resolver::results_type& found) {
                            if (self->done_) self->on_resolved(error, found);
                          });
}

void AsioDial::State::cancel() {
  done_ = nullptr;
  resolver_.cancel();
  timer_.cancel();
  if (ready_.is_open()) ready_.close();
  dial_.reset();
}

void AsioDial::State::on_resolved(const boost::system::error_code& error,
                                  const tcp::resolver::results_type& found) {
  std::vector<SocketAddress> addresses;
  for (const auto& entry : found) {
    const tcp::endpoint endpoint = entry.endpoint();
    SocketAddress& address = addresses.emplace_back();
    std::memcpy(&address.storage, endpoint.data(), endpoint.size());
    address.length = static_cast<socklen_t>(endpoint.size());
  }
  if (error || addresses.empty()) {
    return finish(Error{ErrorCode::kUnavailable, "the name " + target_.address.host +
                                                     " cannot be resolved: " + error.message()});
  }
  const Time now = now_boottime();
  dial_ =
      std::make_unique<Dial>(context_, target_, hello_, std::move(addresses), now, deadline_ - now);
  // A copy, because Asio closes what it has, and the dial its own.
  const int copy = ::fcntl(dial_->fd(), F_DUPFD_CLOEXEC, 0);
  if (copy < 0) {
    return finish(Error{ErrorCode::kUnavailable, "no descriptor is left to dial with"});
  }
  ready_.assign(copy);
  step();
}

void AsioDial::State::step() {
  std::optional<DialResult> result = dial_->step(now_boottime());
  if (result) return finish(std::move(*result));
  wait();
}

void AsioDial::State::wait() {
  timer_.expires_after(std::chrono::nanoseconds((dial_->wake_at() - now_boottime()).ns));
  timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (!error && self->done_) self->step();
  });
  if (std::exchange(waiting_, true)) return;
  ready_.async_wait(stream_descriptor::wait_read,
                    [self = shared_from_this()](const boost::system::error_code& error) {
                      self->waiting_ = false;
                      if (!error && self->done_) self->step();
                    });
}

void AsioDial::State::finish(DialResult result) {
  const auto done = std::exchange(done_, nullptr);
  const auto self = shared_from_this();  // the call may drop the last other
  cancel();
  done(std::move(result));
}

AsioDial::AsioDial(boost::asio::io_context& io, const TlsContext& context, DialTarget target,
                   Hello hello, Duration timeout, std::function<void(DialResult)> done)
    : state_(std::make_shared<State>(io, context, std::move(target), std::move(hello), timeout,
                                     std::move(done))) {
  state_->start();
}

AsioDial::~AsioDial() { state_->cancel(); }

}  // namespace rayd
