#include "common/net/frame_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <functional>

#include "common/base/random.h"
#include "tests/unit/catch.h"

using namespace rayd;

namespace {

using Stream = std::vector<uint8_t>;

void append_u32(Stream& stream, uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) {
    stream.push_back(static_cast<uint8_t>(value >> shift));
  }
}

/// A message whose segments have these sizes in words, all of its bytes being `fill`.
Stream message(const std::vector<uint32_t>& segments, uint8_t fill) {
  Stream stream;
  append_u32(stream, static_cast<uint32_t>(segments.size() - 1));
  size_t words = 0;
  for (const uint32_t size : segments) {
    append_u32(stream, size);
    words += size;
  }
  if (segments.size() % 2 == 0) append_u32(stream, 0);
  stream.insert(stream.end(), words * 8, fill);
  return stream;
}

Stream operator+(Stream left, const Stream& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

Stream bytes_of(const Frame& frame) {
  const auto bytes = frame.words.asBytes();
  return Stream(bytes.begin(), bytes.end());
}

/// Puts bytes in as reads of this size would; false when the space is smaller.
size_t put(FrameReader& reader, std::span<const uint8_t> bytes, std::vector<UniqueFd> fds = {}) {
  const auto space = reader.space();
  const size_t count = std::min(space.size(), bytes.size());
  std::memcpy(space.data(), bytes.data(), count);
  reader.on_received(count, std::move(fds));
  return count;
}

std::vector<UniqueFd> some_fds(int count) {
  std::vector<UniqueFd> fds;
  for (int i = 0; i < count; ++i) fds.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  return fds;
}

/// All frames that come out when the stream goes in `chunk` bytes at a time.
std::vector<Stream> cut(const Stream& stream, const std::function<size_t()>& chunk) {
  FrameReader reader{FrameLimits{}};
  std::vector<Stream> frames;
  for (size_t at = 0; at < stream.size();) {
    const auto rest = std::span(stream).subspan(at);
    at += put(reader, rest.first(std::min(rest.size(), chunk())));
    for (;;) {
      auto next = reader.next();
      REQUIRE(next.ok());
      if (!*next) break;
      frames.push_back(bytes_of(**next));
    }
  }
  CHECK(reader.between_frames());
  return frames;
}

}  // namespace

TEST_CASE("messages come out whole however their bytes are cut") {
  const std::vector<Stream> messages = {
      message({1}, 1),          message({0}, 2),       message({3, 0, 5}, 3),
      message({2000}, 4),       message({1, 5000}, 5), message({2047}, 6),
      message({2048, 1}, 7),    message({10}, 8),      message(std::vector<uint32_t>(512, 3), 9),
      message({1, 2, 3, 4}, 10)};
  Stream stream;
  for (const Stream& one : messages) stream = stream + one;

  CHECK(cut(stream, [] { return size_t{1}; }) == messages);
  CHECK(cut(stream, [] { return size_t{1'000'000}; }) == messages);
  Random random(7);
  for (int round = 0; round < 50; ++round) {
    const auto most = 1 + random.below(20'000);
    CHECK(cut(stream, [&] { return 1 + random.below(most); }) == messages);
  }
}

TEST_CASE("the stream may end between messages and not inside of one") {
  FrameReader reader{FrameLimits{}};
  CHECK(reader.between_frames());
  const Stream stream = message({1}, 1);
  put(reader, std::span(stream).first(15));
  CHECK(reader.next().ok());
  CHECK_FALSE(reader.between_frames());
  put(reader, std::span(stream).subspan(15));
  CHECK(reader.next()->has_value());
  CHECK(reader.between_frames());

  const Stream large = message({100'000}, 1);
  put(reader, std::span(large).first(1000));
  CHECK_FALSE(reader.next()->has_value());
  CHECK_FALSE(reader.between_frames());
}

TEST_CASE("a message beyond the limits is refused by its first words") {
  FrameLimits limits;
  limits.max_words = 100;
  limits.max_segments = 4;
  const auto first_error = [&](const Stream& stream) {
    FrameReader reader(limits);
    put(reader, stream);
    const auto next = reader.next();
    return next.ok() ? std::string("none") : next.error().message;
  };
  CHECK(first_error(message({100}, 0)) == "none");
  CHECK(first_error(message({1, 1, 1, 97}, 0)) == "none");

  Stream words;
  append_u32(words, 0);
  append_u32(words, 101);
  CHECK(first_error(words) == "a message of 101 words; the limit is 100");
  Stream sum;
  append_u32(sum, 1);
  append_u32(sum, 0xffffffff);
  append_u32(sum, 0xffffffff);
  append_u32(sum, 0);
  CHECK(first_error(sum) == "a message of 8589934590 words; the limit is 100");
  Stream segments;
  append_u32(segments, 4);
  append_u32(segments, 0);
  CHECK(first_error(segments) == "a message of 5 segments; the limit is 4");
  CHECK(first_error(Stream(8, 0xff)) == "a message of 4294967296 segments; the limit is 4");
}

TEST_CASE("descriptors belong to the last message that begins in the bytes they came with") {
  FrameReader reader{FrameLimits{}};
  const Stream first = message({2}, 1);
  const Stream second = message({3}, 2);

  SECTION("which came whole") {
    put(reader, first + second, some_fds(2));
    CHECK((**reader.next()).fds.empty());
    CHECK((**reader.next()).fds.size() == 2);
  }
  SECTION("which came with its first byte alone") {
    const Stream stream = first + second;
    put(reader, std::span(stream).first(first.size() + 1), some_fds(1));
    CHECK((**reader.next()).fds.empty());
    CHECK_FALSE(reader.next()->has_value());
    put(reader, std::span(stream).subspan(first.size() + 1));
    CHECK((**reader.next()).fds.size() == 1);
  }
  SECTION("each time") {
    put(reader, first, some_fds(1));
    put(reader, second, some_fds(2));
    put(reader, first);
    put(reader, second, some_fds(3));
    for (const size_t count : {1, 2, 0, 3}) CHECK((**reader.next()).fds.size() == count);
  }
  SECTION("also when it is a large one") {
    const Stream large = message({50'000}, 3);
    size_t at = put(reader, std::span(large).first(100), some_fds(4));
    while (at < large.size()) {
      CHECK_FALSE(reader.next()->has_value());
      at += put(reader, std::span(large).subspan(at));
    }
    CHECK((**reader.next()).fds.size() == 4);
  }
}

TEST_CASE("descriptors in the middle of a message are refused before the message is there") {
  FrameReader reader{FrameLimits{}};
  const bool is_large = GENERATE(false, true);
  const Stream stream = is_large ? message({50'000}, 3) : message({2, 2}, 1);
  // Behind one byte, behind the table, and inside of the segments.
  const size_t behind = GENERATE(1, 8, 20);
  put(reader, std::span(stream).first(behind));
  CHECK_FALSE(reader.next()->has_value());
  put(reader, std::span(stream).subspan(behind, 1), some_fds(1));
  const auto next = reader.next();
  REQUIRE_FALSE(next.ok());
  CHECK(next.error().code == ErrorCode::kCorrupt);
  CHECK(next.error().message == "descriptors arrived in the middle of a message");
}

TEST_CASE("bytes without sense are refused or waited for, and never read beyond") {
  Random random(11);
  for (int round = 0; round < 2000; ++round) {
    FrameLimits limits;
    limits.max_words = 4096;
    FrameReader reader(limits);
    Stream noise(1 + random.below(3000));
    for (uint8_t& byte : noise) {
      byte = random.below(3) == 0 ? static_cast<uint8_t>(random.next()) : uint8_t{0};
    }
    std::span<const uint8_t> rest(noise);
    bool refused = false;
    while (!rest.empty() && !refused) {
      const size_t chunk = std::min<size_t>(rest.size(), 1 + random.below(700));
      rest = rest.subspan(put(reader, rest.first(chunk)));
      for (auto next = reader.next();; next = reader.next()) {
        refused = !next.ok();
        if (refused || !*next) break;
        CHECK((*next)->words.size() <= 4096 + 257);
      }
    }
  }
}
