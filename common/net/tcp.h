// TCP addresses and sockets: what a person types, what it means to the kernel, and connecting to
// whichever of several addresses answers first.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace rayd {

inline constexpr uint16_t kDefaultPort = 7390;
/// As a host to listen at: all addresses of this machine, of both families.
inline constexpr std::string_view kEveryAddress = "*";

/// A name or a number, as in "head.example:7390" or "[::1]:7390".
struct HostPort {
  std::string host;
  uint16_t port = kDefaultPort;
  auto operator<=>(const HostPort&) const = default;
};

/// A port left out is kDefaultPort. kInvalidArgument, naming the form.
Result<HostPort> parse_host_port(std::string_view text);
std::string to_string(const HostPort& address);

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  uint16_t port() const;
};

/// As HostPort's; an IPv4 address that came through an IPv6 socket is shown as what it is.
std::string to_string(const SocketAddress& address);
/// The address without its port, an IPv4 one inside of IPv6 as what it is.
std::string host_of(const SocketAddress& address);
/// Whom to count together: the IPv4 address, or the /64 of an IPv6 one, since a machine has all of
/// those.
std::string source_of(const SocketAddress& address);

enum class ResolveFor : bool { kConnecting, kListening };

/// All addresses of a name, best first. Asks the system's resolver and waits for it, unless the
/// host is a number. kUnavailable, naming the host; kInvalidArgument for every address, to connect
/// to.
Result<std::vector<SocketAddress>> resolve(const HostPort& address, ResolveFor purpose);

/// Non-blocking. kAlreadyExists when the port is taken, kNotAllowed, kInvalidArgument when the
/// address is not this machine's, kUnavailable.
Result<UniqueFd> listen_tcp(const SocketAddress& address);
/// Of a bound socket: its port may have been chosen by the kernel.
SocketAddress local_address(int socket);

/// No delay of small messages, and a peer that vanished is noticed within a minute.
void tune_tcp(int socket);

/// Connects to several addresses: the next is begun when the one before has failed or is slow, and
/// the first that answers is taken. No loop: fd() is readable when step() may get on.
class TcpConnect {
 public:
  /// Precondition: there are addresses.
  TcpConnect(std::vector<SocketAddress> addresses, Time now);

  /// An epoll descriptor that lives as long as this.
  int fd() const { return epoll_.get(); }
  /// When to call step() at the latest.
  Time wake_at() const { return next_at_; }
  struct Connected {
    UniqueFd socket;  // invalid: not yet
    SocketAddress to;
  };
  /// kUnavailable when every address has failed, with what was the matter.
  Result<Connected> step(Time now);

 private:
  struct Attempt {
    UniqueFd socket;
    SocketAddress to;
  };

  void begin_next(Time now);
  void note_failure(const SocketAddress& to, int error);
  bool is_left() const { return next_ < addresses_.size(); }

  std::vector<SocketAddress> addresses_;
  size_t next_ = 0;
  Time next_at_;
  UniqueFd epoll_;
  std::vector<Attempt> attempts_;
  std::string failures_;
};

}  // namespace rayd
