#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "common/base/random.h"
#include "common/shm/arena.h"
#include "common/shm/object_header.h"
#include "common/shm/segment.h"
#include "tests/unit/catch.h"

using namespace rayd;
using namespace rayd::shm;

TEST_CASE("an arena gives aligned pieces that do not overlap, until it is used up") {
  Random random{3};
  for (int round = 0; round < 50; ++round) {
    const Extent extent{random.below(100) * 64, random.below(100'000)};
    Arena arena{extent};
    uint64_t end = extent.offset;
    while (const auto piece = arena.allocate(1 + random.below(5000))) {
      REQUIRE(piece->offset % 64 == 0);
      REQUIRE(piece->offset >= end);
      REQUIRE(piece->end() <= extent.end());
      REQUIRE(piece->offset - end < 64);
      end = piece->end();
    }
    CHECK(arena.remaining() < 5000);
  }
}

TEST_CASE("an arena refuses what does not fit, however large") {
  Arena arena{Extent{0, 1000}};
  CHECK_FALSE(arena.allocate(1001));
  CHECK_FALSE(arena.allocate(~uint64_t{0}));
  CHECK(arena.allocate(1000) == Extent{0, 1000});
  CHECK(arena.remaining() == 0);
  CHECK_FALSE(Arena{}.allocate(1));
}

TEST_CASE("an arena takes back what the last piece did not need") {
  Arena arena{Extent{64, 6400}};
  const auto first = arena.allocate(100);
  const auto second = arena.allocate(5000);
  arena.shrink_last(*second, 10);
  CHECK(arena.allocate(1) == Extent{second->offset + 64, 1});
  const auto last = arena.allocate(arena.remaining());
  arena.shrink_last(*last, 0);
  CHECK(arena.allocate(64)->offset == last->offset);
  CHECK(first->offset == 64);
}

TEST_CASE("an object header comes back as it was written") {
  const ObjectHeader header{
      .kind = 3, .element = 7, .contained_refs = 10'000, .payload_bytes = 136};
  std::array<uint8_t, 200> object{};
  write_object_header(header, std::span{object}.first<kObjectHeaderBytes>());
  const auto read = read_object_header(object);
  REQUIRE(read);
  CHECK(*read == header);
  CHECK(object_payload(object, *read).data() == object.data() + 64);
  CHECK(object_payload(object, *read).size() == 136);
}

TEST_CASE("an object header with any bit changed is refused") {
  std::array<uint8_t, 200> object{};
  write_object_header({.kind = 1, .payload_bytes = 100},
                      std::span{object}.first<kObjectHeaderBytes>());
  for (size_t bit = 0; bit < 8 * kObjectHeaderBytes; ++bit) {
    object[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    const auto read = read_object_header(object);
    REQUIRE_FALSE(read);
    REQUIRE(read.error().code == ErrorCode::kCorrupt);
    object[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
  }
  CHECK(read_object_header(object));
}

TEST_CASE("an object that is longer than its place is refused") {
  std::array<uint8_t, 200> object{};
  for (const uint64_t payload : {uint64_t{137}, ~uint64_t{0}, ~uint64_t{0} - 63}) {
    write_object_header({.payload_bytes = payload}, std::span{object}.first<kObjectHeaderBytes>());
    CHECK_FALSE(read_object_header(object));
  }
  CHECK_FALSE(read_object_header(ByteSpan{object}.first(63)));
  CHECK_FALSE(read_object_header({}));
}

TEST_CASE("what a writer puts into its range a reader sees, and memory comes back by punching") {
  auto segment = Segment::create(1 << 30);
  REQUIRE(segment);
  CHECK(segment->resident_bytes() == 0);
  auto reader_fd = segment->read_only_fd();
  REQUIRE(reader_fd);
  auto reader = map_read_only(reader_fd->get(), segment->size());
  REQUIRE(reader);

  const Extent range{10 << 20, 1 << 20};
  auto writer = map_range_writable(segment->writable_fd(), range);
  REQUIRE(writer);
  std::memset(writer->data(), 7, range.length);
  CHECK(reader->data()[range.offset + 12345] == 7);
  CHECK(segment->resident_bytes() >= range.length);

  REQUIRE(segment->punch(range));
  CHECK(segment->resident_bytes() == 0);
  CHECK(reader->data()[range.offset + 12345] == 0);
  writer->data()[0] = 9;  // the old mapping still writes: why ranges stay with their client
  CHECK(reader->data()[range.offset] == 9);
}

TEST_CASE("a reader's descriptor can neither write nor be mapped writable") {
  auto segment = Segment::create(1 << 21);
  REQUIRE(segment);
  auto fd = segment->read_only_fd();
  REQUIRE(fd);
  CHECK_FALSE(map_range_writable(fd->get(), {0, kPageBytes}));
  CHECK(::write(fd->get(), "x", 1) < 0);
  auto reader = map_read_only(fd->get(), segment->size());
  REQUIRE(reader);
  CHECK(::mprotect(reader->data(), kPageBytes, PROT_READ | PROT_WRITE) != 0);
}

TEST_CASE("a segment cannot be cut short under its readers") {
  auto segment = Segment::create(1 << 21);
  REQUIRE(segment);
  CHECK(::ftruncate(segment->writable_fd(), 0) != 0);
  CHECK(::ftruncate(segment->writable_fd(), 1 << 22) != 0);
  auto fd = segment->read_only_fd();
  REQUIRE(fd);
  const auto longer = map_read_only(fd->get(), segment->size() + 1);
  REQUIRE_FALSE(longer);
  CHECK(longer.error().code == ErrorCode::kCorrupt);
}

TEST_CASE("reserving gives a range its pages and keeps what is there") {
  auto segment = Segment::create(1 << 21);
  REQUIRE(segment);
  auto writer = map_range_writable(segment->writable_fd(), {0, 1 << 20});
  REQUIRE(writer);
  writer->data()[5000] = 5;
  REQUIRE(segment->reserve({0, 1 << 20}));
  CHECK(segment->resident_bytes() >= 1 << 20);
  CHECK(writer->data()[5000] == 5);
}
