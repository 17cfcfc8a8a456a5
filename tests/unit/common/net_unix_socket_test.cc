#include "common/net/unix_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "tests/unit/catch.h"
#include "tests/unit/common/net_fixture.h"

using namespace rayd;
using namespace rayd::test;

namespace {

using Access = UnixListener::Access;

constexpr Duration kLong = Duration::seconds(60);

mode_t mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

/// A socket whose listener died without removing it.
void leave_dead_socket(const std::string& path) {
  const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
}

}  // namespace

TEST_CASE("a listener makes its directory and socket for its owner alone") {
  const TempDirectory temp;
  const std::string path = temp.file("run") + "/rayd.sock";
  const auto listener = UnixListener::listen(path, Access::kOwner);
  REQUIRE(listener.ok());
  CHECK(mode_of(temp.file("run")) == 0700);
  CHECK(mode_of(path) == 0600);
}

TEST_CASE("a listener that judges its peers lets all reach it") {
  const TempDirectory temp;
  const std::string path = temp.file("run") + "/rayd.sock";
  const auto listener = UnixListener::listen(path, Access::kJudgePeers);
  REQUIRE(listener.ok());
  CHECK(mode_of(temp.file("run")) == 0711);
  CHECK(mode_of(path) == 0666);
}

TEST_CASE("the socket of a dead listener is replaced, that of a living one is not") {
  const TempDirectory temp;
  const std::string path = temp.file("rayd.sock");
  leave_dead_socket(path);
  CHECK(connect_unix(path, kLong).error().message == "no daemon runs at " + path + " any more");
  const auto listener = UnixListener::listen(path, Access::kOwner);
  REQUIRE(listener.ok());
  const auto second = UnixListener::listen(path, Access::kOwner);
  REQUIRE_FALSE(second.ok());
  CHECK(second.error().code == ErrorCode::kAlreadyExists);
  CHECK(second.error().message == "a daemon listens at " + path + " already");
  CHECK(connect_unix(path, kLong).ok());
}

TEST_CASE("what is no socket is left alone") {
  const TempDirectory temp;
  const std::string path = temp.file("precious");
  std::ofstream(path) << "data";
  const auto listener = UnixListener::listen(path, Access::kOwner);
  REQUIRE_FALSE(listener.ok());
  CHECK(listener.error().code == ErrorCode::kInvalidArgument);
  CHECK(std::filesystem::file_size(path) == 4);
}

TEST_CASE("a directory that others may write is refused") {
  const TempDirectory temp;
  std::filesystem::create_directory(temp.file("open"));
  REQUIRE(::chmod(temp.file("open").c_str(), 0777) == 0);
  const auto listener = UnixListener::listen(temp.file("open") + "/rayd.sock", Access::kOwner);
  REQUIRE_FALSE(listener.ok());
  CHECK(listener.error().code == ErrorCode::kNotAllowed);
}

TEST_CASE("a directory without parents is refused with its name") {
  const TempDirectory temp;
  const auto listener = UnixListener::listen(temp.file("a") + "/b/rayd.sock", Access::kOwner);
  REQUIRE_FALSE(listener.ok());
  CHECK(listener.error().message ==
        "cannot make the directory " + temp.file("a") + "/b: No such file or directory");
}

TEST_CASE("a path has at most 107 bytes") {
  const TempDirectory temp;
  const std::string longest = temp.file(std::string(107 - temp.path().size() - 1, 'x'));
  CHECK(UnixListener::listen(longest, Access::kOwner).ok());
  const std::string longer = longest + "x";
  for (const Error& error : {UnixListener::listen(longer, Access::kOwner).error(),
                             connect_unix(longer, kLong).error()}) {
    CHECK(error.code == ErrorCode::kInvalidArgument);
    CHECK(error.message == "the path of a socket may have 107 bytes and " + longer +
                               " has 108; choose a shorter place, as with XDG_RUNTIME_DIR");
  }
}

TEST_CASE("a listener removes its own socket and not its successor's") {
  const TempDirectory temp;
  const std::string path = temp.file("rayd.sock");
  {
    auto listener = UnixListener::listen(path, Access::kOwner);
    REQUIRE(listener.ok());
    const UnixListener moved = std::move(*listener);
    CHECK(std::filesystem::exists(path));
  }
  CHECK_FALSE(std::filesystem::exists(path));
  {
    const auto listener = UnixListener::listen(path, Access::kOwner);
    REQUIRE(listener.ok());
    std::filesystem::remove(path);
    leave_dead_socket(path);
  }
  CHECK(std::filesystem::exists(path));
}

TEST_CASE("connecting where nothing is says so") {
  const TempDirectory temp;
  const auto none = connect_unix(temp.file("none"), kLong);
  REQUIRE_FALSE(none.ok());
  CHECK(none.error().code == ErrorCode::kUnavailable);
  CHECK(none.error().message == "no daemon runs at " + temp.file("none") + ": no such socket");
}

TEST_CASE("a listener whose queue is full is waited for no longer than allowed") {
  const TempDirectory temp;
  const std::string path = temp.file("rayd.sock");
  const auto listener = UnixListener::listen(path, Access::kOwner);
  REQUIRE(listener.ok());
  std::vector<UniqueFd> waiting;
  for (;;) {
    auto one = connect_unix(path, Duration::millis(1));
    if (!one.ok()) {
      CHECK(one.error().code == ErrorCode::kUnavailable);
      CHECK(one.error().message == "the daemon at " + path + " does not take connections");
      break;
    }
    waiting.push_back(std::move(*one));
    REQUIRE(waiting.size() < 1000);
  }
  // A full queue is a living listener.
  CHECK(UnixListener::listen(path, Access::kOwner).error().code == ErrorCode::kAlreadyExists);
}

TEST_CASE("the kernel says who connected") {
  SocketPair pair;
  const auto peer = peer_credentials(pair.left.get());
  REQUIRE(peer.ok());
  CHECK(peer->pid == ::getpid());
  CHECK(peer->uid == ::geteuid());
  CHECK(peer->gid == ::getegid());
  CHECK(peer->groups.size() == static_cast<size_t>(::getgroups(0, nullptr)));
}

TEST_CASE("root, the owner and members of the groups are admitted, and nobody else") {
  const PeerPolicy policy{1000, {50, 60}};
  CHECK(admit(policy, {1, 0, 0, {}}).ok());
  CHECK(admit(policy, {1, 1000, 7, {}}).ok());
  CHECK(admit(policy, {1, 1001, 60, {}}).ok());
  CHECK(admit(policy, {1, 1001, 7, {8, 50}}).ok());
  const Status refused = admit(policy, {1, 1001, 7, {8, 1000}});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ErrorCode::kNotAllowed);
  CHECK(refused.error().message ==
        "the user with id 1001 may not use this cluster; its owner has id 1000");
}
