// Unix sockets: connecting to a path, listening on one that is ours alone, and who is on the other
// side.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace rayd {

/// Who connected, as the kernel saw it then.
struct PeerCredentials {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  // the supplementary ones
};

/// Who may connect: root, the owner, and members of these groups.
struct PeerPolicy {
  uid_t owner = 0;
  std::vector<gid_t> allow_groups;
};

/// kNotAllowed, naming the peer, unless the policy has it.
Status admit(const PeerPolicy& policy, const PeerCredentials& peer);

/// Of a connected Unix socket.
Result<PeerCredentials> peer_credentials(int socket);

/// Connects, waiting up to `timeout` while the listener's queue is full. kUnavailable when nobody
/// listens there, kNotAllowed when the path may not be reached, kInvalidArgument when it is too
/// long for a socket (107 bytes).
Result<UniqueFd> connect_unix(const std::string& path, Duration timeout);

/// A listening socket and its place in the file system, which goes when it does.
class UnixListener {
 public:
  enum class Access {
    kOwner,      // directory 0700, socket 0600
    kJudgePeers  // directory 0711, socket 0666: who connects is judged by credentials
  };

  /// Makes the directory if there is none (not its parents), takes the place of a socket whose
  /// listener is gone, and refuses otherwise: kAlreadyExists when somebody listens there,
  /// kNotAllowed when the directory belongs to another user or may be written by others,
  /// kInvalidArgument when the path is too long or no socket, kUnavailable when the system refuses.
  static Result<UnixListener> listen(const std::string& path, Access access);

  UnixListener(UnixListener&& other) noexcept;
  UnixListener& operator=(UnixListener&& other) = delete;
  /// Removes the socket's name, unless another's stands there by now.
  ~UnixListener();

  const std::string& path() const { return path_; }
  int fd() const { return socket_.get(); }
  /// The descriptor, for who has use of its own for it; the name stays this object's.
  UniqueFd take_fd() { return std::move(socket_); }

 private:
  UnixListener(std::string path, UniqueFd socket, const struct stat& place);

  std::string path_;
  UniqueFd socket_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace rayd
