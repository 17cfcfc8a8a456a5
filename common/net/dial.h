// Connecting to another machine: to whichever of its addresses answers, as the one whose key is
// pinned, with a hello. One deadline for all of it.
//
// Dial has no loop: fd() is readable when step() may get on, so any loop can drive it, and dropping
// it cancels it. dial_now() waits, for clients; asio_dial.h is the daemon's.
#pragma once

#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "common/base/clock.h"
#include "common/net/greeting.h"
#include "common/net/peer_link.h"
#include "common/net/tcp.h"
#include "common/net/token.h"
#include "common/types/hello.h"

namespace rayd {

struct DialTarget {
  HostPort address;
  KeyHash pinned;  // from a token, or from the list of members
};

struct Dialled {
  Link link;
  HelloAccepted accepted;
  SocketAddress to;
};

/// Error: kTimeout, kUnavailable (nobody there), kNotAllowed (another machine than the pinned),
/// kCorrupt (no rayd, or not one of our protocol), with texts that name the address.
using DialResult = std::variant<Dialled, HelloRefused, Error>;

class Dial {
 public:
  /// `context` is a client's and outlives it; `addresses` are those of target.address.
  Dial(const TlsContext& context, DialTarget target, Hello hello,
       std::vector<SocketAddress> addresses, Time now, Duration timeout);
  ~Dial();
  Dial(const Dial&) = delete;
  Dial& operator=(const Dial&) = delete;

  int fd() const { return connect_.fd(); }
  Time wake_at() const;
  /// The result, once; nothing while it goes on.
  std::optional<DialResult> step(Time now);

 private:
  std::optional<DialResult> step_greeting();
  Error explain(const Error& error) const;
  void wait_for(TlsSession::Want want);

  const TlsContext& context_;
  DialTarget target_;
  Hello hello_;
  Time deadline_;
  TcpConnect connect_;
  UniqueFd socket_;  // once connected
  SocketAddress to_;
  std::unique_ptr<ClientGreeting> greeting_;
};

/// Resolves the name too; the system's resolver has deadlines of its own.
DialResult dial_now(const TlsContext& context, const DialTarget& target, const Hello& hello,
                    Duration timeout);

/// Who is to be reached, and what is said of it, by a token.
Hello hello_with_token(const Token& token, Lane lane, const std::string& program);

/// What a refusal means to a program that only fails because of it.
Error to_error(const HelloRefused& refused);

}  // namespace rayd
