// One end is a message stream in an Asio loop; the other is whatever a peer may be.
#include "common/net/message_stream.h"

#include <utility>

#include <capnp/serialize.h>
#include <dirent.h>
#include <kj/debug.h>
#include <sys/socket.h>
#include <unistd.h>
#include <boost/asio/io_context.hpp>

#include "common/net/asio_socket.h"
#include "common/net/kj_event_port.h"
#include "common/net/rpc_errors.h"
#include "common/net/socket_io.h"
#include "tests/unit/catch.h"
#include "tests/unit/common/net_fixture.h"
#include "tests/unit/common/net_test.capnp.h"

using namespace rayd;
using namespace rayd::test;

namespace {

using SayParams = Echo::SayParams;

int open_fds() {
  int count = 0;
  DIR* directory = ::opendir("/proc/self/fd");
  while (::readdir(directory) != nullptr) ++count;
  ::closedir(directory);
  return count;
}

/// The words of a message with this text, as they go over the wire.
kj::Array<capnp::word> flat_message(const std::string& text) {
  capnp::MallocMessageBuilder builder;
  builder.initRoot<SayParams>().setText(text.c_str());
  return capnp::messageToFlatArray(builder);
}

struct Stage {
  explicit Stage(const StreamOptions& options = {}) : peer(std::move(ends.right)) {
    stream.emplace(make_socket_stream(make_asio_socket(io, std::move(ends.left))), options);
  }

  /// The text of the next message, "(end)" at the end in order, or the error.
  std::string read() {
    kj::Array<kj::AutoCloseFd> fd_space = kj::heapArray<kj::AutoCloseFd>(kMaxFdsPerMessage);
    std::string text;
    KJ_IF_MAYBE (exception, kj::runCatchingExceptions([&]() {
                   auto message =
                       stream->tryReadMessage(fd_space, {}, nullptr).wait(loop.wait_scope());
                   KJ_IF_MAYBE (got, message) {
                     text = got->reader->getRoot<SayParams>().getText().cStr();
                     for (const kj::AutoCloseFd& fd : got->fds) text += " +" + content_of(fd.get());
                   } else {
                     text = "(end)";
                   }
                 })) {
      return "error: " + translate(*exception).message;
    }
    return text;
  }

  kj::Promise<void> write(const std::string& text, kj::ArrayPtr<const int> fds = nullptr) {
    auto builder = kj::heap<capnp::MallocMessageBuilder>();
    builder->initRoot<SayParams>().setText(text.c_str());
    auto promise = stream->writeMessage(fds, *builder);
    return promise.attach(kj::mv(builder));
  }

  void peer_sends(kj::ArrayPtr<const kj::byte> bytes, std::span<const int> fds = {}) {
    const iovec piece{const_cast<kj::byte*>(bytes.begin()), bytes.size()};
    REQUIRE(send(peer.get(), {&piece, 1}, fds).bytes == bytes.size());
  }
  /// What has arrived at the peer, up to so many bytes.
  std::vector<uint8_t> peer_receives(size_t bytes) {
    std::vector<uint8_t> buffer(bytes);
    Received received = receive(peer.get(), buffer, kMaxFdsPerMessage);
    buffer.resize(received.bytes);
    return buffer;
  }
  bool done(kj::Promise<void>& promise) { return promise.poll(loop.wait_scope()); }

  boost::asio::io_context io{1};
  KjLoop loop{io};
  SocketPair ends;
  UniqueFd peer;
  std::optional<SocketMessageStream> stream;
};

}  // namespace

TEST_CASE("a stream reads many messages, and null at the peer's end") {
  Stage stage;
  for (const char* text : {"one", "two", "three"}) {
    stage.peer_sends(flat_message(text).asBytes());
  }
  CHECK(stage.read() == "one");
  CHECK(stage.read() == "two");
  stage.peer.reset();
  CHECK(stage.read() == "three");
  CHECK(stage.read() == "(end)");
  CHECK(stage.read() == "(end)");
  REQUIRE(stage.stream->ended().has_value());
  CHECK(stage.stream->ended()->ok());
}

TEST_CASE("a stream waits for the rest of half a message") {
  Stage stage;
  const auto words = flat_message("in two parts");
  const auto bytes = words.asBytes();
  auto fd_space = kj::heapArray<kj::AutoCloseFd>(0);
  auto read = stage.stream->tryReadMessage(fd_space, {}, nullptr);
  stage.peer_sends(bytes.slice(0, 11));
  CHECK_FALSE(read.poll(stage.loop.wait_scope()));
  stage.peer_sends(bytes.slice(11, bytes.size()));
  const auto message = read.wait(stage.loop.wait_scope());
  CHECK(message != nullptr);
}

TEST_CASE("a read that is dropped loses no byte") {
  Stage stage;
  const auto words = flat_message("kept");
  const auto bytes = words.asBytes();
  {
    auto fd_space = kj::heapArray<kj::AutoCloseFd>(0);
    auto dropped = stage.stream->tryReadMessage(fd_space, {}, nullptr);
    stage.peer_sends(bytes.slice(0, 11));
    CHECK_FALSE(dropped.poll(stage.loop.wait_scope()));
  }
  stage.peer_sends(bytes.slice(11, bytes.size()));
  CHECK(stage.read() == "kept");
}

TEST_CASE("the end inside of a message is an error, and so is what is no message") {
  Stage stage;
  SECTION("half a message") {
    const auto words = flat_message("cut off");
    stage.peer_sends(words.asBytes().slice(0, 20));
    stage.peer.reset();
    CHECK(stage.read() == "error: the peer ended in the middle of a message");
    CHECK(stage.stream->ended()->error().code == ErrorCode::kUnavailable);
  }
  SECTION("garbage") {
    const kj::byte garbage[] = "GET / HTTP/1.1\r\n\r\n";
    stage.peer_sends(kj::arrayPtr(garbage, sizeof(garbage)));
    CHECK(stage.read() == "error: a message of 542393672 segments; the limit is 512");
    CHECK(stage.stream->ended()->error().code == ErrorCode::kCorrupt);
    CHECK(stage.read() == "error: a message of 542393672 segments; the limit is 512");
  }
  SECTION("a size beyond the limit") {
    const kj::byte header[] = {0, 0, 0, 0, 0, 0, 0, 0x40};
    stage.peer_sends(kj::arrayPtr(header, sizeof(header)));
    CHECK(stage.read() == "error: a message of 1073741824 words; the limit is 8388608");
  }
}

TEST_CASE("descriptors arrive with the message they were sent with, in both directions") {
  Stage stage;
  SocketMessageStream other(make_socket_stream(make_asio_socket(stage.io, std::move(stage.peer))),
                            {});
  const int before = open_fds();
  std::vector<kj::Promise<void>> writes;
  std::vector<UniqueFd> files;
  constexpr int kMessages = 60;
  for (int i = 0; i < kMessages; ++i) {
    std::vector<int> fds;
    for (int j = 0; j < i % 4; ++j) {
      files.push_back(memory_file(std::to_string(10 * i + j)));
      fds.push_back(files.back().get());
    }
    // Some large ones, so that descriptors come behind bytes that need several reads.
    const std::string text = "m" + std::to_string(i) + std::string(i % 7 == 3 ? 40'000 : 0, '.');
    auto builder = kj::heap<capnp::MallocMessageBuilder>();
    builder->initRoot<SayParams>().setText(text.c_str());
    auto kept = kj::heapArray<const int>(fds.data(), fds.size());
    auto promise = other.writeMessage(kept, *builder);
    writes.push_back(promise.attach(kj::mv(builder), kj::mv(kept)).eagerlyEvaluate(nullptr));
  }
  for (int i = 0; i < kMessages; ++i) {
    std::string expected = "m" + std::to_string(i) + std::string(i % 7 == 3 ? 40'000 : 0, '.');
    for (int j = 0; j < i % 4; ++j) expected += " +" + std::to_string(10 * i + j);
    CHECK(stage.read() == expected);
  }
  writes.clear();
  files.clear();
  CHECK(open_fds() == before);
}

TEST_CASE("more descriptors than a message may have end the stream and none stays open") {
  StreamOptions options;
  options.limits.max_fds = 3;
  Stage stage(options);
  const UniqueFd file = memory_file("x");
  const std::vector<int> fds(4, file.get());
  const int before = open_fds();
  stage.peer_sends(flat_message("laden").asBytes(), fds);
  CHECK(stage.read() ==
        "error: more than 3 descriptors at once, or more than this process may hold");
  CHECK(open_fds() == before);
}

TEST_CASE("a reader with less room for descriptors than the limit refuses the message") {
  Stage stage;
  const UniqueFd file = memory_file("x");
  const int fds[] = {file.get(), file.get()};
  stage.peer_sends(flat_message("laden").asBytes(), fds);
  auto fd_space = kj::heapArray<kj::AutoCloseFd>(1);
  auto read = stage.stream->tryReadMessage(fd_space, {}, nullptr);
  CHECK_THROWS_AS(read.wait(stage.loop.wait_scope()), kj::Exception);
  CHECK(stage.stream->ended()->error().message ==
        "a message with 2 descriptors; here it may have 1");
}

TEST_CASE("a writer waits for a peer that does not read, and nothing is lost") {
  Stage stage;
  const std::string text(10'000, 'x');
  const size_t message_bytes = flat_message(text).asBytes().size();
  std::vector<kj::Promise<void>> writes;
  int sent = 0;
  for (bool ready = true; ready; ++sent) {
    REQUIRE(sent < 10'000);  // some time the buffers are full
    writes.push_back(stage.write(text));
    ready = stage.done(writes.back());
  }
  CHECK(stage.write("small").poll(stage.loop.wait_scope()) == false);

  size_t received = 0;
  while (received < message_bytes * static_cast<size_t>(sent)) {
    received += stage.peer_receives(100'000).size();
    static_cast<void>(stage.done(writes.back()));
  }
  CHECK(received == message_bytes * static_cast<size_t>(sent));
  CHECK(stage.done(writes.back()));
}

TEST_CASE("a server does not read on while its peer does not read") {
  StreamOptions options;
  options.while_peer_is_slow = WhilePeerIsSlow::kStopReading;
  Stage stage(options);
  const std::string text(500'000, 'x');
  auto write = stage.write(text);
  CHECK_FALSE(stage.done(write));
  stage.peer_sends(flat_message("more work").asBytes());
  auto fd_space = kj::heapArray<kj::AutoCloseFd>(0);
  auto read = stage.stream->tryReadMessage(fd_space, {}, nullptr);
  CHECK_FALSE(read.poll(stage.loop.wait_scope()));
  while (!stage.done(write)) stage.peer_receives(100'000);
  CHECK(read.poll(stage.loop.wait_scope()));
}

TEST_CASE("writing to a peer that is gone is told by reading, behind what it had said") {
  Stage stage;
  stage.peer_sends(flat_message("last words").asBytes());
  stage.peer.reset();
  auto small = stage.write("small");
  auto large = stage.write(std::string(500'000, 'x'));
  CHECK(stage.done(small));
  CHECK(stage.done(large));
  CHECK(stage.read() == "last words");
  CHECK(stage.read() == "(end)");
}

TEST_CASE("after the peer's end writes do not wait for room") {
  Stage stage;
  auto write = stage.write(std::string(500'000, 'x'));
  CHECK_FALSE(stage.done(write));
  ::shutdown(stage.peer.get(), SHUT_WR);
  CHECK(stage.read() == "(end)");
  CHECK(stage.done(write));
  auto end = stage.stream->end();
  CHECK(stage.done(end));
}

TEST_CASE("the end comes behind all that was written") {
  Stage stage;
  auto write = stage.write("before the end");
  auto end = stage.stream->end();
  CHECK(stage.done(end));
  const auto words = flat_message("before the end");
  const auto bytes = words.asBytes();
  CHECK(stage.peer_receives(1000) == std::vector<uint8_t>(bytes.begin(), bytes.end()));
  std::vector<uint8_t> byte(1);
  CHECK(receive(stage.peer.get(), byte, 0).outcome == IoOutcome::kEnd);
}

TEST_CASE("a write that is dropped half sent ends the stream") {
  Stage stage;
  {
    auto dropped = stage.write(std::string(5'000'000, 'x'));
    CHECK_FALSE(stage.done(dropped));
  }
  CHECK(stage.read() == "error: a message was given up half sent");
}

TEST_CASE("a stream that goes sends what its writer takes for sent") {
  Stage stage;
  auto write = stage.write("parting");
  stage.stream.reset();
  CHECK(stage.peer_receives(1000).size() == flat_message("parting").asBytes().size());
}
