// Single-segment Cap'n Proto messages: built in memory that is used again, read where they lie.
// Internal to common/wire: it includes generated code's library.
#pragma once

#include <capnp/message.h>
#include <kj/exception.h>

#include <cstdint>
#include <memory>
#include <string>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/wire/values.h"

namespace rayd::wire {

/// Not thread-safe.
class SegmentBuilder {
 public:
  /// `fill` writes a message, `take` receives its bytes, valid during the call. False: the message
  /// has more than `max_bytes`, and `take` was not called. `fill` may be called twice.
  template <class Root, class Fill, class Take>
  bool build(size_t max_bytes, const Fill& fill, const Take& take) {
    size_t missing = try_build<Root>(max_bytes, fill, take);
    if (missing == 0) return true;
    if (missing > max_bytes / sizeof(capnp::word)) return false;
    reserve(missing);
    missing = try_build<Root>(max_bytes, fill, take);
    if (capacity_words_ > kKeptWords) reserve(kUsualWords);
    return missing == 0;
  }

 private:
  static constexpr size_t kUsualWords = 512;
  static constexpr size_t kKeptWords = 16 * kUsualWords;

  void reserve(size_t words) {
    capacity_words_ = words;
    words_ = std::make_unique<uint64_t[]>(words);
  }

  /// 0, or how many words would have been enough.
  template <class Root, class Fill, class Take>
  size_t try_build(size_t max_bytes, const Fill& fill, const Take& take) {
    if (words_ == nullptr) reserve(kUsualWords);
    // The builder wipes what it used when it goes: the words are always zero between calls.
    capnp::MallocMessageBuilder builder{
        kj::ArrayPtr<capnp::word>{reinterpret_cast<capnp::word*>(words_.get()), capacity_words_},
        capnp::AllocationStrategy::GROW_HEURISTICALLY};
    fill(builder.initRoot<Root>());
    const auto segments = builder.getSegmentsForOutput();
    size_t words = 0;
    for (const auto& segment : segments) words += segment.size();
    if (segments.size() != 1 || words * sizeof(capnp::word) > max_bytes) return words;
    const auto bytes = segments[0].asBytes();
    take(ByteSpan{bytes.begin(), bytes.size()});
    return 0;
  }

  size_t capacity_words_ = 0;
  std::unique_ptr<uint64_t[]> words_;
};

/// Reads one message; whatever is wrong with the bytes is kCorrupt. `bytes` is 8-byte aligned.
template <class Root, class Read>
auto read_single_segment(ByteSpan bytes, const Read& read)
    -> Result<decltype(read(std::declval<typename Root::Reader>()))> {
  if (bytes.empty() || bytes.size() % sizeof(capnp::word) != 0 ||
      reinterpret_cast<uintptr_t>(bytes.data()) % alignof(capnp::word) != 0) {
    return Error{ErrorCode::kCorrupt, "a message of " + std::to_string(bytes.size()) +
                                          " bytes is no run of whole words"};
  }
  const kj::ArrayPtr<const capnp::word> segment{reinterpret_cast<const capnp::word*>(bytes.data()),
                                                bytes.size() / sizeof(capnp::word)};
  const kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> segments{&segment, 1};
  capnp::ReaderOptions options;
  // Every pointer of an honest message is followed once; the slack is for default structs.
  options.traversalLimitInWords = segment.size() * 2 + 64;
  options.nestingLimit = 16;
  return read_guarded([&] {
    capnp::SegmentArrayMessageReader reader{segments, options};
    return read(reader.getRoot<Root>());
  });
}

}  // namespace rayd::wire
