#include "common/wire/fragments.h"

#include <algorithm>

namespace rayd::wire {
namespace {

constexpr uint64_t kMark = 3;
constexpr uint64_t kFirst = 4;
constexpr uint64_t kLast = 8;
constexpr size_t kWord = 8;

}  // namespace

ByteSpan Fragments::next() {
  if (rest_.empty()) return {};
  const bool first = rest_.size() == total_;
  const ByteSpan rest = rest_;
  if (first && total_ <= limit_) {
    rest_ = {};
    return rest;
  }
  const size_t size = std::min(rest.size(), limit_ - kWord);
  const uint64_t head = kMark | (first ? kFirst : 0) | (size == rest.size() ? kLast : 0) |
                        static_cast<uint64_t>(total_) << 32;
  part_.resize(kWord + size);
  std::memcpy(part_.data(), &head, kWord);
  std::memcpy(part_.data() + kWord, rest.data(), size);
  rest_ = rest.subspan(size);
  return part_;
}

Result<ByteSpan> Reassembler::add(ByteSpan piece) {
  uint64_t head = 0;
  if (piece.size() >= kWord) std::memcpy(&head, piece.data(), kWord);
  if ((head & kMark) != kMark) {
    total_ = 0;
    return piece;
  }
  const size_t total = head >> 32;
  const size_t size = piece.size() - kWord;
  if ((head & kFirst) != 0) {
    if (total > kMaxFragmentedBytes || total % kWord != 0) {
      return Error{ErrorCode::kCorrupt,
                   "a message of " + std::to_string(total) + " bytes in parts"};
    }
    total_ = total;
    filled_ = 0;
    words_.resize(total / kWord);
  }
  if (total_ == 0 || total != total_ || size == 0 || size > total_ - filled_) {
    return Error{ErrorCode::kCorrupt, "a part of a message that does not continue one"};
  }
  std::memcpy(reinterpret_cast<uint8_t*>(words_.data()) + filled_, piece.data() + kWord, size);
  filled_ += size;
  if ((head & kLast) == 0) return ByteSpan{};
  if (filled_ != total_) return Error{ErrorCode::kCorrupt, "a message whose parts are too few"};
  total_ = 0;
  return ByteSpan{reinterpret_cast<const uint8_t*>(words_.data()), filled_};
}

}  // namespace rayd::wire
