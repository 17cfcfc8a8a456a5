#include "tests/unit/common/net_fixture.h"

#include <utility>

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <cstdlib>
#include <filesystem>
#include <future>

#include "common/net/kj_event_port.h"
#include "tests/unit/common/net_echo.h"

namespace rayd::test {

TempDirectory::TempDirectory() {
  char name[] = "/tmp/net-test-XXXXXX";
  RAY_CHECK(::mkdtemp(name) != nullptr);
  path_ = name;
  RAY_CHECK(::chmod(name, 0711) == 0);  // some tests come as another user
}

TempDirectory::~TempDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

SocketPair::SocketPair() {
  int fds[2];
  RAY_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
  left = UniqueFd(fds[0]);
  right = UniqueFd(fds[1]);
}

UniqueFd memory_file(const std::string& content) {
  UniqueFd file(::memfd_create("net-test", MFD_CLOEXEC));
  RAY_CHECK(file.get() >= 0);
  RAY_CHECK(::write(file.get(), content.data(), content.size()) ==
            static_cast<ssize_t>(content.size()));
  return file;
}

std::string content_of(int fd) {
  char bytes[256];
  const ssize_t count = ::pread(fd, bytes, sizeof(bytes), 0);
  return count < 0 ? "(unreadable)" : std::string(bytes, static_cast<size_t>(count));
}

RpcServerOptions options_for_me() {
  RpcServerOptions options;
  options.policy.owner = ::geteuid();
  return options;
}

/// All that lives in the daemon's thread, and what it shares with the test's.
class TestDaemon::Inside final : private RpcConnections {
 public:
  Inside(const std::string& path, const RpcServerOptions& options) {
    std::promise<Status> listening;
    thread_ = std::thread([&, options] { run(path, options, listening); });
    const Status status = listening.get_future().get();
    if (!status.ok()) std::fprintf(stderr, "%s\n", status.error().message.c_str());
    RAY_CHECK(status.ok());
  }
  ~Inside() {
    io_.stop();
    thread_.join();
  }

  Told next_told() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !told_.empty(); });
    Told told = std::move(told_.front());
    told_.pop_front();
    return told;
  }

  void wait_for_never_calls(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return never_calls_ >= count; });
  }

  /// Runs it in the daemon's thread and waits for what it returns.
  template <class Function>
  auto run_inside(Function function) {
    std::promise<decltype(function(std::declval<RpcServer&>()))> done;
    boost::asio::post(io_, [&] { done.set_value(function(*server_)); });
    return done.get_future().get();
  }

 private:
  void run(const std::string& path, const RpcServerOptions& options,
           std::promise<Status>& listening) {
    KjLoop loop(io_);
    RpcServer server(io_, *this, options);
    server_ = &server;
    listening.set_value(server.listen(path));
    io_.run();
  }

  capnp::Capability::Client on_connected(ConnectionId connection,
                                         const PeerCredentials& peer) override {
    tell({Told::What::kConnected, connection, peer, {}});
    return make_echo([this] {
      const std::lock_guard lock(mutex_);
      ++never_calls_;
      changed_.notify_all();
    });
  }
  void on_ended(ConnectionId connection, const Status& why) override {
    tell({Told::What::kEnded, connection, {}, why});
  }
  void on_refused(const PeerCredentials& peer, const Error& why) override {
    tell({Told::What::kRefused, {}, peer, why});
  }
  void on_accept_failed(const Error& why) override {
    tell({Told::What::kAcceptFailed, {}, {}, why});
  }

  void tell(Told told) {
    const std::lock_guard lock(mutex_);
    told_.push_back(std::move(told));
    changed_.notify_all();
  }

  boost::asio::io_context io_{1};
  RpcServer* server_ = nullptr;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Told> told_;
  int never_calls_ = 0;
  std::thread thread_;
};

TestDaemon::TestDaemon(const RpcServerOptions& options)
    : path_(directory_.file("run") + "/rayd.sock"),
      inside_(std::make_unique<Inside>(path_, options)) {}
TestDaemon::TestDaemon() : TestDaemon(options_for_me()) {}
TestDaemon::~TestDaemon() = default;

void TestDaemon::stop() { inside_.reset(); }
Told TestDaemon::next_told() { return inside_->next_told(); }
void TestDaemon::wait_for_never_calls(int count) { inside_->wait_for_never_calls(count); }

void TestDaemon::end_connection(ConnectionId connection, const Status& why) {
  inside_->run_inside([&](RpcServer& server) {
    server.end(connection, why);
    return true;
  });
}

Result<ConnectionId> TestDaemon::serve(UniqueFd connected) {
  return inside_->run_inside([&](RpcServer& server) { return server.serve(std::move(connected)); });
}

}  // namespace rayd::test
