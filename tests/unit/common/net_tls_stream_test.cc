// RPC and frames over TLS, between two threads and over TCP.
#include <capnp/serialize.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "common/net/message_stream.h"
#include "common/net/peer_link.h"
#include "common/net/rpc_client.h"
#include "tests/unit/catch.h"
#include "tests/unit/common/net_echo.h"
#include "tests/unit/common/net_tls_fixture.h"

using namespace rayd;
using namespace rayd::test;

namespace {

/// A client elsewhere, with a token, connected over TLS.
struct Remote {
  Remote(TestHead& head, PollLoopOptions options = {}) : loop(options), echo(nullptr) {
    auto result =
        dial_now(machine.client, head.target(),
                 hello_with_token(head.make_token(TokenRole::kSubmit), Lane::kControl, "c"), kLong);
    if (const auto* error = std::get_if<Error>(&result)) FAIL(error->message);
    REQUIRE(std::holds_alternative<Dialled>(result));
    client = std::make_unique<RpcClient>(
        loop, attach_link(loop, std::move(std::get<Dialled>(result).link)));
    echo = client->bootstrap<Echo>();
  }
  auto say(const std::string& text) {
    auto request = echo.sayRequest();
    request.setText(text.c_str());
    return request.send();
  }

  Machine machine;
  PollLoop loop;
  std::unique_ptr<RpcClient> client;
  Echo::Client echo;
};

/// Its link into a blocking socket's words, for tests that look at single bytes.
Link peer_link(TestHead& head, const Machine& node) {
  head.add_member(node.identity.hash());
  auto result = dial_now(node.client, head.target(), hello_of(Lane::kPeer), kLong);
  REQUIRE(std::holds_alternative<Dialled>(result));
  return std::move(std::get<Dialled>(result).link);
}

void shake_hands(TlsSession& client, TlsSession& server) {
  bool done = false;
  while (!done) {
    const auto client_wants = client.handshake();
    const auto server_wants = server.handshake();
    REQUIRE(client_wants.ok());
    REQUIRE(server_wants.ok());
    done =
        *client_wants == TlsSession::Want::kNothing && *server_wants == TlsSession::Want::kNothing;
  }
}

double micros_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
      .count();
}

double pipelined(RpcClient& client, Echo::Client& echo) {
  constexpr int kCalls = 1000;
  double best = 1e9;
  for (int round = 0; round < 10; ++round) {
    const auto start = std::chrono::steady_clock::now();
    auto answers = kj::heapArrayBuilder<kj::Promise<void>>(kCalls);
    for (int i = 0; i < kCalls; ++i) answers.add(echo.sayRequest().send().ignoreResult());
    CHECK(client.wait(kj::joinPromises(answers.finish()), kLong).ok());
    best = std::min(best, micros_since(start) / kCalls);
  }
  return best;
}

double synchronous(RpcClient& client, Echo::Client& echo) {
  constexpr int kCalls = 300;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kCalls; ++i) CHECK(client.wait(echo.sayRequest().send(), kLong).ok());
  return micros_since(start) / kCalls;
}

}  // namespace

TEST_CASE("a client elsewhere calls over TLS, pipelines and is called back") {
  TestHead head;
  Remote remote(head);
  const auto answer = remote.client->wait(remote.say("hello"), kLong);
  REQUIRE(answer.ok());
  CHECK(std::string(answer->getText().cStr()) == "hello");
  auto grandchild =
      remote.echo.childRequest().send().getEcho().childRequest().send().getEcho().sayRequest();
  grandchild.setText("grandchild");
  const auto piped = remote.client->wait(grandchild.send(), kLong);
  REQUIRE(piped.ok());
  CHECK(std::string(piped->getText().cStr()) == "grandchild");
  auto back = remote.echo.callBackRequest();
  back.setEcho(make_echo([] {}));
  back.setText("there and back");
  const auto called = remote.client->wait(back.send(), kLong);
  REQUIRE(called.ok());
  CHECK(std::string(called->getText().cStr()) == "there and back");
}

TEST_CASE("a large answer and a large question travel whole over TLS") {
  TestHead head;
  Remote remote(head);
  auto request = remote.echo.blobRequest();
  request.setSize(20 * 1024 * 1024);
  const auto blob = remote.client->wait(request.send(), kLong);
  REQUIRE(blob.ok());
  const auto data = blob->getData();
  REQUIRE(data.size() == 20 * 1024 * 1024);
  bool right = true;
  for (size_t i = 0; i < data.size(); i += 997)
    right = right && data[i] == static_cast<kj::byte>(i);
  CHECK(right);
  const std::string text(10 * 1024 * 1024, 'x');
  const auto said = remote.client->wait(remote.say(text), kLong);
  REQUIRE(said.ok());
  CHECK(said->getText().size() == text.size());
}

TEST_CASE("no descriptor travels over TLS, and asking for one is answered") {
  TestHead head;
  Remote remote(head);
  auto open = remote.echo.openRequest();
  open.setContent("x");
  const auto fd = remote.client->receive_fd(open.send().getFile(), kLong);
  REQUIRE_FALSE(fd.ok());
  CHECK(fd.error().code == ErrorCode::kNotFound);
  CHECK(remote.client->wait(remote.say("still here"), kLong).ok());
}

TEST_CASE("a head that ends is told to its clients") {
  auto head = std::make_unique<TestHead>();
  Remote remote(*head);
  REQUIRE(remote.client->wait(remote.say("hello"), kLong).ok());
  auto never = remote.echo.neverRequest().send().ignoreResult();
  head.reset();
  const auto lost = remote.client->wait(kj::mv(never), kLong);
  REQUIRE_FALSE(lost.ok());
  CHECK(lost.error().code == ErrorCode::kUnavailable);
}

TEST_CASE("a session of frames runs over the same streams") {
  TestHead head;
  const Machine node;
  PollLoop loop;
  SocketMessageStream stream(attach_link(loop, peer_link(head, node)),
                             StreamOptions{{1 << 20, 8, 0}});
  for (const size_t words : {1u, 100u, 5'000u, 500'000u}) {
    capnp::MallocMessageBuilder message;
    auto data =
        message.initRoot<capnp::AnyPointer>().initAs<capnp::Data>(static_cast<unsigned>(words * 8));
    for (size_t i = 0; i < data.size(); i += 61) data[i] = static_cast<kj::byte>(i * words);
    auto written = stream.writeMessage(nullptr, message.getSegmentsForOutput());
    auto read = stream.tryReadMessage(nullptr, {}, nullptr);
    auto both = written.then([&read] { return kj::mv(read); });
    bool same = false;
    auto checked = both.then([&](kj::Maybe<capnp::MessageReaderAndFds> got) {
      auto& reader = *KJ_ASSERT_NONNULL(got).reader;
      const auto back = reader.getRoot<capnp::AnyPointer>().getAs<capnp::Data>();
      same = back.size() == data.size() && std::equal(back.begin(), back.end(), data.begin());
    });
    REQUIRE(loop.run_until(kj::mv(checked), kLong).ok());
    CHECK(same);
  }
}

TEST_CASE("a peer that says goodbye has ended in order, one that is cut off has not") {
  for (const bool in_order : {true, false}) {
    const Machine a;
    const Machine b;
    SocketPair sockets;
    TlsSession client(a.client, sockets.left.get(), b.identity.hash());
    TlsSession server(b.server, sockets.right.get(), std::nullopt);
    shake_hands(client, server);
    const iovec piece{const_cast<char*>("last words"), 10};
    REQUIRE(client.send({&piece, 1}).bytes == 10);
    if (in_order) client.say_goodbye();
    sockets.left.reset();
    uint8_t space[64];
    CHECK(server.receive(space).bytes == 10);
    for (int i = 0; i < 2; ++i) {
      const Received end = server.receive(space);
      CHECK(end.outcome == (in_order ? IoOutcome::kEnd : IoOutcome::kFailed));
    }
  }
}

TEST_CASE("what a slow peer has no room for is bounded by a record, and arrives whole") {
  const Machine a;
  const Machine b;
  SocketPair sockets;
  TlsSession client(a.client, sockets.left.get(), b.identity.hash());
  TlsSession server(b.server, sockets.right.get(), std::nullopt);
  shake_hands(client, server);
  std::vector<uint8_t> sent(3 * 1024 * 1024 + 17);
  for (size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<uint8_t>(i * 31 >> 3);
  std::vector<uint8_t> received;
  size_t done = 0;
  size_t full = 0;
  server.start_streaming();
  while (received.size() < sent.size()) {
    // Odd pieces: a few bytes, then many, as a message and its table are.
    while (done < sent.size()) {
      const size_t small = std::min<size_t>(13, sent.size() - done);
      const iovec pieces[] = {{sent.data() + done, small},
                              {sent.data() + done + small, sent.size() - done - small}};
      const Sent taken = client.send({pieces, sent.size() - done > small ? 2u : 1u});
      done += taken.bytes;
      if (taken.outcome == IoOutcome::kDone) continue;
      REQUIRE(taken.outcome == IoOutcome::kWouldBlock);
      ++full;
      break;
    }
    uint8_t space[10'000];
    const Received got = server.receive(space);
    if (got.outcome == IoOutcome::kWouldBlock) {
      static_cast<void>(client.flush());
      continue;
    }
    REQUIRE(got.outcome == IoOutcome::kDone);
    received.insert(received.end(), space, space + got.bytes);
  }
  CHECK(full > 0);
  CHECK(received == sent);
}

TEST_CASE("measured: a call over TLS and TCP against one over a Unix socket") {
  TestHead head;
  TestDaemon daemon;
  for (const Duration spin : {Duration{}, Duration::micros(200)}) {
    Remote remote(head, {spin});
    auto local = RpcClient::connect(remote.loop, daemon.path());
    REQUIRE(local.ok());
    auto local_echo = (*local)->bootstrap<Echo>();
    const int spin_us = static_cast<int>(spin.ns / 1000);
    std::printf(
        "net: spinning %d us: pipelined %.2f us over TLS, %.2f over a Unix socket; "
        "waited for %.0f and %.0f us\n",
        spin_us, pipelined(*remote.client, remote.echo), pipelined(**local, local_echo),
        synchronous(*remote.client, remote.echo), synchronous(**local, local_echo));
  }
}
