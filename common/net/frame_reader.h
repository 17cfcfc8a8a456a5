// Cuts a stream of bytes into Cap'n Proto messages: bytes and descriptors in, whole frames out, no
// socket in sight. Everything is the peer's word and judged before memory is spent on it.
//
// A frame is a table (number of segments, their sizes in words) and the segments. Descriptors
// arrive beside some bytes. A sender attaches them to the first byte of a message, and the kernel
// ends a read behind the write that carried them, so they belong to the last message that begins
// in the bytes they arrived with; anything else is refused.
#pragma once

#include <capnp/common.h>
#include <kj/array.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace rayd {

struct FrameLimits {
  uint64_t max_words = 8 * 1024 * 1024;  // of one message: 64 MiB
  uint32_t max_segments = 512;
  uint32_t max_fds = 8;  // of one message; at most kMaxFdsPerMessage
};

struct Frame {
  kj::Array<capnp::word> words;  // table and segments, whole
  std::vector<UniqueFd> fds;
};

class FrameReader {
 public:
  explicit FrameReader(const FrameLimits& limits) : limits_(limits) {}

  /// Where the next bytes of the stream are to be put; never empty. Valid until the next call.
  std::span<uint8_t> space();
  /// The first `bytes` of the last space() were filled, and `fds` arrived with them.
  void on_received(size_t bytes, std::vector<UniqueFd> fds);
  /// The next whole frame, nothing while it is incomplete, or kCorrupt: what the peer sends is no
  /// stream of messages within the limits. After an error the reader is of no more use.
  Result<std::optional<Frame>> next();

  /// The stream may end here without cutting a message.
  bool between_frames() const { return large_.size() == 0 && begin_ == end_; }

 private:
  // Bytes of one read that carried descriptors, as offsets in the stream.
  struct Batch {
    uint64_t begin = 0;
    uint64_t end = 0;
    std::vector<UniqueFd> fds;
  };

  Result<uint64_t> measure(std::span<const uint8_t> bytes) const;
  Result<std::vector<UniqueFd>> claim_fds(uint64_t frame_bytes);
  Result<std::optional<Frame>> incomplete() const;
  Result<std::optional<Frame>> finish(kj::Array<capnp::word> words);

  FrameLimits limits_;
  // Small frames are cut out of the buffer; one that does not fit into it gets memory of its own
  // and is read straight into that.
  kj::Array<capnp::word> buffer_;
  size_t begin_ = 0;  // in bytes
  size_t end_ = 0;
  kj::Array<capnp::word> large_;
  size_t large_filled_ = 0;
  std::deque<Batch> batches_;
  uint64_t received_ = 0;  // bytes of the stream so far
  uint64_t consumed_ = 0;  // bytes of the stream that were handed out as frames
};

}  // namespace rayd
