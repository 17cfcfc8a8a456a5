// Machines for the tests of TLS: a head of its own thread that listens, judges by tokens and
// members, and serves an Echo; and two ends of a greeting in one thread, with the bytes between
// them in hand.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/net/dial.h"
#include "common/net/greeting.h"
#include "common/net/identity.h"
#include "common/net/listener.h"
#include "common/net/token.h"
#include "tests/unit/common/net_fixture.h"

namespace rayd::test {

// Far longer than anything takes; passing it is a failure, not a measurement.
inline constexpr Duration kLong = Duration::seconds(60);

/// A machine that connects.
struct Machine {
  Identity identity = Identity::make_ephemeral();
  TlsContext client{identity, TlsSide::kClient};
  TlsContext server{identity, TlsSide::kServer};
};

/// Moves bytes between a client's and a server's greeting. `to_server` is what the client sent.
class Wire {
 public:
  Wire(const TlsContext& client, const TlsContext& server, const KeyHash& pinned);

  /// Everything that both can do; stops carrying to the server after `most_bytes`.
  void run(const Hello& hello, size_t most_bytes = SIZE_MAX);
  /// The server finds its end of the wire closed.
  void cut();
  /// Brings the server bytes that no client of this wire sent.
  void inject(const std::vector<uint8_t>& bytes);

  ClientGreeting client;
  ServerGreeting server;
  Result<TlsSession::Want> client_says = TlsSession::Want::kRead;
  Result<TlsSession::Want> server_says = TlsSession::Want::kRead;
  std::vector<uint8_t> to_server;
  std::vector<uint8_t> to_client;

 private:
  Wire(SocketPair client_side, SocketPair server_side, const TlsContext& client_context,
       const TlsContext& server_context, const KeyHash& pinned);
  bool carry(size_t most_bytes);

  SocketPair client_side_;
  SocketPair server_side_;
};

struct HeadOptions {
  ListenerOptions listener;
  std::string host = "127.0.0.1";
  std::function<int64_t()> unix_ms = [] { return int64_t{1'700'000'000'000}; };
};

/// Accepts peers it knows and tokens that are good; control serves an Echo, peer sends every frame
/// back and bulk every byte.
class TestHead {
 public:
  explicit TestHead(const HeadOptions& options = {});
  ~TestHead();
  TestHead(const TestHead&) = delete;
  TestHead& operator=(const TestHead&) = delete;

  const KeyHash& key() const;
  HostPort address() const;
  DialTarget target() const { return {address(), key()}; }

  /// A token of this head's, made an hour before the time of HeadOptions::unix_ms.
  Token make_token(TokenRole role, int64_t expires_in_ms = 3'600'000);
  void revoke(const Token& token);
  void add_member(const KeyHash& key);

  size_t in_flight() const;
  /// Waits until so many connections are in the hands of the listener.
  void wait_for_in_flight(size_t count);
  /// Lines of the log so far; and waits for the next one that contains `part`.
  std::vector<TurnedAway> turned_away() const;
  TurnedAway wait_for_turned_away(const std::string& part);
  uint64_t arrivals() const;
  /// Waits until taking a connection has failed.
  Error wait_for_accept_failed();

 private:
  class Inside;

  std::unique_ptr<Inside> inside_;
};

Hello hello_of(Lane lane);

/// A TCP connection to it, blocking.
UniqueFd connect_plainly(const HostPort& address);

}  // namespace rayd::test
