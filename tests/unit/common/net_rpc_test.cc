// A client of one thread and a daemon of another, over a real socket.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "common/net/rpc_client.h"
#include "tests/unit/catch.h"
#include "tests/unit/common/net_echo.h"
#include "tests/unit/common/net_fixture.h"

using namespace rayd;
using namespace rayd::test;

namespace {

// Far longer than anything takes; passing it is a failure, not a measurement.
constexpr Duration kLong = Duration::seconds(60);

/// A client that is connected, with the daemon's Echo.
struct Connected {
  explicit Connected(const std::string& path) : client(must_connect(loop, path)), echo(nullptr) {
    echo = client->bootstrap<Echo>();
  }

  static std::unique_ptr<RpcClient> must_connect(PollLoop& loop, const std::string& path) {
    auto client = RpcClient::connect(loop, path);
    if (!client.ok()) FAIL(client.error().message);
    return std::move(*client);
  }

  auto say(const std::string& text) {
    auto request = echo.sayRequest();
    request.setText(text.c_str());
    return request.send();
  }
  Result<capnp::Response<Echo::SayResults>> hear(const std::string& text) {
    return client->wait(say(text), kLong);
  }

  PollLoop loop;
  std::unique_ptr<RpcClient> client;
  Echo::Client echo;
};

double micros_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
      .count();
}

}  // namespace

TEST_CASE("a call over the socket is answered") {
  TestDaemon daemon;
  Connected peer(daemon.path());
  const auto answer = peer.hear("hello");
  REQUIRE(answer.ok());
  CHECK(std::string(answer->getText().cStr()) == "hello");
  const Told told = daemon.next_told();
  CHECK(told.what == Told::What::kConnected);
  CHECK(told.peer.uid == ::geteuid());
  CHECK(told.peer.pid == ::getpid());
}

TEST_CASE("calls can be made on what has not been answered yet") {
  TestDaemon daemon;
  Connected peer(daemon.path());
  auto request =
      peer.echo.childRequest().send().getEcho().childRequest().send().getEcho().sayRequest();
  request.setText("grandchild");
  const auto answer = peer.client->wait(request.send(), kLong);
  REQUIRE(answer.ok());
  CHECK(std::string(answer->getText().cStr()) == "grandchild");
}

TEST_CASE("the daemon calls its caller back") {
  TestDaemon daemon;
  Connected peer(daemon.path());
  auto request = peer.echo.callBackRequest();
  request.setEcho(make_echo([] {}));
  request.setText("there and back");
  const auto answer = peer.client->wait(request.send(), kLong);
  REQUIRE(answer.ok());
  CHECK(std::string(answer->getText().cStr()) == "there and back");
}

TEST_CASE("an error of the daemon arrives with its code") {
  TestDaemon daemon;
  Connected peer(daemon.path());
  auto fail = peer.echo.failRequest();
  fail.setCode(static_cast<uint16_t>(ErrorCode::kNotFound));
  fail.setText("no job-7");
  const auto failed = peer.client->wait(fail.send(), kLong);
  REQUIRE_FALSE(failed.ok());
  CHECK(failed.error().code == ErrorCode::kNotFound);
  CHECK(failed.error().message == "no job-7");

  auto crash = peer.echo.crashRequest();
  crash.setText("not meant to happen");
  const auto crashed = peer.client->wait(crash.send(), kLong);
  REQUIRE_FALSE(crashed.ok());
  CHECK(crashed.error().code == ErrorCode::kInternal);
  CHECK(crashed.error().message.find("not meant to happen") != std::string::npos);

  auto unknown = peer.echo.openRequest().send().getFile().castAs<Echo>().sayRequest().send();
  const auto unanswered = peer.client->wait(kj::mv(unknown), kLong);
  REQUIRE_FALSE(unanswered.ok());
  CHECK(unanswered.error().code == ErrorCode::kUnavailable);
}

TEST_CASE("descriptors travel with capabilities, both ways") {
  TestDaemon daemon;
  Connected peer(daemon.path());
  auto open = peer.echo.openRequest();
  open.setContent("from the daemon");
  auto file = open.send().getFile();
  const auto fd = peer.client->receive_fd(file, kLong);
  REQUIRE(fd.ok());
  CHECK(content_of(fd->get()) == "from the daemon");
  CHECK((::fcntl(fd->get(), F_GETFD) & FD_CLOEXEC) != 0);

  auto read = peer.echo.readRequest();
  read.setFile(make_file("from the client"));
  const auto content = peer.client->wait(read.send(), kLong);
  REQUIRE(content.ok());
  CHECK(std::string(content->getContent().cStr()) == "from the client");

  const auto none = peer.client->receive_fd(peer.echo, kLong);
  REQUIRE_FALSE(none.ok());
  CHECK(none.error().code == ErrorCode::kNotFound);
}

TEST_CASE("a megabyte arrives whole") {
  TestDaemon daemon;
  Connected peer(daemon.path());
  auto request = peer.echo.blobRequest();
  request.setSize(1'000'000);
  const auto answer = peer.client->wait(request.send(), kLong);
  REQUIRE(answer.ok());
  const auto data = answer->getData();
  REQUIRE(data.size() == 1'000'000);
  size_t right = 0;
  for (size_t i = 0; i < data.size(); ++i) right += data[i] == static_cast<kj::byte>(i) ? 1 : 0;
  CHECK(right == data.size());
}

TEST_CASE("a thousand calls in flight are all answered, and in their order") {
  TestDaemon daemon;
  Connected peer(daemon.path());
  REQUIRE(peer.hear("ready").ok());
  constexpr int kCalls = 1000;
  double best = 1e9;
  for (int round = 0; round < 5; ++round) {
    const auto start = std::chrono::steady_clock::now();
    auto answers = kj::heapArrayBuilder<kj::Promise<void>>(kCalls);
    int right = 0;
    int next = 0;
    for (int i = 0; i < kCalls; ++i) {
      answers.add(peer.say(std::to_string(i)).then([&, i](auto&& answer) {
        if (answer.getText() == std::to_string(i).c_str() && next++ == i) ++right;
      }));
    }
    const Status all = peer.client->wait(kj::joinPromises(answers.finish()), kLong);
    best = std::min(best, micros_since(start) / kCalls);
    CHECK(all.ok());
    CHECK(right == kCalls);
  }
  std::printf("net: %.2f us a pipelined call (1000 in flight)\n", best);
}

TEST_CASE("a call whose time is over is given up and the connection goes on") {
  TestDaemon daemon;
  Connected peer(daemon.path());
  const auto late = peer.client->wait(peer.echo.neverRequest().send(), Duration::millis(5));
  REQUIRE_FALSE(late.ok());
  CHECK(late.error().code == ErrorCode::kTimeout);
  CHECK(peer.hear("still here").ok());
  CHECK(peer.client->connected());
}

TEST_CASE("a client that leaves in the middle of its calls is told to the daemon once") {
  TestDaemon daemon;
  Told connected;
  {
    Connected peer(daemon.path());
    auto first = peer.echo.neverRequest().send();
    auto second = peer.echo.neverRequest().send();
    REQUIRE(peer.hear("sent").ok());
    daemon.wait_for_never_calls(2);
    connected = daemon.next_told();
  }
  const Told ended = daemon.next_told();
  CHECK(ended.what == Told::What::kEnded);
  CHECK(ended.connection == connected.connection);
  CHECK(ended.why.ok());
  Connected next(daemon.path());
  REQUIRE(next.hear("next").ok());
  const Told other = daemon.next_told();
  CHECK(other.what == Told::What::kConnected);
  CHECK(connected.connection < other.connection);
}

TEST_CASE("calls to a daemon that ends are unavailable, those out and those that follow") {
  TestDaemon daemon;
  Connected peer(daemon.path());
  auto first = peer.echo.neverRequest().send();
  auto second = peer.echo.neverRequest().send();
  REQUIRE(peer.hear("sent").ok());
  daemon.stop();
  for (auto* call : {&first, &second}) {
    const auto lost = peer.client->wait(kj::mv(*call), kLong);
    REQUIRE_FALSE(lost.ok());
    CHECK(lost.error().code == ErrorCode::kUnavailable);
  }
  CHECK(peer.hear("anybody").error().code == ErrorCode::kUnavailable);
  CHECK_FALSE(peer.client->connected());
  PollLoop* loop = &peer.loop;
  const auto again = RpcClient::connect(*loop, daemon.path());
  REQUIRE_FALSE(again.ok());
  CHECK(again.error().code == ErrorCode::kUnavailable);
}

TEST_CASE("a connection the daemon ends is lost for its client and told with the reason") {
  TestDaemon daemon;
  Connected peer(daemon.path());
  REQUIRE(peer.hear("hello").ok());
  const Told connected = daemon.next_told();
  auto call = peer.echo.neverRequest().send();
  REQUIRE(peer.hear("sent").ok());
  daemon.end_connection(connected.connection, Error{ErrorCode::kOwnerDrained, "moving out"});
  CHECK(peer.client->wait(kj::mv(call), kLong).error().code == ErrorCode::kUnavailable);
  const Told ended = daemon.next_told();
  CHECK(ended.what == Told::What::kEnded);
  CHECK(ended.why.error().code == ErrorCode::kOwnerDrained);
  CHECK(ended.why.error().message == "moving out");
}

TEST_CASE("a socket that came another way is served like any other") {
  TestDaemon daemon;
  SocketPair pair;
  const auto id = daemon.serve(std::move(pair.left));
  REQUIRE(id.ok());
  PollLoop loop;
  RpcClient client(loop, std::move(pair.right));
  auto request = client.bootstrap<Echo>().sayRequest();
  request.setText("hello");
  CHECK(client.wait(request.send(), kLong).ok());
  CHECK(daemon.next_told().connection == *id);
}

TEST_CASE("connecting and one call are cheap enough for a shell's verb") {
  TestDaemon daemon;
  constexpr int kRounds = 50;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kRounds; ++i) {
    Connected peer(daemon.path());
    CHECK(peer.hear("hello").ok());
  }
  std::printf("net: %.0f us to connect, call once and leave\n", micros_since(start) / kRounds);

  for (const Duration spin : {Duration{}, Duration::micros(200)}) {
    PollLoop loop({spin});
    auto client = Connected::must_connect(loop, daemon.path());
    auto echo = client->bootstrap<Echo>();
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < kRounds; ++i) {
      CHECK(client->wait(echo.sayRequest().send(), kLong).ok());
    }
    std::printf("net: %.0f us a call that is waited for, spinning %d us\n",
                micros_since(begin) / kRounds, static_cast<int>(spin.ns / 1000));
  }
}
