#include "client/core/line_core.h"

#include <string>

#include "tests/unit/catch.h"

using namespace rayd;
using namespace rayd::client;

namespace {

void push(LineCore& core, std::string_view text) {
  core.push({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}
std::string text_of(const LineCore::Batch& batch) {
  std::string text;
  for (const ByteSpan message : batch.messages) {
    text += std::string{message.begin(), message.end()};
  }
  return text;
}

}  // namespace

TEST_CASE("messages leave in order, one batch at a time") {
  LineCore core;
  push(core, "a");
  push(core, "b");
  const auto batch = core.next_batch();
  REQUIRE(batch);
  CHECK(batch->first == 1);
  CHECK(text_of(*batch) == "ab");
  push(core, "c");
  CHECK_FALSE(core.next_batch());
  CHECK(core.on_taken(2).ok());
  const auto next = core.next_batch();
  REQUIRE(next);
  CHECK(next->first == 3);
  CHECK(text_of(*next) == "c");
  CHECK(core.on_taken(3).ok());
  CHECK(core.is_empty());
}

TEST_CASE("what was under way on a connection that broke comes again, with the same numbers") {
  LineCore core;
  push(core, "a");
  push(core, "b");
  CHECK(core.next_batch());
  core.on_connected();
  const auto again = core.next_batch();
  REQUIRE(again);
  CHECK(again->first == 1);
  CHECK(text_of(*again) == "ab");
}

TEST_CASE("what the daemon does not take waits until answers have come, and comes again") {
  LineCore core;
  push(core, "a");
  push(core, "b");
  CHECK(core.next_batch());
  CHECK(core.on_taken(1).ok());
  CHECK(core.is_held_back());
  CHECK_FALSE(core.next_batch());
  CHECK(core.on_answers(1, 1).ok());
  const auto rest = core.next_batch();
  REQUIRE(rest);
  CHECK(rest->first == 2);
  CHECK(text_of(*rest) == "b");
}

TEST_CASE("a daemon that has taken what was not sent is not believed") {
  LineCore core;
  push(core, "a");
  CHECK(core.next_batch());
  CHECK(core.on_taken(2).error().code == ErrorCode::kCorrupt);
  CHECK(core.on_taken(1).ok());
  CHECK(core.on_taken(0).error().code == ErrorCode::kCorrupt);
}

TEST_CASE("answers count once, however often they come, and none may be missing") {
  LineCore core;
  CHECK(*core.on_answers(1, 3) == 0);
  CHECK(core.received() == 3);
  CHECK(*core.on_answers(2, 4) == 2);
  CHECK(core.received() == 5);
  CHECK(*core.on_answers(1, 2) == 2);
  CHECK(core.received() == 5);
  CHECK(*core.on_answers(6, 0) == 0);
  CHECK(core.on_answers(7, 1).error().code == ErrorCode::kCorrupt);
}

TEST_CASE("who fills the line is told that there is no room, until messages are taken") {
  LineCore core;
  const std::string large(1 << 20, 'x');
  size_t pushed = 0;
  for (; core.has_room(); ++pushed) push(core, large);
  CHECK(pushed * large.size() == LineCore::kMaxKeptBytes);
  CHECK(core.next_batch()->messages.size() == 1);
  CHECK(core.on_taken(1).ok());
  CHECK(core.has_room());
}

TEST_CASE("a large value goes in parts, few at a time, and those that were lost go again") {
  constexpr uint64_t kBytes = Parts::kPartBytes * 5 + 7;
  Parts parts{kBytes};
  for (size_t i = 0; i < Parts::kUnderWay; ++i)
    CHECK(parts.next()->offset == i * Parts::kPartBytes);
  CHECK_FALSE(parts.next());
  parts.on_done(Parts::kPartBytes);
  CHECK(parts.next()->offset == 4 * Parts::kPartBytes);
  parts.on_connected();
  uint64_t bytes = Parts::kPartBytes;
  while (!parts.is_done()) {
    const auto part = parts.next();
    REQUIRE(part);
    CHECK(part->offset != Parts::kPartBytes);
    bytes += part->bytes;
    parts.on_done(part->offset);
  }
  CHECK(bytes == kBytes);
}
