#include "common/net/poll_loop.h"

#include <kj/debug.h>
#include <kj/timer.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "common/net/rpc_errors.h"

namespace rayd {
namespace {

constexpr uint64_t kLongestSleepMs = 3'600'000;

kj::TimePoint now() { return kj::systemPreciseMonotonicClock().now(); }

}  // namespace

class PollLoop::Port final : public kj::EventPort {
 public:
  explicit Port(Duration spin) : spin_(spin), timer_(now()) {
    int fd = -1;
    KJ_SYSCALL(fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    woken_.reset(fd);
  }

  bool wait() override {
    flush();
    // A stream that tells what it had received already makes promises ready without any socket.
    if (runnable_ || wants_flush()) return look(0).woken;
    if (const auto ready = spin()) return *ready;
    const auto sleep = timer_.timeoutToNextEvent(now(), kj::MILLISECONDS, kLongestSleepMs);
    int sleep_ms = -1;
    KJ_IF_MAYBE (ms, sleep) {
      sleep_ms = static_cast<int>(*ms);
    }
    return look(sleep_ms).woken;
  }

  bool poll() override {
    flush();
    return look(0).woken;
  }

  void wake() const override {
    const uint64_t one = 1;
    static_cast<void>(!::write(woken_.get(), &one, sizeof(one)));  // full means woken already
  }

  void setRunnable(bool runnable) override { runnable_ = runnable; }

  kj::Timer& timer() { return timer_; }
  void add(Socket& socket) { sockets_.push_back(&socket); }
  void remove(Socket& socket) { std::erase(sockets_, &socket); }
  void add(Watch& watch) { watches_.push_back(&watch); }
  void remove(Watch& watch) { std::erase(watches_, &watch); }

 private:
  struct Seen {
    bool anything = false;
    bool woken = false;
  };

  void flush();
  bool wants_flush() const;
  std::optional<bool> spin();
  Seen look(int timeout_ms);
  bool tell();

  Duration spin_;
  kj::TimerImpl timer_;
  UniqueFd woken_;
  bool runnable_ = false;
  std::vector<Socket*> sockets_;
  std::vector<Watch*> watches_;
  std::vector<pollfd> polled_;
};

class PollLoop::Socket final : public ReadySocket {
 public:
  Socket(Port& port, UniqueFd fd) : port_(port), fd_(std::move(fd)) { port_.add(*this); }
  ~Socket() override { port_.remove(*this); }

  int fd() const override { return fd_.get(); }
  UniqueFd release() override {
    events_ = nullptr;
    return std::move(fd_);
  }
  void set_events(Events* events) override { events_ = events; }
  void ask_readable() override { asked_ |= POLLIN; }
  void ask_writable() override { asked_ |= POLLOUT; }
  void ask_flush() override { flush_asked_ = true; }

  short asked() const { return events_ == nullptr ? short{0} : asked_; }

  bool wants_flush() const { return events_ != nullptr && flush_asked_; }

  void tell_flush() {
    if (events_ != nullptr && std::exchange(flush_asked_, false)) events_->on_flush();
  }

  /// An error or a hang-up is told to whoever asked for anything: the next read or write sees it.
  void tell(short seen) {
    const short failed = seen & (POLLERR | POLLHUP | POLLNVAL);
    const short told = asked() & (failed != 0 ? POLLIN | POLLOUT : seen);
    asked_ &= static_cast<short>(~told);
    if (events_ != nullptr && (told & POLLIN) != 0) events_->on_readable();
    if (events_ != nullptr && (told & POLLOUT) != 0) events_->on_writable();
  }

 private:
  Port& port_;
  UniqueFd fd_;
  Events* events_ = nullptr;
  short asked_ = 0;
  bool flush_asked_ = false;
};

/// One when_readable().
class PollLoop::Watch {
 public:
  Watch(kj::PromiseFulfiller<void>& fulfiller, Port& port, int fd)
      : fulfiller(fulfiller), fd(fd), port_(port) {
    port_.add(*this);
  }
  ~Watch() { port_.remove(*this); }
  KJ_DISALLOW_COPY(Watch);

  kj::PromiseFulfiller<void>& fulfiller;
  const int fd;

 private:
  Port& port_;
};

void PollLoop::Port::flush() {
  for (Socket* socket : sockets_) socket->tell_flush();
}

bool PollLoop::Port::wants_flush() const {
  return std::any_of(sockets_.begin(), sockets_.end(),
                     [](const Socket* socket) { return socket->wants_flush(); });
}

/// Looks without sleeping until the budget is used up; nothing when nothing came.
std::optional<bool> PollLoop::Port::spin() {
  if (spin_ <= Duration{}) return std::nullopt;
  const kj::TimePoint until = now() + spin_.ns * kj::NANOSECONDS;
  do {
    const Seen seen = look(0);
    if (seen.anything) return seen.woken;
    ::sched_yield();
  } while (now() < until);
  return std::nullopt;
}

PollLoop::Port::Seen PollLoop::Port::look(int timeout_ms) {
  polled_.clear();
  polled_.push_back({woken_.get(), POLLIN, 0});
  // poll(2) reports a hang-up even to those who asked for nothing; a negative fd hides it.
  for (Socket* socket : sockets_) {
    polled_.push_back({socket->asked() == 0 ? -1 : socket->fd(), socket->asked(), 0});
  }
  for (Watch* watch : watches_) polled_.push_back({watch->fd, POLLIN, 0});
  const int count = ::poll(polled_.data(), polled_.size(), timeout_ms);
  KJ_REQUIRE(count >= 0 || errno == EINTR, "poll failed", errno);
  Seen seen;
  if (count > 0) {
    seen.anything = true;
    seen.woken = tell();
  }
  KJ_IF_MAYBE (next, timer_.nextEvent()) {
    const kj::TimePoint time = now();
    seen.anything = seen.anything || *next <= time;
    timer_.advanceTo(time);
  }
  return seen;
}

/// Tells what was seen to whom it concerns; returns whether another thread woke the loop. All of
/// them fulfil promises and no more, so none comes or goes until the loop's next turn.
bool PollLoop::Port::tell() {
  bool woken = false;
  if ((polled_[0].revents & POLLIN) != 0) {
    uint64_t times = 0;
    woken = ::read(woken_.get(), &times, sizeof(times)) == sizeof(times);
  }
  const pollfd* seen = &polled_[1];
  for (Socket* socket : sockets_) {
    if (const short events = (seen++)->revents; events != 0) socket->tell(events);
  }
  std::erase_if(watches_, [&](Watch* watch) {
    const bool readable = (seen++)->revents != 0;
    if (readable) watch->fulfiller.fulfill();
    return readable;
  });
  return woken;
}

PollLoop::PollLoop(PollLoopOptions options)
    : port_(std::make_unique<Port>(options.spin)), loop_(*port_), scope_(loop_) {}

PollLoop::~PollLoop() = default;

kj::WaitScope& PollLoop::wait_scope() { return scope_; }

std::unique_ptr<ReadySocket> PollLoop::add_socket(UniqueFd socket) {
  return std::make_unique<Socket>(*port_, std::move(socket));
}

kj::Promise<void> PollLoop::when_readable(int fd) {
  return kj::newAdaptedPromise<void, Watch>(*port_, fd);
}

Status PollLoop::run_until(kj::Promise<void> promise, Duration timeout) {
  bool late = false;
  auto deadline =
      port_->timer().afterDelay(std::max<int64_t>(timeout.ns, 0) * kj::NANOSECONDS).then([&late]() {
        late = true;
      });
  Status status;
  KJ_IF_MAYBE (exception, kj::runCatchingExceptions(
                              [&]() { promise.exclusiveJoin(kj::mv(deadline)).wait(scope_); })) {
    return translate(*exception);
  }
  if (late) return Error{ErrorCode::kTimeout, "no answer within the time allowed"};
  return {};
}

}  // namespace rayd
