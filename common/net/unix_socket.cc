#include "common/net/unix_socket.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace rayd {
namespace {

constexpr int kBacklog = 128;

std::string failure(const char* what, const std::string& path, int error) {
  return std::string(what) + " " + path + ": " + std::strerror(error);
}

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.find('\0') != std::string::npos) {
    return Error{ErrorCode::kInvalidArgument, "the path of a socket is empty or contains a zero"};
  }
  if (path.size() >= sizeof(address.sun_path)) {
    return Error{ErrorCode::kInvalidArgument,
                 "the path of a socket may have " + std::to_string(sizeof(address.sun_path) - 1) +
                     " bytes and " + path + " has " + std::to_string(path.size()) +
                     "; choose a shorter place, as with XDG_RUNTIME_DIR"};
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

Result<UniqueFd> new_socket(int flags) {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
  if (socket.get() >= 0) return socket;
  return Error{ErrorCode::kUnavailable,
               std::string("cannot make a socket: ") + std::strerror(errno)};
}

/// 0 or errno. An interrupted connect of a Unix socket has not happened and is tried again.
int try_connect(int socket, const sockaddr_un& address) {
  int done = 0;
  do {
    done = ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  } while (done != 0 && errno == EINTR);
  return done == 0 ? 0 : errno;
}

std::string directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

/// The directory, opened and locked until closed, so that two starters do not both find a dead
/// socket and each remove the other's new one. The kernel drops the lock; no file stays.
Result<UniqueFd> own_directory(const std::string& directory, UnixListener::Access access) {
  const bool ours_alone = access == UnixListener::Access::kOwner;
  if (::mkdir(directory.c_str(), 0700) == 0) {
    if (!ours_alone && ::chmod(directory.c_str(), 0711) != 0) {
      return Error{ErrorCode::kUnavailable, failure("cannot open up", directory, errno)};
    }
  } else if (errno != EEXIST) {
    return Error{ErrorCode::kUnavailable, failure("cannot make the directory", directory, errno)};
  }
  UniqueFd opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat status {};
  if (opened.get() < 0 || ::fstat(opened.get(), &status) != 0) {
    return Error{ErrorCode::kUnavailable, failure("cannot use", directory, errno)};
  }
  if (status.st_uid != ::geteuid() && status.st_uid != 0) {
    return Error{ErrorCode::kNotAllowed, directory + " belongs to the user with id " +
                                             std::to_string(status.st_uid) + ", not to us"};
  }
  const bool others_write = (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
  if (others_write && (status.st_mode & S_ISVTX) == 0) {
    return Error{ErrorCode::kNotAllowed,
                 directory + " may be written by others; take that away with chmod go-w"};
  }
  while (::flock(opened.get(), LOCK_EX) != 0) {
    if (errno == EINTR) continue;
    return Error{ErrorCode::kUnavailable, failure("cannot lock", directory, errno)};
  }
  return opened;
}

/// Makes the path free for a socket: removes one whose listener is gone, and nothing else.
Status clear_place(const std::string& path, const sockaddr_un& address) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return Error{ErrorCode::kUnavailable, failure("cannot look at", path, errno)};
  }
  if (!S_ISSOCK(status.st_mode)) {
    return Error{ErrorCode::kInvalidArgument, path + " exists and is no socket"};
  }
  Result<UniqueFd> probe = new_socket(SOCK_NONBLOCK);
  if (!probe.ok()) return probe.error();
  const int refused = try_connect(probe->get(), address);
  if (refused == 0 || refused == EAGAIN) {
    return Error{ErrorCode::kAlreadyExists, "a daemon listens at " + path + " already"};
  }
  if (refused != ECONNREFUSED && refused != ENOENT) {
    return Error{ErrorCode::kUnavailable, failure("cannot tell who listens at", path, refused)};
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return Error{ErrorCode::kUnavailable, failure("cannot remove the dead socket", path, errno)};
  }
  return {};
}

}  // namespace

Status admit(const PeerPolicy& policy, const PeerCredentials& peer) {
  if (peer.uid == 0 || peer.uid == policy.owner) return {};
  for (const gid_t group : policy.allow_groups) {
    if (group == peer.gid) return {};
    if (std::find(peer.groups.begin(), peer.groups.end(), group) != peer.groups.end()) return {};
  }
  return Error{ErrorCode::kNotAllowed, "the user with id " + std::to_string(peer.uid) +
                                           " may not use this cluster; its owner has id " +
                                           std::to_string(policy.owner)};
}

Result<PeerCredentials> peer_credentials(int socket) {
  ucred credentials{};
  socklen_t length = sizeof(credentials);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) {
    return Error{ErrorCode::kUnavailable,
                 std::string("cannot tell who connected: ") + std::strerror(errno)};
  }
  PeerCredentials peer{credentials.pid, credentials.uid, credentials.gid, {}};
  length = 0;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, nullptr, &length) != 0 && errno == ERANGE) {
    peer.groups.resize(length / sizeof(gid_t));
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, peer.groups.data(), &length) != 0) {
      peer.groups.clear();  // an unknown group admits nobody
    }
  }
  return peer;
}

Result<UniqueFd> connect_unix(const std::string& path, Duration timeout) {
  const Result<sockaddr_un> address = address_of(path);
  if (!address.ok()) return address.error();
  Result<UniqueFd> socket = new_socket(0);
  if (!socket.ok()) return socket;
  const timeval wait{timeout.ns / 1'000'000'000, (timeout.ns / 1'000) % 1'000'000};
  ::setsockopt(socket->get(), SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
  switch (const int error = try_connect(socket->get(), *address); error) {
    case 0: return socket;
    case ENOENT:
      return Error{ErrorCode::kUnavailable, "no daemon runs at " + path + ": no such socket"};
    case ECONNREFUSED:
      return Error{ErrorCode::kUnavailable, "no daemon runs at " + path + " any more"};
    case EAGAIN:
      return Error{ErrorCode::kUnavailable, "the daemon at " + path + " does not take connections"};
    case EACCES:
    case EPERM: return Error{ErrorCode::kNotAllowed, path + " may not be reached by this user"};
    default: return Error{ErrorCode::kUnavailable, failure("cannot connect to", path, error)};
  }
}

UnixListener::UnixListener(std::string path, UniqueFd socket, const struct stat& place)
    : path_(std::move(path)),
      socket_(std::move(socket)),
      device_(place.st_dev),
      inode_(place.st_ino) {}

UnixListener::UnixListener(UnixListener&& other) noexcept
    : path_(std::exchange(other.path_, {})),
      socket_(std::move(other.socket_)),
      device_(other.device_),
      inode_(other.inode_) {}

Result<UnixListener> UnixListener::listen(const std::string& path, Access access) {
  const Result<sockaddr_un> address = address_of(path);
  if (!address.ok()) return address.error();
  const Result<UniqueFd> directory = own_directory(directory_of(path), access);
  if (!directory.ok()) return directory.error();
  if (const Status cleared = clear_place(path, *address); !cleared.ok()) return cleared.error();
  Result<UniqueFd> socket = new_socket(SOCK_NONBLOCK);
  if (!socket.ok()) return socket.error();
  const auto* name = reinterpret_cast<const sockaddr*>(&*address);
  if (::bind(socket->get(), name, sizeof(*address)) != 0) {
    return Error{ErrorCode::kUnavailable, failure("cannot put a socket at", path, errno)};
  }
  struct stat place {};
  // Nobody can connect before listen(), so the mode is right for the first who does.
  const bool placed = ::chmod(path.c_str(), access == Access::kOwner ? 0600 : 0666) == 0 &&
                      ::lstat(path.c_str(), &place) == 0 && ::listen(socket->get(), kBacklog) == 0;
  if (!placed) {
    const int error = errno;
    ::unlink(path.c_str());
    return Error{ErrorCode::kUnavailable, failure("cannot listen at", path, error)};
  }
  return UnixListener(path, std::move(*socket), place);
}

UnixListener::~UnixListener() {
  struct stat place {};
  if (path_.empty() || ::lstat(path_.c_str(), &place) != 0) return;
  if (place.st_dev == device_ && place.st_ino == inode_) ::unlink(path_.c_str());
}

}  // namespace rayd
