#include "common/net/frame_reader.h"

#include <algorithm>
#include <cstring>

namespace rayd {
namespace {

constexpr size_t kWordBytes = sizeof(capnp::word);
constexpr char kStrayFds[] = "descriptors arrived in the middle of a message";
constexpr size_t kBufferWords = 2048;  // 16 KiB: about a hundred calls a read, little a connection

uint32_t read_u32(const uint8_t* bytes) {
  return static_cast<uint32_t>(bytes[0]) | static_cast<uint32_t>(bytes[1]) << 8 |
         static_cast<uint32_t>(bytes[2]) << 16 | static_cast<uint32_t>(bytes[3]) << 24;
}

uint8_t* bytes_of(kj::Array<capnp::word>& words) {
  return reinterpret_cast<uint8_t*>(words.begin());
}

Error corrupt(std::string text) { return Error{ErrorCode::kCorrupt, std::move(text)}; }

}  // namespace

std::span<uint8_t> FrameReader::space() {
  if (large_.size() > 0) {
    return {bytes_of(large_) + large_filled_, large_.size() * kWordBytes - large_filled_};
  }
  if (buffer_.size() == 0) buffer_ = kj::heapArray<capnp::word>(kBufferWords);
  const size_t capacity = kBufferWords * kWordBytes;
  if (begin_ == end_) {
    begin_ = end_ = 0;
  } else if (end_ == capacity) {  // next() left less than a frame, so it moves to the front
    std::memmove(bytes_of(buffer_), bytes_of(buffer_) + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  return {bytes_of(buffer_) + end_, capacity - end_};
}

void FrameReader::on_received(size_t bytes, std::vector<UniqueFd> fds) {
  if (large_.size() > 0) {
    RAY_CHECK(bytes <= large_.size() * kWordBytes - large_filled_);
    large_filled_ += bytes;
  } else {
    RAY_CHECK(bytes <= buffer_.size() * kWordBytes - end_);
    end_ += bytes;
  }
  if (!fds.empty()) batches_.push_back(Batch{received_, received_ + bytes, std::move(fds)});
  received_ += bytes;
}

/// The bytes of the whole frame that begins here; 0 while its table is incomplete.
Result<uint64_t> FrameReader::measure(std::span<const uint8_t> bytes) const {
  if (bytes.size() < kWordBytes) return uint64_t{0};
  const uint64_t segments = uint64_t{read_u32(bytes.data())} + 1;
  if (segments > limits_.max_segments) {
    return corrupt("a message of " + std::to_string(segments) + " segments; the limit is " +
                   std::to_string(limits_.max_segments));
  }
  const uint64_t table_bytes = (4 + 4 * segments + 7) & ~uint64_t{7};
  if (bytes.size() < table_bytes) return uint64_t{0};
  uint64_t words = 0;
  for (uint64_t i = 0; i < segments; ++i) words += read_u32(bytes.data() + 4 + 4 * i);
  if (words > limits_.max_words) {
    return corrupt("a message of " + std::to_string(words) + " words; the limit is " +
                   std::to_string(limits_.max_words));
  }
  return table_bytes + words * kWordBytes;
}

Result<std::optional<Frame>> FrameReader::next() {
  if (large_.size() > 0) {
    if (large_filled_ < large_.size() * kWordBytes) return incomplete();
    large_filled_ = 0;
    return finish(kj::mv(large_));
  }
  const std::span<const uint8_t> bytes(bytes_of(buffer_) + begin_, end_ - begin_);
  const Result<uint64_t> measured = measure(bytes);
  if (!measured.ok()) return measured.error();
  if (*measured == 0) return incomplete();
  if (bytes.size() >= *measured) {
    auto words = kj::heapArray<capnp::word>(*measured / kWordBytes);
    std::memcpy(words.begin(), bytes.data(), *measured);
    begin_ += *measured;
    return finish(kj::mv(words));
  }
  if (*measured > kBufferWords * kWordBytes) {
    large_ = kj::heapArray<capnp::word>(*measured / kWordBytes);
    std::memcpy(large_.begin(), bytes.data(), bytes.size());
    large_filled_ = bytes.size();
    begin_ = end_ = 0;
  }
  return incomplete();
}

/// All that arrived since the frame's first byte is inside of it, so descriptors that came behind
/// that byte belong to nothing; they are refused before more of them are taken in.
Result<std::optional<Frame>> FrameReader::incomplete() const {
  for (const Batch& batch : batches_) {
    if (batch.begin > consumed_) return corrupt(kStrayFds);
  }
  return std::optional<Frame>();
}

Result<std::optional<Frame>> FrameReader::finish(kj::Array<capnp::word> words) {
  Result<std::vector<UniqueFd>> fds = claim_fds(words.size() * kWordBytes);
  if (!fds.ok()) return fds.error();
  consumed_ += words.size() * kWordBytes;
  return std::optional<Frame>(Frame{kj::mv(words), std::move(*fds)});
}

Result<std::vector<UniqueFd>> FrameReader::claim_fds(uint64_t frame_bytes) {
  std::vector<UniqueFd> claimed;
  if (batches_.empty()) return claimed;
  Batch& batch = batches_.front();
  const uint64_t frame_end = consumed_ + frame_bytes;
  if (frame_end < batch.end) return claimed;  // a later frame begins in the same bytes
  if (batch.begin > consumed_ || batch.end <= consumed_) {
    return corrupt(kStrayFds);
  }
  claimed = std::move(batch.fds);
  batches_.pop_front();
  return claimed;
}

}  // namespace rayd
