// A client of one thread and a daemon of another, over a real socket.
#include <sys/resource.h>
#include <unistd.h>

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

TEST_CASE("a thousand calls in flight are all answered, and in their order") {
  TestDaemon daemon;
  Connected peer(daemon.path());
  REQUIRE(peer.hear("ready").ok());
  constexpr int kCalls = 1000;
  std::string order;
  const auto start = std::chrono::steady_clock::now();
  auto answers = kj::heapArrayBuilder<kj::Promise<void>>(kCalls);
  int right = 0;
  int next = 0;
  for (int i = 0; i < kCalls; ++i) {
    answers.add(peer.say(std::to_string(i)).then([&, i](auto&& answer) {
      if (answer.getText() == kj::StringPtr(std::to_string(i).c_str()) && next++ == i) ++right;
    }));
  }
  const Status all = peer.client->wait(kj::joinPromises(answers.finish()), kLong);
  const double micros = micros_since(start);
  CHECK(all.ok());
  CHECK(right == kCalls);
  std::printf("net: %.2f us a pipelined call (1000 in flight)\n", micros / kCalls);
}
