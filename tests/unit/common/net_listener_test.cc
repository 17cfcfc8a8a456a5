// A head on a TCP port, its members, and strangers.
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <boost/asio/io_context.hpp>

#include <optional>
#include <thread>

#include "common/net/asio_dial.h"
#include "tests/unit/catch.h"
#include "tests/unit/common/net_tls_fixture.h"

using namespace rayd;
using namespace rayd::test;

namespace {

HelloRefused must_be_refused(DialResult result) {
  if (const auto* error = std::get_if<Error>(&result)) FAIL(error->message);
  REQUIRE(std::holds_alternative<HelloRefused>(result));
  return std::get<HelloRefused>(std::move(result));
}

Dialled must_connect(DialResult result) {
  if (const auto* error = std::get_if<Error>(&result)) FAIL(error->message);
  if (const auto* refused = std::get_if<HelloRefused>(&result)) FAIL(refused->text);
  return std::get<Dialled>(std::move(result));
}

Error must_fail(DialResult result) {
  REQUIRE(std::holds_alternative<Error>(result));
  return std::get<Error>(std::move(result));
}

DialResult dial(const Machine& from, const TestHead& head, const Hello& hello) {
  return dial_now(from.client, head.target(), hello, kLong);
}

Hello join_with(const Token& token) { return hello_with_token(token, Lane::kPeer, "test 1"); }

/// Everything that comes until the other side ends the connection.
size_t read_to_end(const UniqueFd& socket) {
  size_t bytes = 0;
  char space[4096];
  for (ssize_t got = 1; got > 0; bytes += static_cast<size_t>(std::max<ssize_t>(got, 0))) {
    got = ::recv(socket.get(), space, sizeof(space), 0);
  }
  return bytes;
}

HeadOptions impatient() {
  HeadOptions options;
  options.listener.hello_within = Duration::millis(100);
  return options;
}

}  // namespace

TEST_CASE("a machine with a token joins, and comes again by its key alone") {
  TestHead head;
  const Machine node;
  const Dialled joined =
      must_connect(dial(node, head, join_with(head.make_token(TokenRole::kJoin))));
  CHECK(joined.accepted.node == NodeId{7});
  CHECK(joined.accepted.epoch == 3);
  CHECK(joined.accepted.protocol == 1);
  CHECK(joined.accepted.program == "rayd");
  CHECK(joined.link.tls->peer() == head.key());

  CHECK(must_be_refused(dial(node, head, hello_of(Lane::kPeer))).reason ==
        HelloRefused::Reason::kIdentity);
  head.add_member(node.identity.hash());
  Hello again = hello_of(Lane::kPeer);
  again.node = {7};
  again.resume = {55, 1234};
  const Dialled back = must_connect(dial(node, head, again));
  CHECK(back.accepted.node == NodeId{7});
  CHECK(back.accepted.resume == SessionPoint{55, 1234});
}

TEST_CASE("a wrong, an expired, a revoked token and one of another role: refused, and bounded") {
  TestHead head;
  const Machine node;
  const Token expired = head.make_token(TokenRole::kJoin, -1);
  const Token revoked = head.make_token(TokenRole::kJoin);
  head.revoke(revoked);
  Token wrong = head.make_token(TokenRole::kJoin);
  wrong.secret.bytes[0] ^= 1;
  const Token unknown = make_token(head.key());
  std::optional<std::string> text;
  for (const Token& token : {wrong, expired, revoked, unknown}) {
    const HelloRefused refused = must_be_refused(dial(node, head, join_with(token)));
    CHECK(refused.reason == HelloRefused::Reason::kToken);
    if (text) CHECK(refused.text == *text);  // one answer for all
    text = refused.text;
  }
  const HelloRefused look =
      must_be_refused(dial(node, head, join_with(head.make_token(TokenRole::kLook))));
  CHECK(look.text.find("role join") != std::string::npos);
  CHECK(head.arrivals() == 5);
  const auto lines = head.turned_away();
  REQUIRE(lines.size() == 1);  // one a minute
  CHECK(lines[0].why == "token: wrong secret");
  CHECK(lines[0].source == "127.0.0.1");
  head.wait_for_in_flight(0);
}

TEST_CASE("a client that pinned another key than the head's is told so") {
  TestHead head;
  const Machine node;
  DialTarget target = head.target();
  target.pinned = node.identity.hash();
  const Error error = must_fail(dial_now(node.client, target, hello_of(Lane::kPeer), kLong));
  CHECK(error.code == ErrorCode::kNotAllowed);
  CHECK(error.message.find(to_string(head.address())) != std::string::npos);
  CHECK(head.arrivals() == 0);
}

TEST_CASE("versions that do not meet are refused, naming both") {
  HeadOptions options;
  options.listener.protocols = {4, 6};
  options.listener.program = "rayd 4.2";
  TestHead head(options);
  const Machine node;
  head.add_member(node.identity.hash());
  Hello hello = hello_of(Lane::kPeer);
  hello.program = "rayd 1.1";
  hello.protocols = {1, 3};
  const HelloRefused old = must_be_refused(dial(node, head, hello));
  CHECK(old.reason == HelloRefused::Reason::kVersion);
  CHECK(old.protocols == ProtocolRange{4, 6});
  CHECK(old.text ==
        "rayd 1.1 speaks protocol 1 to 3, and rayd 4.2 here speaks 4 to 6: update the one that "
        "connects");
  hello.protocols = {7, 7};
  CHECK(must_be_refused(dial(node, head, hello)).text.find("update the one that is connected to") !=
        std::string::npos);
  CHECK(head.arrivals() == 0);
  hello.protocols = {2, 5};
  CHECK(must_connect(dial(node, head, hello)).accepted.protocol == 5);
}

TEST_CASE("a head is reached over IPv6 and by name") {
  HeadOptions options;
  options.host = "::1";
  if (!listen_tcp(resolve({"::1", 0}, ResolveFor::kListening)->front()).ok()) {
    WARN("this machine has no IPv6");
    return;
  }
  const Machine node;
  TestHead v6(options);
  v6.add_member(node.identity.hash());
  CHECK(to_string(must_connect(dial(node, v6, hello_of(Lane::kPeer))).to) ==
        to_string(v6.address()));
  options.host = "localhost";
  TestHead named(options);
  named.add_member(node.identity.hash());
  must_connect(dial(node, named, hello_of(Lane::kPeer)));
}

TEST_CASE("garbage is closed without an answer and logged once") {
  TestHead head;
  for (int i = 0; i < 3; ++i) {
    const UniqueFd socket = connect_plainly(head.address());
    REQUIRE(::send(socket.get(), "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL) == 18);
    CHECK(read_to_end(socket) <= 7);  // at most TLS's own alert
  }
  CHECK(head.wait_for_turned_away("no handshake of ours").times == 1);
  CHECK(head.turned_away().size() == 1);
  CHECK(head.arrivals() == 0);
}

TEST_CASE("a half handshake and then silence ends at the deadline") {
  TestHead head(impatient());
  const Machine node;
  const UniqueFd socket = connect_plainly(head.address());
  const uint8_t beginning[] = {0x16, 0x03, 0x01, 0x01, 0x00, 0x01};
  REQUIRE(::send(socket.get(), beginning, sizeof(beginning), MSG_NOSIGNAL) == sizeof(beginning));
  CHECK(read_to_end(socket) == 0);
  CHECK(head.wait_for_turned_away("in time").source == "127.0.0.1");
  head.wait_for_in_flight(0);
}

TEST_CASE("a whole handshake and then silence ends at the deadline") {
  TestHead head(impatient());
  const Machine node;
  const UniqueFd socket = connect_plainly(head.address());
  REQUIRE(::fcntl(socket.get(), F_SETFL, O_NONBLOCK) == 0);
  TlsSession session(node.client, socket.get(), head.key());
  auto want = session.handshake();
  while (want.ok() && *want != TlsSession::Want::kNothing) {
    pollfd polled{socket.get(), POLLIN, 0};
    ::poll(&polled, 1, 1000);
    want = session.handshake();
  }
  REQUIRE(want.ok());
  head.wait_for_turned_away("in time");
  head.wait_for_in_flight(0);
}

TEST_CASE("a hello that is none, or too long, ends the connection") {
  for (const uint32_t words : {0u, 4u, 1000u}) {
    TestHead head;
    const Machine node;
    const UniqueFd socket = connect_plainly(head.address());
    REQUIRE(::fcntl(socket.get(), F_SETFL, O_NONBLOCK) == 0);
    TlsSession session(node.client, socket.get(), head.key());
    for (auto want = session.handshake(); *want != TlsSession::Want::kNothing;) {
      pollfd polled{socket.get(), POLLIN, 0};
      ::poll(&polled, 1, 1000);
      want = session.handshake();
      REQUIRE(want.ok());
    }
    std::vector<uint32_t> message(2 + 8, 0xffffffff);
    message[0] = 0;
    message[1] = words;
    const iovec piece{message.data(), message.size() * sizeof(uint32_t)};
    REQUIRE(session.send({&piece, 1}).outcome == IoOutcome::kDone);
    head.wait_for_turned_away("");
    CHECK(head.arrivals() == 0);
  }
}

TEST_CASE("a thousand idle connections do not keep a member out, and are one line in the log") {
  TestHead head;
  const Machine node;
  head.add_member(node.identity.hash());
  std::vector<UniqueFd> idle;
  for (int i = 0; i < 1000; ++i) {
    idle.push_back(connect_plainly(head.address()));
    if (i % 250 == 249) must_connect(dial(node, head, hello_of(Lane::kPeer)));
  }
  CHECK(head.in_flight() <= StrangerLimits().per_source);
  const auto lines = head.turned_away();
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].why.find("silent") != std::string::npos);
  size_t open = 0;
  for (const UniqueFd& socket : idle) {
    char byte = 0;
    const ssize_t got = ::recv(socket.get(), &byte, 1, MSG_DONTWAIT);
    open += got < 0 && errno == EAGAIN ? 1 : 0;
  }
  CHECK(open <= StrangerLimits().per_source);
  idle.clear();
  head.wait_for_in_flight(0);
}

TEST_CASE("a head without a descriptor to spare says so, and goes on when it has one") {
  TestHead head;
  const Machine node;
  head.add_member(node.identity.hash());
  const auto address = resolve(head.address(), ResolveFor::kConnecting);
  REQUIRE(address.ok());
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  // The lowest free number: with the limit above it, nobody gets another.
  const UniqueFd last(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  rlimit none_left = before;
  none_left.rlim_cur = static_cast<rlim_t>(last.get()) + 1;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none_left) == 0);
  const int connected = ::connect(last.get(), address->front().get(), address->front().length);
  const Error error = head.wait_for_accept_failed();
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(connected == 0);
  CHECK(error.message.find("cannot take a connection") != std::string::npos);
  must_connect(dial(node, head, hello_of(Lane::kPeer)));
}

TEST_CASE("nobody listens: the address is named, and it does not take long") {
  const Machine node;
  HostPort address;
  {
    TestHead head;
    address = head.address();
  }
  const Error error = must_fail(
      dial_now(node.client, {address, node.identity.hash()}, hello_of(Lane::kPeer), kLong));
  CHECK(error.code == ErrorCode::kUnavailable);
  CHECK(error.message.find(to_string(address)) != std::string::npos);
}

TEST_CASE("who takes a connection and says nothing is given up at the deadline") {
  const Machine node;
  const auto listening = listen_tcp(resolve({"127.0.0.1", 0}, ResolveFor::kListening)->front());
  REQUIRE(listening.ok());
  const HostPort silent{"127.0.0.1", local_address(listening->get()).port()};
  const Error error = must_fail(dial_now(node.client, {silent, node.identity.hash()},
                                         hello_of(Lane::kPeer), Duration::millis(50)));
  CHECK(error.code == ErrorCode::kTimeout);
}

TEST_CASE("a dial in an Asio loop connects, fails, and can be given up") {
  TestHead head;
  const Machine node;
  head.add_member(node.identity.hash());
  boost::asio::io_context io;
  std::optional<DialResult> result;
  const auto keep = [&result](DialResult done) { result.emplace(std::move(done)); };
  const auto dial_from_loop = [&](const DialTarget& target, Duration timeout) {
    result.reset();
    io.restart();
    AsioDial dial(io, node.client, target, hello_of(Lane::kPeer), timeout, keep);
    io.run();
    REQUIRE(result.has_value());
    return std::move(*result);
  };
  CHECK(must_connect(dial_from_loop(head.target(), kLong)).link.tls->peer() == head.key());
  DialTarget by_name = head.target();
  by_name.address.host = "localhost";
  CHECK(must_connect(dial_from_loop(by_name, kLong)).accepted.epoch == 3);
  by_name.address.host = "no-such-host.invalid";
  CHECK(must_fail(dial_from_loop(by_name, kLong)).code == ErrorCode::kUnavailable);

  const auto listening = listen_tcp(resolve({"127.0.0.1", 0}, ResolveFor::kListening)->front());
  const DialTarget silent{{"127.0.0.1", local_address(listening->get()).port()}, head.key()};
  CHECK(must_fail(dial_from_loop(silent, Duration::millis(50))).code == ErrorCode::kTimeout);

  result.reset();
  io.restart();
  {
    AsioDial given_up(io, node.client, silent, hello_of(Lane::kPeer), kLong, keep);
    for (int i = 0; i < 3; ++i) io.run_one();
  }
  io.run();
  CHECK_FALSE(result.has_value());
}

TEST_CASE("bulk goes on in the clear if both sides say so, and is authenticated all the same") {
  TestHead head;
  const Machine node;
  head.add_member(node.identity.hash());
  Hello hello = hello_of(Lane::kBulk);
  CHECK(must_connect(dial(node, head, hello)).link.tls != nullptr);
  hello.plain_bulk = PlainBulk::kYes;
  const Dialled plain = must_connect(dial(node, head, hello));
  CHECK(plain.link.tls == nullptr);
  CHECK(plain.accepted.plain_bulk == PlainBulk::kYes);
  CHECK(plain.link.seal_key != decltype(plain.link.seal_key){});
  const std::string said = "in the clear";
  REQUIRE(::send(plain.link.socket.get(), said.data(), said.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(said.size()));
  std::string heard(said.size(), '\0');
  REQUIRE(::fcntl(plain.link.socket.get(), F_SETFL, 0) == 0);
  REQUIRE(::recv(plain.link.socket.get(), heard.data(), heard.size(), MSG_WAITALL) ==
          static_cast<ssize_t>(heard.size()));
  CHECK(heard == said);

  hello.lane = Lane::kPeer;  // only bulk can
  CHECK(must_connect(dial(node, head, hello)).link.tls != nullptr);
  const Machine stranger;
  hello.lane = Lane::kBulk;
  CHECK(must_be_refused(dial(stranger, head, hello)).reason == HelloRefused::Reason::kIdentity);
}

TEST_CASE("a seal is good for its header, its place, its direction and its connection alone") {
  SealKey key{};
  key[0] = 1;
  const uint8_t header[] = {1, 2, 3};
  const uint8_t other[] = {1, 2, 4};
  const Seal seal = seal_of(key, SealFrom::kDialler, 5, header);
  CHECK(same_seal(seal, seal_of(key, SealFrom::kDialler, 5, header)));
  CHECK_FALSE(same_seal(seal, seal_of(key, SealFrom::kDialler, 5, other)));
  CHECK_FALSE(same_seal(seal, seal_of(key, SealFrom::kDialler, 6, header)));
  CHECK_FALSE(same_seal(seal, seal_of(key, SealFrom::kListener, 5, header)));
  CHECK_FALSE(same_seal(seal, seal_of(SealKey{}, SealFrom::kDialler, 5, header)));
}
