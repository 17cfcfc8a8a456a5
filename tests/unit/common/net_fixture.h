// A daemon of its own thread for the tests of common/net: an RpcServer with an Echo, on Asio.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "common/net/rpc_server.h"

namespace rayd::test {

/// A directory of its own, removed with what is in it.
class TempDirectory {
 public:
  TempDirectory();
  ~TempDirectory();
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

/// Both ends of a connected Unix socket.
struct SocketPair {
  SocketPair();
  UniqueFd left;
  UniqueFd right;
};

/// An unnamed file with this content, to be passed as a descriptor, and what stands in one.
UniqueFd memory_file(const std::string& content);
std::string content_of(int fd);

/// What the daemon was told about a connection.
struct Told {
  enum class What { kConnected, kEnded, kRefused, kAcceptFailed };
  What what = What::kConnected;
  ConnectionId connection;
  PeerCredentials peer;
  Status why;
};

class TestDaemon {
 public:
  explicit TestDaemon(const RpcServerOptions& options);
  TestDaemon();
  /// Ends it and its connections, if it has not ended before.
  ~TestDaemon();
  void stop();

  const std::string& path() const { return path_; }
  /// Waits for the next thing that was told about a connection.
  Told next_told();
  /// Waits until so many calls of Echo.never are in.
  void wait_for_never_calls(int count);
  void end_connection(ConnectionId connection, const Status& why);
  Result<ConnectionId> serve(UniqueFd connected);

 private:
  class Inside;

  TempDirectory directory_;
  std::string path_;
  std::unique_ptr<Inside> inside_;
};

RpcServerOptions options_for_me();

}  // namespace rayd::test
