#include "common/base/process_socket.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace rayd {

PacketSocket::PacketSocket(UniqueFd fd)
    : fd_(std::move(fd)), buffer_(std::make_unique_for_overwrite<uint8_t[]>(kMaxBytes)) {
  const int flags = fcntl(fd_.get(), F_GETFL);
  fcntl(fd_.get(), F_SETFL, flags | O_NONBLOCK);
}

void PacketSocket::send(Packet packet) {
  RAY_CHECK(!packet.bytes.empty() && packet.bytes.size() <= kMaxBytes);
  RAY_CHECK(packet.fds.size() <= kMaxFds);
  if (queue_.empty() && send_now(packet) == Sent::kDone) return;
  queue_.push_back(std::move(packet));
}

void PacketSocket::flush() {
  while (!queue_.empty() && send_now(queue_.front()) == Sent::kDone) queue_.pop_front();
}

PacketSocket::Sent PacketSocket::send_now(const Packet& packet) {
  iovec part{const_cast<uint8_t*>(packet.bytes.data()), packet.bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxFds * sizeof(int))];
  if (!packet.fds.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(packet.fds.size() * sizeof(int));
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(packet.fds.size() * sizeof(int));
    for (size_t i = 0; i < packet.fds.size(); ++i) {
      const int fd = packet.fds[i].get();
      std::memcpy(CMSG_DATA(header) + i * sizeof(int), &fd, sizeof fd);
    }
  }
  for (;;) {
    if (sendmsg(fd_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return Sent::kDone;
    if (errno == EINTR) continue;
    // ETOOMANYREFS: this user has too many descriptors in flight; they land as the peer reads.
    const bool later =
        errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM || errno == ETOOMANYREFS;
    return later ? Sent::kLater : Sent::kDone;
  }
}

PacketSocket::Received PacketSocket::receive(Packet& packet) {
  packet.bytes.clear();
  packet.fds.clear();
  iovec part{buffer_.get(), kMaxBytes};
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxFds * sizeof(int))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t size;
  do {
    size = recvmsg(fd_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  if (size < 0) return errno == EAGAIN ? Received::kNothing : Received::kClosed;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof fd);
      packet.fds.emplace_back(fd);
    }
  }
  if (size == 0 || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return Received::kClosed;
  packet.bytes.assign(buffer_.get(), buffer_.get() + size);
  return Received::kPacket;
}

Result<std::pair<UniqueFd, UniqueFd>> make_packet_pair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return Error{ErrorCode::kInternal, std::string{"socketpair: "} + std::strerror(errno)};
  }
  const int room = 1 << 20;  // the kernel gives what net.core.wmem_max allows
  setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  return std::pair{UniqueFd{ends[0]}, UniqueFd{ends[1]}};
}

}  // namespace rayd
