// The one TCP port of a daemon: takes connections, lets them shake hands and say their hello, and
// delivers those who did, for its user to judge. Nothing is answered but a handshake before that.
//
//   connection ──▶ slot ──▶ handshake ──▶ hello ──▶ Arrival ──▶ accept(): a Link
//        │           │          └── 5 s from the connection to here ──┘└─▶ refuse(): told why
//        └───────────┴──▶ no room, late, garbage: closed without a word, logged once a minute
//
// Lives in the thread of its io_context.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/net/peer_link.h"
#include "common/net/strangers.h"
#include "common/net/tcp.h"
#include "common/net/tls.h"
#include "common/types/hello.h"

namespace boost::asio {
class io_context;
}

namespace rayd {

/// Somebody who said hello, and whose key is proved. It waits for an answer, for as long as its
/// user takes, in a slot of the listener's. Dropping it closes the connection without a word.
class Arrival {
 public:
  virtual ~Arrival() = default;

  virtual const KeyHash& key() const = 0;
  virtual const Hello& hello() const = 0;
  virtual const SocketAddress& from() const = 0;

  /// One of these, once. accept() is kUnavailable when the peer is gone. `answer.protocol` and
  /// `answer.program` are the listener's to fill in.
  virtual Result<Link> accept(HelloAccepted answer) = 0;
  /// `why` goes to the log, and may say more than the answer does.
  virtual void refuse(HelloRefused answer, const std::string& why) = 0;
};

/// What a daemon does about arrivals. Called from the loop; the listener must not be destroyed in a
/// call.
class Arrivals {
 public:
  virtual void on_arrival(std::unique_ptr<Arrival> arrival) = 0;
  /// At most once a minute for each source: for the log.
  virtual void on_turned_away(const TurnedAway& turned_away) = 0;
  /// Taking connections failed (as when no descriptor is left); it is tried again after a while.
  virtual void on_accept_failed(const Error& why) = 0;

 protected:
  ~Arrivals() = default;
};

struct ListenerOptions {
  StrangerLimits strangers;
  Duration hello_within = Duration::seconds(5);
  ProtocolRange protocols = kOurProtocols;
  std::string program = "rayd";
};

class Listener {
 public:
  /// `context` is a server's and outlives it.
  Listener(boost::asio::io_context& io, const TlsContext& context, Arrivals& arrivals,
           const ListenerOptions& options);
  /// Drops who has not arrived yet. Arrivals that are held may still be answered.
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  /// Listens at all addresses of the name; can be called for several. Errors as listen_tcp(). One
  /// that this machine does not have is passed over if another is listened at.
  Status listen(const HostPort& address);
  /// Takes no more connections.
  void stop_listening();

  /// Where it listens, with the ports that it got.
  std::vector<SocketAddress> addresses() const;
  /// Keeps room for connections from there: the address of a member. accept() does so too.
  void expect_from(const SocketAddress& address);
  /// Connections without a hello, with one that waits for its answer, and refused ones that are
  /// being told.
  size_t in_flight() const;

 private:
  class State;
  class Stranger;
  class Arrived;

  std::shared_ptr<State> state_;
};

}  // namespace rayd
