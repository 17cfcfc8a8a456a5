// An RpcServer and its peer in one thread, so that "nothing more happens" can be seen: the loop is
// polled until no handler is left.
#include <utility>

#include <capnp/rpc.capnp.h>
#include <capnp/serialize.h>
#include <unistd.h>
#include <boost/asio/io_context.hpp>

#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>

#include "common/net/kj_event_port.h"
#include "common/net/rpc_server.h"
#include "common/net/socket_io.h"
#include "tests/unit/catch.h"
#include "tests/unit/common/net_echo.h"
#include "tests/unit/common/net_fixture.h"

using namespace rayd;
using namespace rayd::test;

namespace {

struct Stage final : private RpcConnections {
  explicit Stage(const RpcServerOptions& options = options_for_me()) {
    server.emplace(io, static_cast<RpcConnections&>(*this), options);
  }

  void settle() {
    while (io.poll() > 0) {
    }
  }
  UniqueFd connect() {
    SocketPair pair;
    REQUIRE(server->serve(std::move(pair.left)).ok());
    return std::move(pair.right);
  }

  capnp::Capability::Client on_connected(ConnectionId connection, const PeerCredentials&) override {
    if (throw_at_connecting) throw std::runtime_error("no session is free");
    return make_echo([this, connection] {
      ++never_calls;
      if (end_on_never) server->end(connection, Error{ErrorCode::kCancelled, "asked to"});
    });
  }
  void on_ended(ConnectionId, const Status& why) override { ends.push_back(why); }
  void on_refused(const PeerCredentials&, const Error&) override {}
  void on_accept_failed(const Error&) override {}

  boost::asio::io_context io{1};
  KjLoop loop{io};
  int never_calls = 0;
  bool end_on_never = false;
  bool throw_at_connecting = false;
  std::vector<Status> ends;
  std::optional<RpcServer> server;
};

/// A client made of bytes: it sends what it likes and reads when it likes.
struct RawPeer {
  explicit RawPeer(UniqueFd connected) : socket(std::move(connected)) {
    capnp::MallocMessageBuilder builder;
    builder.initRoot<capnp::rpc::Message>().initBootstrap().setQuestionId(0);
    REQUIRE(try_send(builder));
  }

  /// A call of the bootstrap's method; false when the daemon takes nothing more.
  bool call(uint16_t method, uint32_t size) {
    capnp::MallocMessageBuilder builder;
    auto call = builder.initRoot<capnp::rpc::Message>().initCall();
    call.setQuestionId(++questions);
    call.initTarget().initPromisedAnswer().setQuestionId(0);
    call.setInterfaceId(capnp::typeId<Echo>());
    call.setMethodId(method);
    auto content = call.initParams().getContent();
    if (method == kBlob) content.initAs<Echo::BlobParams>().setSize(size);
    return try_send(builder);
  }

  bool try_send(capnp::MessageBuilder& builder) {
    const auto words = capnp::messageToFlatArray(builder);
    const auto bytes = words.asBytes();
    const iovec piece{const_cast<kj::byte*>(bytes.begin()), bytes.size()};
    const Sent sent = send(socket.get(), {&piece, 1}, {});
    if (sent.outcome == IoOutcome::kWouldBlock) return false;
    REQUIRE(sent.bytes == bytes.size());
    return true;
  }

  size_t read_some() { return read_text().size(); }
  std::string read_text() {
    std::vector<uint8_t> buffer(1'000'000);
    const size_t bytes = receive(socket.get(), buffer, 0).bytes;
    return std::string(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(bytes));
  }

  static constexpr uint16_t kNever = 3;
  static constexpr uint16_t kBlob = 8;
  UniqueFd socket;
  uint32_t questions = 0;
};

}  // namespace

TEST_CASE("a peer that asks and does not read is not listened to until it reads") {
  Stage stage;
  RawPeer peer(stage.connect());
  constexpr uint32_t kBlobBytes = 100'000;
  while (peer.call(RawPeer::kBlob, kBlobBytes)) {
    stage.settle();
    REQUIRE(peer.questions < 20'000);  // they would all be answered into the daemon's memory
  }
  const uint64_t calls = peer.questions - 1;  // the last was not taken
  uint64_t received = 0;
  for (size_t bytes = 1; bytes > 0; stage.settle()) {
    bytes = peer.read_some();
    received += bytes;
  }
  CHECK(received > calls * kBlobBytes);
  CHECK(received < calls * (kBlobBytes + 1000));
  CHECK(peer.call(RawPeer::kBlob, 1));
}

TEST_CASE("a peer has only so many words in calls that are not answered") {
  RpcServerOptions options = options_for_me();
  options.max_words_in_calls = 1000;
  Stage stage(options);
  RawPeer peer(stage.connect());
  while (peer.call(RawPeer::kNever, 0)) {
    stage.settle();
    REQUIRE(peer.questions < 100'000);
  }
  CHECK(stage.never_calls > 10);
  CHECK(stage.never_calls < 200);
}

TEST_CASE("a connection may be ended from one of its own calls") {
  Stage stage;
  stage.end_on_never = true;
  RawPeer peer(stage.connect());
  REQUIRE(peer.call(RawPeer::kNever, 0));
  REQUIRE(peer.call(RawPeer::kNever, 0));
  stage.settle();
  REQUIRE(stage.ends.size() == 1);
  CHECK(stage.ends[0].error().code == ErrorCode::kCancelled);
  CHECK(stage.server->connection_count() == 0);
}

TEST_CASE("a daemon that cannot offer anything says so to its peer's calls") {
  Stage stage;
  stage.throw_at_connecting = true;
  RawPeer peer(stage.connect());
  REQUIRE(peer.call(RawPeer::kNever, 0));
  stage.settle();
  CHECK(peer.read_text().find("no session is free") != std::string::npos);
  CHECK(stage.never_calls == 0);
  CHECK(stage.server->connection_count() == 1);
}

TEST_CASE("a server that stops listening serves on whom it has") {
  const TempDirectory temp;
  const std::string path = temp.file("rayd.sock");
  Stage stage;
  REQUIRE(stage.server->listen(path).ok());
  auto first = connect_unix(path, Duration::seconds(60));
  REQUIRE(first.ok());
  stage.settle();
  CHECK(stage.server->connection_count() == 1);
  stage.server->stop_listening();
  CHECK_FALSE(std::filesystem::exists(path));
  RawPeer peer(std::move(*first));
  REQUIRE(peer.call(RawPeer::kNever, 0));
  stage.settle();
  CHECK(stage.never_calls == 1);
  REQUIRE(stage.server->listen(path).ok());
  CHECK(connect_unix(path, Duration::seconds(60)).ok());
}

TEST_CASE("a server that goes tells no ends and leaves no socket") {
  const TempDirectory temp;
  Stage stage;
  REQUIRE(stage.server->listen(temp.file("rayd.sock")).ok());
  RawPeer peer(stage.connect());
  REQUIRE(peer.call(RawPeer::kNever, 0));
  stage.settle();
  CHECK(stage.never_calls == 1);
  stage.server.reset();
  stage.settle();
  CHECK(stage.ends.empty());
  CHECK_FALSE(std::filesystem::exists(temp.file("rayd.sock")));
}
