// How much room strangers have, and what the log says of them.
#include "common/net/strangers.h"

#include "tests/unit/catch.h"

using namespace rayd;

namespace {

constexpr StrangerLimits kSmall{8, 4, 2};

StrangerSlots::Slot must_admit(StrangerSlots& slots, const std::string& source) {
  const auto admission = slots.admit(source);
  REQUIRE(admission.slot.has_value());
  return *admission.slot;
}

}  // namespace

TEST_CASE("idle connections from one source push out the oldest of their own") {
  StrangerSlots slots(kSmall);
  const auto first = must_admit(slots, "a");
  for (int i = 0; i < 3; ++i) must_admit(slots, "a");
  const auto fifth = slots.admit("a");
  CHECK(fifth.slot.has_value());
  CHECK(fifth.evicted == first);
  CHECK(slots.in_flight() == 4);
}

TEST_CASE("who talks is never pushed out") {
  StrangerSlots slots(kSmall);
  const auto talks = must_admit(slots, "a");
  slots.on_heard(talks);
  for (int i = 0; i < 1000; ++i) {
    const auto idle = slots.admit("a");
    REQUIRE(idle.slot.has_value());
    CHECK(idle.evicted != talks);
  }
  CHECK(slots.in_flight() == 4);
}

TEST_CASE("a source whose connections all talk gets no more, and others do") {
  StrangerSlots slots(kSmall);
  for (int i = 0; i < 4; ++i) slots.on_heard(must_admit(slots, "a"));
  CHECK_FALSE(slots.admit("a").slot.has_value());
  CHECK(slots.admit("b").slot.has_value());
}

TEST_CASE("what all sources take leaves room for those known") {
  StrangerSlots slots(kSmall);
  slots.know("member");
  for (int i = 0; i < 6; ++i) slots.on_heard(must_admit(slots, "s" + std::to_string(i)));
  CHECK_FALSE(slots.admit("s9").slot.has_value());
  CHECK(slots.admit("member").slot.has_value());
  CHECK(slots.admit("member").slot.has_value());
  const auto third = slots.admit("member");  // there is no more room, and a silent one of its own
  CHECK(third.slot.has_value());
  CHECK(third.evicted.has_value());
  CHECK(slots.in_flight() == 8);
}

TEST_CASE("when all room is taken the busiest source makes some") {
  StrangerSlots slots(kSmall);
  const auto calm = must_admit(slots, "calm");
  const auto busy = must_admit(slots, "busy");
  for (int i = 0; i < 3; ++i) must_admit(slots, "busy");
  must_admit(slots, "other");
  const auto seventh = slots.admit("new");
  CHECK(seventh.slot.has_value());
  CHECK(seventh.evicted == busy);
  CHECK(seventh.evicted != calm);
}

TEST_CASE("a released slot is room") {
  StrangerSlots slots(kSmall);
  std::vector<StrangerSlots::Slot> taken;
  for (int i = 0; i < 4; ++i) {
    taken.push_back(must_admit(slots, "a"));
    slots.on_heard(taken.back());
  }
  slots.release(taken[2]);
  slots.release(taken[2]);
  const auto next = slots.admit("a");
  CHECK(next.slot.has_value());
  CHECK_FALSE(next.evicted.has_value());
}

TEST_CASE("known sources are bounded: the oldest is a stranger again") {
  StrangerSlots slots(kSmall);
  slots.know("first");
  for (size_t i = 1; i < StrangerSlots::kMaxKnown; ++i) slots.know(std::to_string(i));
  for (int i = 0; i < 6; ++i) slots.on_heard(must_admit(slots, "s" + std::to_string(i)));
  slots.release(must_admit(slots, "first"));
  slots.know("one more");
  CHECK_FALSE(slots.admit("first").slot.has_value());
  CHECK(slots.admit("one more").slot.has_value());
}

TEST_CASE("one source has one line a minute, with how often since") {
  TurnedAwayLog log;
  const Time start{5'000'000'000};
  const auto first = log.note(start, "a", "garbage");
  REQUIRE(first.has_value());
  CHECK(first->times == 1);
  for (int i = 0; i < 10; ++i) CHECK_FALSE(log.note(start + Duration::seconds(i), "a", "x"));
  CHECK(log.note(start, "b", "late").has_value());
  const auto later = log.note(start + TurnedAwayLog::kEvery, "a", "late");
  REQUIRE(later.has_value());
  CHECK(later->why == "late");
  CHECK(later->times == 11);
}

TEST_CASE("a thousand sources have lines of their own, and the rest one together") {
  TurnedAwayLog log;
  const Time start{1};
  size_t lines = 0;
  for (size_t i = 0; i < TurnedAwayLog::kMaxSources + 500; ++i) {
    const auto line = log.note(start, std::to_string(i), "garbage");
    lines += line.has_value() ? 1 : 0;
    if (line && i >= TurnedAwayLog::kMaxSources) CHECK(line->source == "others");
  }
  CHECK(lines == TurnedAwayLog::kMaxSources + 1);
  const auto next = log.note(start + TurnedAwayLog::kEvery, "new", "garbage");
  REQUIRE(next.has_value());
  CHECK(next->source == "new");
}
