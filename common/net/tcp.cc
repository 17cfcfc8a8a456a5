#include "common/net/tcp.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <utility>

namespace rayd {
namespace {

constexpr int kBacklog = 256;
constexpr Duration kNextAddressAfter = Duration::millis(250);
constexpr Time kNever{INT64_MAX};
constexpr int kKeepAliveIdleS = 15;
constexpr int kKeepAliveEveryS = 5;
constexpr int kKeepAliveProbes = 6;

Error not_an_address(std::string_view text) {
  return {
      ErrorCode::kInvalidArgument,
      "\"" + std::string(text) +
          "\" is no address; one is HOST, HOST:PORT, or [IPV6]:PORT, with a port of 1 to 65535"};
}

sockaddr_in6 as_v6(const SocketAddress& address) {
  sockaddr_in6 v6{};
  std::memcpy(&v6, &address.storage, sizeof(v6));
  return v6;
}

Error cannot_listen(const SocketAddress& address, int error) {
  const std::string where = to_string(address);
  switch (error) {
    case EADDRINUSE:
      return {ErrorCode::kAlreadyExists,
              "something listens at " + where + " already; choose another port"};
    case EACCES: return {ErrorCode::kNotAllowed, "this user may not listen at " + where};
    case EADDRNOTAVAIL:
      return {ErrorCode::kInvalidArgument, where + " is no address of this machine"};
    default:
      return {ErrorCode::kUnavailable, "cannot listen at " + where + ": " + std::strerror(error)};
  }
}

void set_option(int socket, int level, int name, int value) {
  static_cast<void>(::setsockopt(socket, level, name, &value, sizeof(value)));
}

}  // namespace

std::string host_of(const SocketAddress& address) {
  SocketAddress shown = address;
  if (address.storage.ss_family == AF_INET6) {
    const sockaddr_in6 v6 = as_v6(address);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
      sockaddr_in v4{};
      v4.sin_family = AF_INET;
      std::memcpy(&v4.sin_addr, v6.sin6_addr.s6_addr + 12, 4);
      std::memcpy(&shown.storage, &v4, sizeof(v4));
      shown.length = sizeof(v4);
    }
  }
  char host[NI_MAXHOST];
  if (::getnameinfo(shown.get(), shown.length, host, sizeof(host), nullptr, 0, NI_NUMERICHOST) !=
      0) {
    return "an unknown address";
  }
  return host;
}

Result<HostPort> parse_host_port(std::string_view text) {
  HostPort address;
  std::string_view host = text;
  std::string_view port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return not_an_address(text);
    host = text.substr(1, end - 1);
    const std::string_view rest = text.substr(end + 1);
    has_port = !rest.empty();
    if (has_port && rest[0] != ':') return not_an_address(text);
    port = rest.substr(has_port ? 1 : 0);
  } else if (const size_t colon = text.find(':'); colon == text.rfind(':')) {
    has_port = colon != std::string_view::npos;
    host = text.substr(0, colon);
    if (has_port) port = text.substr(colon + 1);
  }  // else: a bare IPv6 address
  if (host.empty() || host.find_first_of(" \t\r\n/\\[]@") != std::string_view::npos) {
    return not_an_address(text);
  }
  if (has_port) {
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
    const bool whole = error == std::errc() && end == port.data() + port.size();
    if (!whole || address.port == 0) return not_an_address(text);
  }
  address.host = host;
  return address;
}

std::string to_string(const HostPort& address) {
  const bool v6 = address.host.find(':') != std::string::npos;
  return (v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

uint16_t SocketAddress::port() const {
  // The port has the same place in both families.
  sockaddr_in v4{};
  std::memcpy(&v4, &storage, sizeof(v4));
  return ntohs(v4.sin_port);
}

std::string to_string(const SocketAddress& address) {
  return to_string(HostPort{host_of(address), address.port()});
}

std::string source_of(const SocketAddress& address) {
  if (address.storage.ss_family != AF_INET6) return host_of(address);
  sockaddr_in6 v6 = as_v6(address);
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) return host_of(address);
  std::memset(v6.sin6_addr.s6_addr + 8, 0, 8);
  SocketAddress network = address;
  std::memcpy(&network.storage, &v6, sizeof(v6));
  return host_of(network) + "/64";
}

Result<std::vector<SocketAddress>> resolve(const HostPort& address, ResolveFor purpose) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  if (purpose == ResolveFor::kListening) hints.ai_flags |= AI_PASSIVE;
  if (purpose == ResolveFor::kConnecting && address.host == kEveryAddress) {
    return Error{ErrorCode::kInvalidArgument, "every address is none to connect to"};
  }
  addrinfo* found = nullptr;
  const char* const host = address.host == kEveryAddress ? nullptr : address.host.c_str();
  const int error = ::getaddrinfo(host, std::to_string(address.port).c_str(), &hints, &found);
  if (error != 0) {
    return Error{ErrorCode::kUnavailable,
                 "the name " + address.host + " cannot be resolved: " +
                     (error == EAI_SYSTEM ? std::strerror(errno) : ::gai_strerror(error))};
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, &::freeaddrinfo);
  std::vector<SocketAddress> addresses;
  for (const addrinfo* info = found; info != nullptr; info = info->ai_next) {
    if (info->ai_addrlen > sizeof(sockaddr_storage)) continue;
    SocketAddress& one = addresses.emplace_back();
    std::memcpy(&one.storage, info->ai_addr, info->ai_addrlen);
    one.length = info->ai_addrlen;
  }
  if (addresses.empty()) {
    return Error{ErrorCode::kUnavailable, "the name " + address.host + " has no address"};
  }
  return addresses;
}

Result<UniqueFd> listen_tcp(const SocketAddress& address) {
  UniqueFd socket(
      ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return cannot_listen(address, errno);
  set_option(socket.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  // Each family has a socket of its own, so that "every address" is listened at twice, not shared.
  if (address.storage.ss_family == AF_INET6) {
    set_option(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
  }
  if (::bind(socket.get(), address.get(), address.length) != 0 ||
      ::listen(socket.get(), kBacklog) != 0) {
    return cannot_listen(address, errno);
  }
  return socket;
}

SocketAddress local_address(int socket) {
  SocketAddress address;
  address.length = sizeof(address.storage);
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address.storage), &address.length) != 0) {
    return {};
  }
  return address;
}

void tune_tcp(int socket) {
  set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdleS);
  set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveEveryS);
  set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, kKeepAliveProbes);
}

// Connecting ---------------------------------------------------------------------------------

TcpConnect::TcpConnect(std::vector<SocketAddress> addresses, Time now)
    : addresses_(std::move(addresses)), next_at_(now), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  RAY_CHECK(!addresses_.empty());
}

void TcpConnect::note_failure(const SocketAddress& to, int error) {
  if (!failures_.empty()) failures_ += "; ";
  failures_ += to_string(to) + ": " + std::strerror(error);
}

void TcpConnect::begin_next(Time now) {
  const SocketAddress to = addresses_[next_++];
  next_at_ = is_left() ? now + kNextAddressAfter : kNever;
  UniqueFd socket(::socket(to.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket || !epoll_) return note_failure(to, errno);
  if (::connect(socket.get(), to.get(), to.length) != 0 && errno != EINPROGRESS) {
    return note_failure(to, errno);
  }
  epoll_event event{};
  event.events = EPOLLOUT;
  event.data.fd = socket.get();
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket.get(), &event) != 0) {
    return note_failure(to, errno);
  }
  attempts_.push_back({std::move(socket), to});
}

Result<TcpConnect::Connected> TcpConnect::step(Time now) {
  std::array<epoll_event, 16> events;
  const int ready = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < ready; ++i) {
    const int fd = events[static_cast<size_t>(i)].data.fd;
    const auto it = std::find_if(attempts_.begin(), attempts_.end(),
                                 [fd](const Attempt& a) { return a.socket.get() == fd; });
    if (it == attempts_.end()) continue;
    int error = 0;
    socklen_t length = sizeof(error);
    if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
    if (error != 0) {
      note_failure(it->to, error);
      attempts_.erase(it);
      continue;
    }
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    Connected connected{std::move(it->socket), it->to};
    attempts_.clear();
    return connected;
  }
  while (is_left() && (attempts_.empty() || now >= next_at_)) begin_next(now);
  if (!attempts_.empty()) return Connected{};
  return Error{ErrorCode::kUnavailable, failures_};
}

}  // namespace rayd
