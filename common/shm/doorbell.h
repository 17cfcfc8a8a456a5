// The descriptors of a bell: a doorbell is what one sleeps on, a bell rope what the peer pulls.
//
// Neither end can be made to block by the other. Towards the daemon it is an eventfd, read with
// RWF_NOWAIT. Towards a client it is a pipe: an eventfd's O_NONBLOCK and counter belong to both
// sides, so a client that clears the flag and fills the counter would stop the daemon in write()
// (shown by tests/unit/common/shm/bell_test.cc). The daemon also keeps the reading end, so that
// a dead client raises no SIGPIPE; a client whose daemon has died sees the pipe hang up.
#pragma once

#include <cstdint>
#include <limits>
#include <utility>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace rayd::shm {

enum class WaitEnd : uint8_t {
  kReady,
  kDeadline,
  kOther,     // the other descriptor is readable
  kPeerGone,  // nobody is left who could ring
};

inline constexpr Time kNoDeadline{std::numeric_limits<int64_t>::max()};

/// Pulls. Never blocks; a rope pulled often enough to fill the kernel's buffer has been heard.
class BellRope {
 public:
  explicit BellRope(UniqueFd fd) : fd_(std::move(fd)) {}
  void ring() const;
  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
};

/// Sleeps.
class Doorbell {
 public:
  explicit Doorbell(UniqueFd fd) : fd_(std::move(fd)) {}

  /// Blocks until the doorbell was rung (and clears it), `other_fd` is readable or `deadline` is
  /// reached. An interrupting signal counts as a ring.
  WaitEnd sleep(int other_fd, Time deadline) const;
  /// Forgets the rings so far. Never blocks. Call it after waking and before arming again.
  void clear() const;
  /// For epoll. Do not read from it; clear().
  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
};

/// Client rings, daemon sleeps: one eventfd, the rope is a duplicate.
struct DaemonBell {
  UniqueFd doorbell;
  UniqueFd rope;
};
Result<DaemonBell> make_daemon_bell();

/// Daemon rings, client sleeps: a pipe.
struct ClientBell {
  UniqueFd doorbell;       // goes to the client
  UniqueFd rope;           // stays with the daemon
  UniqueFd kept_doorbell;  // stays with the daemon, unread
};
Result<ClientBell> make_client_bell();

}  // namespace rayd::shm
