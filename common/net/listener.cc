#include "common/net/listener.h"

#include <utility>

#include <sys/socket.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>

#include "common/net/asio_socket.h"
#include "common/net/greeting.h"

namespace rayd {
namespace {

using boost::asio::posix::stream_descriptor;
using Slot = StrangerSlots::Slot;

constexpr int kStrangersInARow = 64;
constexpr auto kTakeAgainAfter = std::chrono::milliseconds(100);

bool is_of_the_moment(int error) {
  // What a connection that failed before it was taken leaves behind (accept(2)).
  return error == EINTR || error == ECONNABORTED || error == EPROTO || error == ENETDOWN ||
         error == ENOPROTOOPT || error == EHOSTDOWN || error == ENONET || error == EHOSTUNREACH ||
         error == EOPNOTSUPP || error == ENETUNREACH;
}

}  // namespace

class Listener::State : public std::enable_shared_from_this<State> {
 public:
  State(boost::asio::io_context& io, const TlsContext& context, Arrivals& arrivals,
        const ListenerOptions& options)
      : io_(io),
        context_(context),
        arrivals_(&arrivals),
        options_(options),
        slots_(options.strangers),
        accept_again_(io) {
    RAY_CHECK(context.side() == TlsSide::kServer);
  }

  Status listen(const HostPort& address);
  void stop_listening();
  std::vector<SocketAddress> addresses() const;
  void end();

  StrangerSlots& slots() { return slots_; }
  const ListenerOptions& options() const { return options_; }
  void turn_away(const SocketAddress& from, const std::string& why);
  /// The stranger said its hello, or is done.
  void arrive(Slot slot);
  void forget(Slot slot);
  void say_no(Slot slot, std::unique_ptr<Stranger> stranger);

 private:
  struct Door {
    stream_descriptor acceptor;
    bool waiting = false;
  };

  void accept_when_ready(const std::shared_ptr<Door>& door);
  void accept_some(const std::shared_ptr<Door>& door);
  void accept_failed(int error);
  void receive_stranger(UniqueFd socket, const SocketAddress& from);

  boost::asio::io_context& io_;
  const TlsContext& context_;
  Arrivals* arrivals_;  // nullptr: the listener is gone
  ListenerOptions options_;
  StrangerSlots slots_;
  TurnedAwayLog log_;
  std::vector<std::shared_ptr<Door>> doors_;
  boost::asio::steady_timer accept_again_;
  bool pausing_ = false;
  std::map<Slot, std::unique_ptr<Stranger>> strangers_;
};

/// One connection until it has arrived, and after a refusal until the refusal was read.
class Listener::Stranger final : private ReadySocket::Events {
 public:
  Stranger(State& state, Slot slot, boost::asio::io_context& io, const TlsContext& context,
           UniqueFd socket, const SocketAddress& from)
      : state_(&state),
        slot_(slot),
        from_(from),
        greeting_(context, socket.get()),
        socket_(make_asio_socket(io, std::move(socket))),
        deadline_(io) {}
  ~Stranger() {
    *alive_ = false;
    socket_->set_events(nullptr);
  }

  /// Begins, or goes on with saying no.
  void start() {
    socket_->set_events(this);
    deadline_.expires_after(std::chrono::nanoseconds(state_->options().hello_within.ns));
    deadline_.async_wait([this, alive = alive_](const boost::system::error_code& error) {
      if (!*alive || error) return;
      end(refused_ ? nullptr : "it did not say hello in time");
    });
    socket_->ask_readable();
  }
  /// In the user's hands: no deadline, no events.
  void rest() {
    deadline_.cancel();
    socket_->set_events(nullptr);
  }
  void refuse(const HelloRefused& answer) {
    refused_ = true;
    greeting_.refuse(answer);
  }

  ServerGreeting& greeting() { return greeting_; }
  const SocketAddress& from() const { return from_; }
  Slot slot() const { return slot_; }
  UniqueFd release_socket() { return socket_->release(); }

 private:
  void on_readable() override { step(); }
  void on_writable() override { step(); }
  void on_flush() override {}

  void step() {
    const Result<ServerGreeting::Want> want = greeting_.step();
    if (!want.ok()) return end(want.error().message.c_str());
    if (!greeting_.is_silent()) state_->slots().on_heard(slot_);
    switch (*want) {
      case ServerGreeting::Want::kRead: return socket_->ask_readable();
      case ServerGreeting::Want::kWrite: return socket_->ask_writable();
      case ServerGreeting::Want::kNothing: return refused_ ? end(nullptr) : state_->arrive(slot_);
    }
  }
  /// Destroys this.
  void end(const char* why) {
    if (why != nullptr) state_->turn_away(from_, why);
    state_->forget(slot_);
  }

  State* state_;
  Slot slot_;
  SocketAddress from_;
  ServerGreeting greeting_;
  std::unique_ptr<ReadySocket> socket_;
  boost::asio::steady_timer deadline_;
  bool refused_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // Asio's handlers look here
};

class Listener::Arrived final : public Arrival {
 public:
  Arrived(std::shared_ptr<State> state, std::unique_ptr<Stranger> stranger)
      : state_(std::move(state)), stranger_(std::move(stranger)), slot_(stranger_->slot()) {}
  ~Arrived() override {
    if (stranger_ != nullptr) state_->slots().release(slot_);
  }

  const KeyHash& key() const override { return stranger_->greeting().peer(); }
  const Hello& hello() const override { return stranger_->greeting().hello(); }
  const SocketAddress& from() const override { return stranger_->from(); }

  Result<Link> accept(HelloAccepted answer) override {
    const std::unique_ptr<Stranger> stranger = std::move(stranger_);
    state_->slots().release(slot_);
    ServerGreeting& greeting = stranger->greeting();
    answer.program = state_->options().program;
    answer.protocol = *common_protocol(state_->options().protocols, greeting.hello().protocols);
    Result<Greeted> greeted = greeting.accept(std::move(answer));
    if (!greeted.ok()) return greeted.error();
    state_->slots().know(source_of(stranger->from()));
    return Link{stranger->release_socket(), std::move(greeted->tls), greeted->seal_key};
  }

  void refuse(HelloRefused answer, const std::string& why) override {
    answer.program = state_->options().program;
    answer.protocols = state_->options().protocols;
    state_->turn_away(stranger_->from(), why);
    stranger_->refuse(answer);
    state_->say_no(slot_, std::move(stranger_));
  }

 private:
  std::shared_ptr<State> state_;
  std::unique_ptr<Stranger> stranger_;
  Slot slot_;
};

// Listening ----------------------------------------------------------------------------------

Status Listener::State::listen(const HostPort& address) {
  const Result<std::vector<SocketAddress>> addresses = resolve(address, ResolveFor::kListening);
  if (!addresses.ok()) return addresses.error();
  std::vector<std::shared_ptr<Door>> doors;
  std::optional<Error> not_ours;
  for (const SocketAddress& one : *addresses) {
    Result<UniqueFd> socket = listen_tcp(one);
    if (socket.ok()) {
      doors.push_back(
          std::make_shared<Door>(Door{stream_descriptor(io_, socket->release()), false}));
      continue;
    }
    const bool missing = socket.error().code == ErrorCode::kInvalidArgument;
    if (!missing) return socket.error();
    not_ours = socket.error();
  }
  if (doors.empty()) return *not_ours;
  for (const auto& door : doors) {
    doors_.push_back(door);
    accept_when_ready(door);
  }
  return {};
}

void Listener::State::stop_listening() {
  accept_again_.cancel();
  for (const auto& door : doors_) door->acceptor.close();
  doors_.clear();
}

void Listener::State::end() {
  arrivals_ = nullptr;
  stop_listening();
  strangers_.clear();
}

std::vector<SocketAddress> Listener::State::addresses() const {
  std::vector<SocketAddress> addresses;
  for (const auto& door : doors_) {
    addresses.push_back(local_address(door->acceptor.native_handle()));
  }
  return addresses;
}

void Listener::State::accept_when_ready(const std::shared_ptr<Door>& door) {
  if (!door->acceptor.is_open() || pausing_ || std::exchange(door->waiting, true)) return;
  door->acceptor.async_wait(
      stream_descriptor::wait_read,
      [weak = weak_from_this(), door](const boost::system::error_code& error) {
        door->waiting = false;
        const auto self = weak.lock();
        if (self != nullptr && !error) self->accept_some(door);
      });
}

void Listener::State::accept_some(const std::shared_ptr<Door>& door) {
  for (int accepts = 0; accepts < kStrangersInARow; ++accepts) {
    if (arrivals_ == nullptr || !door->acceptor.is_open()) return;
    SocketAddress from;
    from.length = sizeof(from.storage);
    UniqueFd socket(::accept4(door->acceptor.native_handle(),
                              reinterpret_cast<sockaddr*>(&from.storage), &from.length,
                              SOCK_CLOEXEC | SOCK_NONBLOCK));
    const int error = errno;
    if (socket) {
      receive_stranger(std::move(socket), from);
    } else if (error == EAGAIN || error == EWOULDBLOCK) {
      break;
    } else if (!is_of_the_moment(error)) {
      return accept_failed(error);
    }
  }
  accept_when_ready(door);
}

/// Trying at once would spin: the connection that cannot be taken keeps the acceptor readable.
void Listener::State::accept_failed(int error) {
  pausing_ = true;
  accept_again_.expires_after(kTakeAgainAfter);
  accept_again_.async_wait([weak = weak_from_this()](const boost::system::error_code&) {
    const auto self = weak.lock();
    if (self == nullptr) return;
    self->pausing_ = false;
    for (const auto& door : self->doors_) self->accept_when_ready(door);
  });
  arrivals_->on_accept_failed(Error{
      ErrorCode::kUnavailable, std::string("cannot take a connection: ") + std::strerror(error)});
}

// Strangers ----------------------------------------------------------------------------------

void Listener::State::receive_stranger(UniqueFd socket, const SocketAddress& from) {
  const StrangerSlots::Admission admission = slots_.admit(source_of(from));
  if (admission.evicted) {
    const auto evicted = strangers_.extract(*admission.evicted);
    if (!evicted.empty()) turn_away(evicted.mapped()->from(), "it was silent, and others wait");
  }
  if (!admission.slot) return turn_away(from, "too many connections at once");
  tune_tcp(socket.get());
  auto stranger =
      std::make_unique<Stranger>(*this, *admission.slot, io_, context_, std::move(socket), from);
  Stranger& started = *stranger;
  strangers_.emplace(*admission.slot, std::move(stranger));
  started.start();
}

void Listener::State::turn_away(const SocketAddress& from, const std::string& why) {
  const std::optional<TurnedAway> line = log_.note(now_boottime(), source_of(from), why);
  if (line && arrivals_ != nullptr) arrivals_->on_turned_away(*line);
}

void Listener::State::forget(Slot slot) {
  slots_.release(slot);
  strangers_.erase(slot);
}

void Listener::State::arrive(Slot slot) {
  auto node = strangers_.extract(slot);
  std::unique_ptr<Stranger> stranger = std::move(node.mapped());
  stranger->rest();
  const Hello hello = stranger->greeting().hello();
  auto arrived = std::make_unique<Arrived>(shared_from_this(), std::move(stranger));
  if (!common_protocol(options_.protocols, hello.protocols)) {
    HelloRefused refused = refuse_version(options_.protocols, options_.program, hello);
    const std::string why = refused.text;
    return arrived->refuse(std::move(refused), why);
  }
  arrivals_->on_arrival(std::move(arrived));
}

void Listener::State::say_no(Slot slot, std::unique_ptr<Stranger> stranger) {
  if (arrivals_ == nullptr) return slots_.release(slot);
  Stranger& started = *stranger;
  strangers_.emplace(slot, std::move(stranger));
  started.start();
}

Listener::Listener(boost::asio::io_context& io, const TlsContext& context, Arrivals& arrivals,
                   const ListenerOptions& options)
    : state_(std::make_shared<State>(io, context, arrivals, options)) {}

Listener::~Listener() { state_->end(); }

Status Listener::listen(const HostPort& address) { return state_->listen(address); }
void Listener::stop_listening() { state_->stop_listening(); }
std::vector<SocketAddress> Listener::addresses() const { return state_->addresses(); }
void Listener::expect_from(const SocketAddress& address) {
  state_->slots().know(source_of(address));
}
size_t Listener::in_flight() const { return state_->slots().in_flight(); }

}  // namespace rayd
