#include "common/net/dial.h"

#include <poll.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace rayd {

Dial::Dial(const TlsContext& context, DialTarget target, Hello hello,
           std::vector<SocketAddress> addresses, Time now, Duration timeout)
    : context_(context),
      target_(std::move(target)),
      hello_(std::move(hello)),
      deadline_(now + timeout),
      connect_(std::move(addresses), now) {
  RAY_CHECK(context.side() == TlsSide::kClient);
}

Dial::~Dial() = default;

Time Dial::wake_at() const {
  return greeting_ == nullptr ? std::min(deadline_, connect_.wake_at()) : deadline_;
}

Error Dial::explain(const Error& error) const {
  std::string text = "cannot reach " + to_string(target_.address) + ": " + error.message;
  if (error.code == ErrorCode::kNotAllowed) {
    text += ". Another machine answers there, or it was set up anew: take a token that it makes";
  }
  return {error.code, std::move(text)};
}

std::optional<DialResult> Dial::step(Time now) {
  if (greeting_ == nullptr) {
    Result<TcpConnect::Connected> connected = connect_.step(now);
    if (!connected.ok()) return explain(connected.error());
    if (connected->socket) {
      socket_ = std::move(connected->socket);
      to_ = connected->to;
      tune_tcp(socket_.get());
      greeting_ = std::make_unique<ClientGreeting>(context_, socket_.get(), target_.pinned);
      epoll_event event{};
      event.events = EPOLLIN;
      ::epoll_ctl(connect_.fd(), EPOLL_CTL_ADD, socket_.get(), &event);
    }
  }
  if (greeting_ != nullptr) {
    std::optional<DialResult> done = step_greeting();
    if (done) return done;
  }
  if (now < deadline_) return std::nullopt;
  return explain({ErrorCode::kTimeout, greeting_ == nullptr
                                           ? "no connection within the time allowed"
                                           : "it took the connection and does not answer"});
}

std::optional<DialResult> Dial::step_greeting() {
  const Result<TlsSession::Want> want = greeting_->step(hello_);
  if (!want.ok()) return explain(want.error());
  if (*want != TlsSession::Want::kNothing) {
    wait_for(*want);
    return std::nullopt;
  }
  ::epoll_ctl(connect_.fd(), EPOLL_CTL_DEL, socket_.get(), nullptr);
  if (const auto* refused = std::get_if<HelloRefused>(&greeting_->answer())) return *refused;
  const auto accepted = std::get<HelloAccepted>(greeting_->answer());
  Greeted greeted = greeting_->take();
  Link link{std::move(socket_), std::move(greeted.tls), greeted.seal_key};
  return Dialled{std::move(link), accepted, to_};
}

void Dial::wait_for(TlsSession::Want want) {
  epoll_event event{};
  event.events = want == TlsSession::Want::kRead ? EPOLLIN : EPOLLOUT;
  ::epoll_ctl(connect_.fd(), EPOLL_CTL_MOD, socket_.get(), &event);
}

DialResult dial_now(const TlsContext& context, const DialTarget& target, const Hello& hello,
                    Duration timeout) {
  Result<std::vector<SocketAddress>> addresses = resolve(target.address, ResolveFor::kConnecting);
  if (!addresses.ok()) return addresses.error();
  Dial dial(context, target, hello, std::move(*addresses), now_boottime(), timeout);
  while (true) {
    std::optional<DialResult> done = dial.step(now_boottime());
    if (done) return std::move(*done);
    const int64_t left_ns = std::max<int64_t>((dial.wake_at() - now_boottime()).ns, 0);
    pollfd polled{dial.fd(), POLLIN, 0};
    ::poll(&polled, 1, static_cast<int>((left_ns + 999'999) / 1'000'000));
  }
}

Hello hello_with_token(const Token& token, Lane lane, const std::string& program) {
  Hello hello;
  hello.program = program;
  hello.lane = lane;
  hello.token = HelloToken{token.id, token.secret};
  return hello;
}

Error to_error(const HelloRefused& refused) {
  const bool is_version = refused.reason == HelloRefused::Reason::kVersion;
  const bool may_pass = refused.reason == HelloRefused::Reason::kBusy ||
                        refused.reason == HelloRefused::Reason::kNotHere;
  const ErrorCode code = is_version || may_pass ? ErrorCode::kUnavailable : ErrorCode::kNotAllowed;
  return {code, refused.text.empty() ? "the connection was refused" : refused.text};
}

}  // namespace rayd
