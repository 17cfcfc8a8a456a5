#include "cli/daemon_end.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace rayd::cli {

Status wait_for_end(const UniqueFd& process, Duration patience) {
  const Time deadline = now_boottime() + patience;
  for (;;) {
    const int64_t left_ms = (deadline - now_boottime()).ns / 1'000'000;
    pollfd watched{process.get(), POLLIN, 0};
    const int count = poll(&watched, 1, left_ms < 0 ? 0 : static_cast<int>(left_ms) + 1);
    if (count > 0) return {};
    if (count == 0 && left_ms <= 0) return Error{ErrorCode::kTimeout, "it has not ended"};
    if (count < 0 && errno != EINTR) return Error{ErrorCode::kInternal, std::strerror(errno)};
  }
}

Status wait_for_socket_gone(const std::string& path, Duration patience) {
  const Time deadline = now_boottime() + patience;
  while (access(path.c_str(), F_OK) == 0) {
    if (now_boottime() > deadline) {
      return Error{ErrorCode::kTimeout, "its socket " + path + " is still there"};
    }
    usleep(2'000);
  }
  return {};
}

pid_t listener_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return 0;
  std::memcpy(address.sun_path, path.data(), path.size());
  const UniqueFd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return 0;
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return 0;
  return credentials.pid;
}

}  // namespace rayd::cli
