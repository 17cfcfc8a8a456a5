#include "tests/unit/common/net_tls_fixture.h"

#include <utility>

#include <sys/socket.h>
#include <unistd.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <chrono>
#include <future>
#include <list>
#include <optional>
#include <set>

#include "common/net/asio_socket.h"
#include "common/net/kj_event_port.h"
#include "daemon/head/tokens.h"
#include "tests/unit/common/net_echo.h"

namespace rayd::test {
namespace {

void must(const Status& status) {
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.error().message.c_str());
  RAY_CHECK(status.ok());
}

/// Sends back what it gets: each whole frame, or each byte.
class EchoBack final : private ByteStream::Events {
 public:
  enum class What : bool { kBytes, kFrames };

  EchoBack(std::unique_ptr<ByteStream> stream, What what)
      : stream_(std::move(stream)), what_(what), reader_(FrameLimits{}) {
    stream_->set_events(this);
    stream_->ask_readable();
  }
  bool ended() const { return ended_; }

 private:
  void on_readable() override {
    Received received = stream_->receive(reader_.space(), 0);
    if (received.outcome == IoOutcome::kWouldBlock) return stream_->ask_readable();
    if (received.outcome != IoOutcome::kDone) {
      ended_ = true;
      return;
    }
    if (what_ == What::kBytes) {
      const std::span<uint8_t> space = reader_.space();
      output_.insert(output_.end(), space.data(), space.data() + received.bytes);
    } else {
      reader_.on_received(received.bytes, {});
      for (auto frame = reader_.next(); frame.ok() && frame->has_value(); frame = reader_.next()) {
        const auto bytes = (*frame)->words.asBytes();
        output_.insert(output_.end(), bytes.begin(), bytes.end());
      }
    }
    on_writable();
  }
  /// Reads on once everything is on its way.
  void on_writable() override {
    while (sent_ < output_.size()) {
      const iovec rest{output_.data() + sent_, output_.size() - sent_};
      const Sent sent = stream_->send({&rest, 1}, {});
      sent_ += sent.bytes;
      if (sent.outcome == IoOutcome::kWouldBlock) return stream_->ask_writable();
      if (sent.outcome != IoOutcome::kDone) {
        ended_ = true;
        return;
      }
    }
    output_.clear();
    sent_ = 0;
    stream_->ask_readable();
  }
  void on_flush() override {}

  std::unique_ptr<ByteStream> stream_;
  What what_;
  FrameReader reader_;
  std::vector<uint8_t> output_;
  size_t sent_ = 0;
  bool ended_ = false;
};

}  // namespace

Wire::Wire(const TlsContext& client_context, const TlsContext& server_context,
           const KeyHash& pinned)
    : Wire(SocketPair(), SocketPair(), client_context, server_context, pinned) {}

Wire::Wire(SocketPair client_side, SocketPair server_side, const TlsContext& client_context,
           const TlsContext& server_context, const KeyHash& pinned)
    : client(client_context, client_side.left.get(), pinned),
      server(server_context, server_side.right.get()),
      client_side_(std::move(client_side)),
      server_side_(std::move(server_side)) {}

bool Wire::carry(size_t most_bytes) {
  uint8_t bytes[4096];
  const auto take = [&bytes](const UniqueFd& from, size_t most) -> size_t {
    const size_t space = std::min(sizeof(bytes), most);
    if (space == 0) return 0;
    const ssize_t got = ::recv(from.get(), bytes, space, MSG_DONTWAIT);
    return got > 0 ? static_cast<size_t>(got) : 0;
  };
  const auto put = [&bytes](const UniqueFd& to, size_t size) {
    RAY_CHECK(::send(to.get(), bytes, size, MSG_NOSIGNAL) == static_cast<ssize_t>(size));
  };
  const size_t up = take(client_side_.right, most_bytes - std::min(most_bytes, to_server.size()));
  if (up > 0) put(server_side_.left, up);
  to_server.insert(to_server.end(), bytes, bytes + up);
  const size_t down = take(server_side_.left, sizeof(bytes));
  if (down > 0) put(client_side_.right, down);
  to_client.insert(to_client.end(), bytes, bytes + down);
  return up + down > 0;
}

void Wire::run(const Hello& hello, size_t most_bytes) {
  do {
    if (client_says.ok()) client_says = client.step(hello);
    if (server_says.ok()) server_says = server.step();
  } while (carry(most_bytes));
}

void Wire::cut() {
  server_side_.left.reset();
  server_says = server.step();
}

void Wire::inject(const std::vector<uint8_t>& bytes) {
  RAY_CHECK(::send(server_side_.left.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(bytes.size()));
  server_says = server.step();
}

/// All that lives in the head's thread, and what it shares with the test's.
class TestHead::Inside final : private Arrivals, private RpcConnections {
 public:
  explicit Inside(const HeadOptions& options) : options_(options) {
    std::promise<void> listening;
    thread_ = std::thread([&] { run(listening); });
    listening.get_future().get();
  }
  ~Inside() {
    io_.stop();
    thread_.join();
  }

  /// Runs it in the head's thread and waits for what it returns.
  template <class Function>
  auto run_inside(Function function) {
    std::promise<decltype(function(*this))> done;
    boost::asio::post(io_, [&] { done.set_value(function(*this)); });
    return done.get_future().get();
  }

  TurnedAway wait_for_turned_away(const std::string& part) {
    std::unique_lock lock(mutex_);
    while (true) {
      for (; told_ < turned_away_.size(); ++told_) {
        if (turned_away_[told_].why.find(part) == std::string::npos) continue;
        return turned_away_[told_++];
      }
      changed_.wait(lock);
    }
  }
  Error wait_for_accept_failed() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return accept_failed_.has_value(); });
    return *accept_failed_;
  }
  std::vector<TurnedAway> turned_away() {
    const std::lock_guard lock(mutex_);
    return turned_away_;
  }
  void wait_for_in_flight(size_t count) {
    while (run_inside([](Inside& in) { return in.listener_->in_flight(); }) != count) {
      std::this_thread::yield();
    }
  }

  Machine machine;
  head::TokenTable tokens;  // the rest in the head's thread only
  std::set<KeyHash> members;
  uint64_t arrivals = 0;
  Listener* listener_ = nullptr;
  HeadOptions options_;
  HostPort address_;

 private:
  void run(std::promise<void>& listening) {
    KjLoop loop(io_);
    RpcServer server(io_, *this, options_for_me());
    Listener listener(io_, machine.server, *this, options_.listener);
    server_ = &server;
    listener_ = &listener;
    must(listener.listen({options_.host, 0}));
    const SocketAddress first = listener.addresses().front();
    address_ = {options_.host, first.port()};
    listening.set_value();
    io_.run();
    echoes_.clear();
  }

  void on_arrival(std::unique_ptr<Arrival> arrival) override {
    ++arrivals;
    const Hello hello = arrival->hello();
    if (hello.token) {
      const auto wanted = hello.lane == Lane::kPeer ? TokenRole::kJoin : TokenRole::kSubmit;
      const auto verdict = tokens.verify(
          options_.unix_ms(), {hello.token->id, hash_secret(hello.token->secret)}, wanted);
      if (verdict != head::TokenVerdict::kGood) {
        HelloRefused refused;
        refused.reason = HelloRefused::Reason::kToken;
        refused.text = head::refusal_of(verdict, wanted).message;
        return arrival->refuse(refused, std::string("token: ") + name_of(verdict));
      }
    } else if (!members.contains(arrival->key())) {
      HelloRefused refused;
      refused.reason = HelloRefused::Reason::kIdentity;
      refused.text = "not a member";
      return arrival->refuse(refused, "not a member");
    }
    HelloAccepted accepted;
    accepted.node = hello.lane == Lane::kPeer && hello.token ? NodeId{7} : hello.node;
    accepted.epoch = 3;
    accepted.plain_bulk = PlainBulk::kYes;
    accepted.resume = hello.resume;
    Result<Link> link = arrival->accept(accepted);
    if (!link.ok()) return;
    auto stream = attach_link(io_, std::move(*link));
    if (hello.lane == Lane::kControl) {
      server_->serve(std::move(stream), PeerCredentials{0, ::geteuid(), 0, {}});
    } else {
      echoes_.remove_if([](const EchoBack& echo) { return echo.ended(); });
      echoes_.emplace_back(std::move(stream), hello.lane == Lane::kPeer ? EchoBack::What::kFrames
                                                                        : EchoBack::What::kBytes);
    }
  }
  void on_turned_away(const TurnedAway& line) override {
    const std::lock_guard lock(mutex_);
    turned_away_.push_back(line);
    changed_.notify_all();
  }
  void on_accept_failed(const Error& why) override {
    const std::lock_guard lock(mutex_);
    accept_failed_ = why;
    changed_.notify_all();
  }

  capnp::Capability::Client on_connected(ConnectionId, const PeerCredentials&) override {
    return make_echo([] {});
  }
  void on_ended(ConnectionId, const Status&) override {}
  void on_refused(const PeerCredentials&, const Error&) override {}

  boost::asio::io_context io_{1};
  RpcServer* server_ = nullptr;
  std::list<EchoBack> echoes_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<TurnedAway> turned_away_;
  size_t told_ = 0;
  std::optional<Error> accept_failed_;
  std::thread thread_;
};

TestHead::TestHead(const HeadOptions& options) : inside_(std::make_unique<Inside>(options)) {}
TestHead::~TestHead() = default;

const KeyHash& TestHead::key() const { return inside_->machine.identity.hash(); }
HostPort TestHead::address() const { return inside_->address_; }

Token TestHead::make_token(TokenRole role, int64_t expires_in_ms) {
  const Token token = rayd::make_token(key());
  TokenRow row;
  row.token = token.id;
  row.role = role;
  row.secret = hash_secret(token.secret);
  const int64_t now = inside_->options_.unix_ms();
  row.created_unix_ms = now - 3'600'000;
  row.expires_unix_ms = now + expires_in_ms;
  must(inside_->run_inside([&](Inside& in) { return in.tokens.add(row); }));
  return token;
}

void TestHead::revoke(const Token& token) {
  RAY_CHECK(inside_->run_inside(
      [&](Inside& in) { return in.tokens.revoke(token.id, in.options_.unix_ms()).ok(); }));
}

void TestHead::add_member(const KeyHash& key) {
  inside_->run_inside([&](Inside& in) { return in.members.insert(key).second; });
}

size_t TestHead::in_flight() const {
  return inside_->run_inside([](Inside& in) { return in.listener_->in_flight(); });
}
void TestHead::wait_for_in_flight(size_t count) { inside_->wait_for_in_flight(count); }
std::vector<TurnedAway> TestHead::turned_away() const { return inside_->turned_away(); }
TurnedAway TestHead::wait_for_turned_away(const std::string& part) {
  return inside_->wait_for_turned_away(part);
}
Error TestHead::wait_for_accept_failed() { return inside_->wait_for_accept_failed(); }
uint64_t TestHead::arrivals() const {
  return inside_->run_inside([](Inside& in) { return in.arrivals; });
}

Hello hello_of(Lane lane) {
  Hello hello;
  hello.program = "test 1";
  hello.lane = lane;
  return hello;
}

UniqueFd connect_plainly(const HostPort& address) {
  const auto resolved = resolve(address, ResolveFor::kConnecting);
  RAY_CHECK(resolved.ok());
  const SocketAddress& to = resolved->front();
  UniqueFd socket(::socket(to.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  RAY_CHECK(::connect(socket.get(), to.get(), to.length) == 0);
  return socket;
}

}  // namespace rayd::test
