// Addresses as people type them, and connecting to several.
#include "common/net/tcp.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>

#include <cstring>

#include "tests/unit/catch.h"

using namespace rayd;

namespace {

SocketAddress address_of(const std::string& host, uint16_t port) {
  const auto resolved = resolve({host, port}, ResolveFor::kConnecting);
  REQUIRE(resolved.ok());
  return resolved->front();
}

Result<TcpConnect::Connected> run(TcpConnect& connect) {
  while (true) {
    auto connected = connect.step(now_boottime());
    if (!connected.ok() || connected->socket) return connected;
    pollfd polled{connect.fd(), POLLIN, 0};
    ::poll(&polled, 1, 10);
  }
}

}  // namespace

TEST_CASE("an address is read as people write it, and written so") {
  const struct {
    const char* text;
    const char* host;
    uint16_t port;
    const char* shown;
  } cases[] = {
      {"head", "head", 7390, "head:7390"},
      {"head:1", "head", 1, "head:1"},
      {"head.example.org:65535", "head.example.org", 65535, "head.example.org:65535"},
      {"10.0.0.1:80", "10.0.0.1", 80, "10.0.0.1:80"},
      {"::1", "::1", 7390, "[::1]:7390"},
      {"[::1]", "::1", 7390, "[::1]:7390"},
      {"[fe80::1%eth0]:9", "fe80::1%eth0", 9, "[fe80::1%eth0]:9"},
      {"*:80", "*", 80, "*:80"},
  };
  for (const auto& one : cases) {
    const auto parsed = parse_host_port(one.text);
    REQUIRE(parsed.ok());
    CHECK(parsed->host == one.host);
    CHECK(parsed->port == one.port);
    CHECK(to_string(*parsed) == one.shown);
  }
}

TEST_CASE("what is no address is refused, naming the form") {
  for (const char* text : {"", ":80", "head:", "head:0", "head:65536", "head:-1", "head:8x", "[::1",
                           "[::1]80", "[]:80", "a b:1", "http://head:80", "user@head"}) {
    const auto parsed = parse_host_port(text);
    INFO(text);
    REQUIRE_FALSE(parsed.ok());
    CHECK(parsed.error().code == ErrorCode::kInvalidArgument);
    CHECK(parsed.error().message.find("HOST:PORT") != std::string::npos);
  }
}

TEST_CASE("sources are counted by IPv4 address and by IPv6 network") {
  CHECK(source_of(address_of("10.1.2.3", 5)) == "10.1.2.3");
  CHECK(source_of(address_of("::ffff:10.1.2.3", 5)) == "10.1.2.3");
  CHECK(source_of(address_of("2001:db8::1", 5)) == source_of(address_of("2001:db8::ffff:2", 6)));
  CHECK(source_of(address_of("2001:db8::1", 5)) != source_of(address_of("2001:db8:0:1::1", 5)));
  CHECK(to_string(address_of("::ffff:10.1.2.3", 5)) == "10.1.2.3:5");
}

TEST_CASE("a name that is none is unavailable, and named") {
  const auto resolved = resolve({"no-such-host.invalid", 1}, ResolveFor::kConnecting);
  REQUIRE_FALSE(resolved.ok());
  CHECK(resolved.error().code == ErrorCode::kUnavailable);
  CHECK(resolved.error().message.find("no-such-host.invalid") != std::string::npos);
  CHECK(resolve({"*", 1}, ResolveFor::kConnecting).error().code == ErrorCode::kInvalidArgument);
}

TEST_CASE("a port that is taken, and an address of another machine, are told apart") {
  const auto first = listen_tcp(address_of("127.0.0.1", 0));
  REQUIRE(first.ok());
  const auto second = listen_tcp(local_address(first->get()));
  REQUIRE_FALSE(second.ok());
  CHECK(second.error().code == ErrorCode::kAlreadyExists);
  CHECK(listen_tcp(address_of("192.0.2.1", 0)).error().code == ErrorCode::kInvalidArgument);
}

TEST_CASE("of several addresses the one that answers is taken") {
  const auto listening = listen_tcp(address_of("127.0.0.1", 0));
  REQUIRE(listening.ok());
  const SocketAddress good = local_address(listening->get());
  const auto closed = [] {
    const auto socket = listen_tcp(address_of("127.0.0.1", 0));
    REQUIRE(socket.ok());
    return local_address(socket->get());
  }();
  TcpConnect connect({closed, good}, now_boottime());
  const auto connected = run(connect);
  REQUIRE(connected.ok());
  CHECK(to_string(connected->to) == to_string(good));

  TcpConnect nowhere({closed, closed}, now_boottime());
  const auto refused = run(nowhere);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ErrorCode::kUnavailable);
  CHECK(refused.error().message.find(to_string(closed)) != std::string::npos);
}

TEST_CASE("every address of this machine is listened at in both families") {
  const auto addresses = resolve({std::string(kEveryAddress), 0}, ResolveFor::kListening);
  REQUIRE(addresses.ok());
  bool v4 = false;
  for (const SocketAddress& address : *addresses) {
    v4 = v4 || address.storage.ss_family == AF_INET;
  }
  CHECK(v4);
}
