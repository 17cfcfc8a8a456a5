#include "common/shm/doorbell.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "common/shm/system_error.h"

namespace rayd::shm {

void BellRope::ring() const {
  const uint64_t one = 1;
  ssize_t written = 0;
  do {
    written = ::write(fd_.get(), &one, sizeof one);
  } while (written < 0 && errno == EINTR);
  // EAGAIN: the doorbell is full of rings already. EPIPE: nobody is left to hear.
}

void Doorbell::clear() const {
  uint8_t rings[512];
  iovec into{rings, sizeof rings};
  if (::preadv2(fd_.get(), &into, 1, -1, RWF_NOWAIT) < 0 && errno == EOPNOTSUPP) {
    // A pipe before Linux 6.4. Its reader is a client, whose O_NONBLOCK nobody else can clear.
    [[maybe_unused]] const ssize_t size = ::read(fd_.get(), rings, sizeof rings);
  }
}

WaitEnd Doorbell::sleep(int other_fd, Time deadline) const {
  pollfd fds[2] = {{fd_.get(), POLLIN, 0}, {other_fd, POLLIN, 0}};
  timespec left{};
  timespec* timeout = nullptr;
  if (deadline != kNoDeadline) {
    const int64_t ns = std::max<int64_t>((deadline - now_boottime()).ns, 0);
    left = {ns / 1'000'000'000, ns % 1'000'000'000};
    timeout = &left;
  }
  const int ready = ::ppoll(fds, other_fd >= 0 ? 2 : 1, timeout, nullptr);
  if (ready == 0) return WaitEnd::kDeadline;
  if (ready < 0) return WaitEnd::kReady;
  if (fds[0].revents & POLLIN) {
    clear();
    return WaitEnd::kReady;
  }
  return fds[1].revents != 0 ? WaitEnd::kOther : WaitEnd::kPeerGone;
}

Result<DaemonBell> make_daemon_bell() {
  DaemonBell bell;
  bell.doorbell = UniqueFd{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!bell.doorbell) return system_error("cannot make an eventfd");
  bell.rope = UniqueFd{::fcntl(bell.doorbell.get(), F_DUPFD_CLOEXEC, 0)};
  if (!bell.rope) return system_error("cannot duplicate an eventfd");
  return bell;
}

Result<ClientBell> make_client_bell() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return system_error("cannot make a pipe");
  ClientBell bell;
  bell.doorbell = UniqueFd{ends[0]};
  bell.rope = UniqueFd{ends[1]};
  bell.kept_doorbell = UniqueFd{::fcntl(ends[0], F_DUPFD_CLOEXEC, 0)};
  if (!bell.kept_doorbell) return system_error("cannot duplicate a pipe");
  return bell;
}

}  // namespace rayd::shm
