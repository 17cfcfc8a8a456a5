// Packets with file descriptors between two processes of one machine, over a SOCK_SEQPACKET pair.
//
// Never blocks: what the kernel does not take now waits in a queue here, and flush() sends it once
// the descriptor is writable, so that two processes which both send cannot deadlock. The queue is
// bounded by its user, who sends replies to requests only. Not for hostile peers of another user.
// One thread at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace rayd {

struct Packet {
  std::vector<uint8_t> bytes;
  std::vector<UniqueFd> fds;  // a sent packet's are closed here once the kernel has them
};

class PacketSocket {
 public:
  static constexpr size_t kMaxBytes = 128 * 1024;
  static constexpr size_t kMaxFds = 64;

  enum class Received : uint8_t { kPacket, kNothing, kClosed };

  PacketSocket() = default;
  /// Makes the descriptor non-blocking.
  explicit PacketSocket(UniqueFd fd);

  int fd() const { return fd_.get(); }
  bool wants_write() const { return !queue_.empty(); }

  /// Precondition: 0 < bytes ≤ kMaxBytes, fds ≤ kMaxFds. To a peer that is gone it does nothing:
  /// receive() says so.
  void send(Packet packet);
  void flush();

  /// kClosed once the peer has gone and everything it sent was read. Packets that are cut are a bug
  /// of the peer and count as kClosed. Received descriptors are close-on-exec.
  Received receive(Packet& packet);

 private:
  enum class Sent : uint8_t { kDone, kLater };
  Sent send_now(const Packet& packet);

  UniqueFd fd_;
  std::deque<Packet> queue_;
  std::unique_ptr<uint8_t[]> buffer_;  // untouched pages cost nothing
};

/// Two connected ends, both close-on-exec.
Result<std::pair<UniqueFd, UniqueFd>> make_packet_pair();

}  // namespace rayd
