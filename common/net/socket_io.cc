#include "common/net/socket_io.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "common/base/check.h"

namespace rayd {
namespace {

struct alignas(cmsghdr) Control {
  char bytes[CMSG_SPACE(sizeof(int) * kMaxFdsPerMessage)];
};

void take_fds(msghdr& message, std::vector<UniqueFd>& fds) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
      fds.emplace_back(fd);
    }
  }
}

IoOutcome outcome_of(int error) {
  return error == EAGAIN || error == EWOULDBLOCK ? IoOutcome::kWouldBlock : IoOutcome::kFailed;
}

}  // namespace

Received receive(int socket, std::span<uint8_t> space, uint32_t max_fds) {
  RAY_CHECK(!space.empty() && max_fds <= kMaxFdsPerMessage);
  Control control;
  iovec piece{space.data(), space.size()};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  ssize_t count = 0;
  do {
    // CMSG_LEN, not CMSG_SPACE: its padding would let one descriptor more slip through.
    message.msg_control = max_fds > 0 ? control.bytes : nullptr;
    message.msg_controllen = max_fds > 0 ? CMSG_LEN(sizeof(int) * max_fds) : 0;
    count = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (count < 0 && errno == EINTR);

  Received received;
  if (count < 0) {
    received.error = errno;
    // A reset is a peer that left without reading all; nothing of what it sent is lost.
    const bool left = received.error == ECONNRESET;
    received.outcome = left ? IoOutcome::kEnd : outcome_of(received.error);
    return received;
  }
  take_fds(message, received.fds);
  received.bytes = static_cast<size_t>(count);
  if ((message.msg_flags & MSG_CTRUNC) != 0) {
    received.outcome = IoOutcome::kTooManyFds;
  } else if (count == 0) {
    received.outcome = IoOutcome::kEnd;
  }
  return received;
}

Sent send(int socket, std::span<const iovec> pieces, std::span<const int> fds) {
  RAY_CHECK(!pieces.empty() && fds.size() <= kMaxFdsPerMessage);
  Control control{};
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces.data());  // sendmsg only reads it
  message.msg_iovlen = pieces.size();
  if (!fds.empty()) {
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(part), fds.data(), fds.size_bytes());
  }
  ssize_t count = 0;
  do {
    count = ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (count < 0 && errno == EINTR);

  Sent sent;
  if (count < 0) {
    sent.error = errno;
    sent.outcome = outcome_of(sent.error);
  } else {
    sent.bytes = static_cast<size_t>(count);
  }
  return sent;
}

int send_buffer_bytes(int socket) {
  int bytes = 0;
  socklen_t length = sizeof(bytes);
  return ::getsockopt(socket, SOL_SOCKET, SO_SNDBUF, &bytes, &length) == 0 ? bytes : 0;
}

}  // namespace rayd
