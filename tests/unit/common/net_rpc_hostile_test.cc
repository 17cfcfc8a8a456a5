// What a peer may do to the daemon's side that a good client does not do.
#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <future>
#include <thread>

#include "common/net/rpc_client.h"
#include "common/net/socket_io.h"
#include "tests/unit/catch.h"
#include "tests/unit/common/net_echo.h"
#include "tests/unit/common/net_fixture.h"

using namespace rayd;
using namespace rayd::test;

namespace {

constexpr Duration kLong = Duration::seconds(60);

UniqueFd raw_connect(const TestDaemon& daemon) {
  auto socket = connect_unix(daemon.path(), kLong);
  if (!socket.ok()) FAIL(socket.error().message);
  return std::move(*socket);
}

void raw_send(const UniqueFd& socket, const std::string& bytes) {
  if (bytes.empty()) return;
  const iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
  REQUIRE(send(socket.get(), {&piece, 1}, {}).bytes == bytes.size());
}

/// Connects and makes one call.
Result<std::string> say(const std::string& path, const std::string& text) {
  PollLoop loop;
  auto client = RpcClient::connect(loop, path);
  if (!client.ok()) return client.error();
  auto request = (*client)->bootstrap<Echo>().sayRequest();
  request.setText(text.c_str());
  const auto answer = (*client)->wait(request.send(), kLong);
  if (!answer.ok()) return answer.error();
  return std::string(answer->getText().cStr());
}

/// What the daemon says of the end of a peer that sent this and then, perhaps, left.
Status end_of(TestDaemon& daemon, const std::string& bytes) {
  UniqueFd socket = raw_connect(daemon);
  CHECK(daemon.next_told().what == Told::What::kConnected);
  raw_send(socket, bytes);
  ::shutdown(socket.get(), SHUT_WR);
  const Told told = daemon.next_told();
  CHECK(told.what == Told::What::kEnded);
  return told.why;
}

}  // namespace

TEST_CASE("garbage, floods and half messages end their connection alone") {
  TestDaemon daemon;
  PollLoop loop;
  auto bystander = RpcClient::connect(loop, daemon.path());
  REQUIRE(bystander.ok());
  auto echo = (*bystander)->bootstrap<Echo>();
  REQUIRE((*bystander)->wait(echo.sayRequest().send(), kLong).ok());
  CHECK(daemon.next_told().what == Told::What::kConnected);

  CHECK(end_of(daemon, "").ok());
  CHECK(end_of(daemon, std::string(100, '\xff')).error().code == ErrorCode::kCorrupt);
  CHECK(end_of(daemon, std::string("\0\0\0\0\0\0\0\x7f", 8)).error().code == ErrorCode::kCorrupt);
  CHECK(end_of(daemon, std::string("\0\0\0\0\x08\0\0\0half", 12)).error().code ==
        ErrorCode::kUnavailable);
  // A frame within the limits, and a pointer in it that leads out of it.
  CHECK_FALSE(
      end_of(daemon, std::string("\0\0\0\0\x01\0\0\0", 8) + "\xfc\xff\xff\x0f\x01\x01\x01\x01")
          .ok());
  CHECK((*bystander)->wait(echo.sayRequest().send(), kLong).ok());
}

TEST_CASE("a peer whom the policy refuses is told so by its calls") {
  const bool root = ::geteuid() == 0;
  RpcServerOptions options = options_for_me();
  if (root) {
    options.policy.allow_groups = {54321};  // so that others reach the socket at all
  } else {
    options.policy.owner = ::geteuid() + 1;
  }
  TestDaemon daemon(options);
  Result<std::string> answer = std::string();
  std::thread other([&] {
    // The bare system call changes this thread alone.
    if (root) RAY_CHECK(::syscall(SYS_setresuid, 65534, 65534, 65534) == 0);
    answer = say(daemon.path(), "let me in");
  });
  other.join();
  REQUIRE_FALSE(answer.ok());
  CHECK(answer.error().code == ErrorCode::kNotAllowed);
  CHECK(answer.error().message.find("may not use this cluster") != std::string::npos);
  const Told told = daemon.next_told();
  CHECK(told.what == Told::What::kRefused);
  CHECK(told.why.error().code == ErrorCode::kNotAllowed);
}

TEST_CASE("connections beyond the limit wait for one to end") {
  RpcServerOptions options = options_for_me();
  options.max_connections = 1;
  TestDaemon daemon(options);
  UniqueFd first = raw_connect(daemon);
  CHECK(daemon.next_told().what == Told::What::kConnected);
  auto second = std::async(std::launch::async, [&] { return say(daemon.path(), "second"); });
  first.reset();
  CHECK(daemon.next_told().what == Told::What::kEnded);
  CHECK(daemon.next_told().what == Told::What::kConnected);
  const auto answer = second.get();
  REQUIRE(answer.ok());
  CHECK(*answer == "second");
}

TEST_CASE("a daemon without descriptors left takes the connection when it has one again") {
  TestDaemon daemon;
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  rlimit old{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &old) == 0);
  const rlimit few{static_cast<rlim_t>(socket.get()) + 1, old.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  std::vector<UniqueFd> taken;
  for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) taken.emplace_back(fd);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, daemon.path().data(), daemon.path().size());
  REQUIRE(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  const Told told = daemon.next_told();
  taken.clear();
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &old) == 0);
  CHECK(told.what == Told::What::kAcceptFailed);
  CHECK(told.why.error().message == "cannot take a connection: Too many open files");
  Told next = daemon.next_told();
  while (next.what == Told::What::kAcceptFailed) next = daemon.next_told();
  CHECK(next.what == Told::What::kConnected);
}

TEST_CASE("KJ's own client is served, descriptors included") {
  TestDaemon daemon;
  auto io = kj::setupAsyncIo();
  auto stream = io.lowLevelProvider->wrapUnixSocketFd(raw_connect(daemon).release(),
                                                      kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP);
  capnp::TwoPartyClient client(*stream, kMaxFdsPerMessage);
  auto echo = client.bootstrap().castAs<Echo>();
  for (int i = 0; i < 20; ++i) {
    auto say = echo.sayRequest();
    say.setText("hello");
    auto said = say.send();
    auto open = echo.openRequest();
    open.setContent(std::to_string(i).c_str());
    auto file = open.send().getFile();
    auto read = echo.readRequest();
    read.setFile(make_file("mine"));
    auto reading = read.send();
    CHECK(said.wait(io.waitScope).getText() == "hello");
    const auto fd = file.getFd().wait(io.waitScope);
    CHECK(content_of(fd.orDefault(-1)) == std::to_string(i));
    CHECK(reading.wait(io.waitScope).getContent() == "mine");
  }
}
