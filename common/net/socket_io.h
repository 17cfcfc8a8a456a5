// One recvmsg and one sendmsg, with descriptors: never blocking, never signalling, retried when
// interrupted.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/base/unique_fd.h"

namespace rayd {

/// What one message may carry at most, whatever the limits say.
inline constexpr uint32_t kMaxFdsPerMessage = 8;

enum class IoOutcome {
  kDone,
  kWouldBlock,
  kEnd,         // the peer has ended its side, or left; receiving only
  kTooManyFds,  // more descriptors than asked for, or than this process may hold; receiving only
  kFailed,      // `error` says why
};

struct Received {
  IoOutcome outcome = IoOutcome::kDone;
  size_t bytes = 0;
  std::vector<UniqueFd> fds;  // close-on-exec
  int error = 0;
};

/// Precondition: space is not empty, max_fds <= kMaxFdsPerMessage.
Received receive(int socket, std::span<uint8_t> space, uint32_t max_fds);

struct Sent {
  IoOutcome outcome = IoOutcome::kDone;
  size_t bytes = 0;
  int error = 0;
};

/// The descriptors go with the first byte, so they are sent if and only if a byte is.
/// Precondition: fds.size() <= kMaxFdsPerMessage; pieces are not empty and at most IOV_MAX.
Sent send(int socket, std::span<const iovec> pieces, std::span<const int> fds);

/// What the kernel keeps of what was sent; 0 when it does not say.
int send_buffer_bytes(int socket);

}  // namespace rayd
