#include "tests/unit/common/shm/interleaving.h"

#include "common/shm/bell.h"
#include "common/shm/ring.h"
#include "common/shm/work_ring.h"
#include "tests/unit/catch.h"

using namespace rayd;
using namespace rayd::shm;
using namespace rayd::shm::interleaving;

namespace {

// The words of the shared memory: two slots of a header and one word of payload, and the rest.
constexpr size_t kTinySlot = 16;
constexpr uint32_t kSlots = 2;
constexpr size_t kCredit = 4;
constexpr size_t kProducerArmed = 5;
constexpr size_t kConsumerArmed = 6;
constexpr size_t kClaims = 7;  // and 8
constexpr size_t kCancel = 9;

constexpr ScheduledBell kProducerBell{0};
constexpr ScheduledBell kConsumerBell{1};

using TinyProducer = BasicRingProducer<ScheduledAtomics, kTinySlot>;
using TinyConsumer = BasicRingConsumer<ScheduledAtomics, kTinySlot>;
using TinySleeper = BasicSleeper<ScheduledAtomics>;
using TinyRinger = BasicRinger<ScheduledAtomics, ScheduledBell>;

uint8_t* slots() { return reinterpret_cast<uint8_t*>(word_at(0)); }
ProducerMemory producer_memory() { return {slots(), kSlots, word_at(kCredit)}; }
ConsumerMemory consumer_memory() { return {slots(), kSlots, word_at(kCredit)}; }

uint64_t digest(const Outcome& outcome) {
  return XXH3_64bits(outcome.data(), outcome.size() * sizeof(uint64_t));
}

/// How the sleepers behave: as bell.h does, or without the second look.
enum class Look { kTwice, kOnce };

template <class Ready>
void sleep_on(TinySleeper& sleeper, ScheduledBell bell, WakeFor wake_for, Ready ready, Look look) {
  const auto checked = [&] { return look == Look::kTwice && ready(); };
  sleep_armed(sleeper, wake_for, checked, [&] {
    bell.sleep();
    return WaitEnd::kReady;
  });
}

struct Message {
  std::array<uint64_t, 2> words;
  size_t count;  // of words
  ByteSpan bytes() const { return {reinterpret_cast<const uint8_t*>(words.data()), 8 * count}; }
};

struct Story {
  std::vector<Message> messages;
  enum class Rings { kEach, kBatch } rings = Rings::kEach;
  Look look = Look::kTwice;
};

/// Sends all messages, sleeping for credit when there is no room.
Program sender(const Story& story) {
  return [story] {
    TinyProducer ring{producer_memory()};
    TinySleeper sleeper{word_at(kProducerArmed)};
    TinyRinger ringer{word_at(kConsumerArmed), kConsumerBell};
    for (const Message& message : story.messages) {
      while (Replay::mark(ring.state(), sleeper.state(), ringer.state(), &message),
             ring.try_push(message.bytes()) == Push::kNoRoom) {
        ringer.ring({.messages = true});
        const auto has_room = [&] { return ring.has_room(message.bytes().size()); };
        sleep_on(sleeper, kProducerBell, WakeFor::kMessagesOrCredit, has_room, story.look);
      }
      if (story.rings == Story::Rings::kEach) ringer.ring({.messages = true});
    }
    ringer.ring({.messages = true});
    return Outcome{};
  };
}

/// Receives as many messages, sleeping when there is none. The outcome is their words, or 99.
Program receiver(const Story& story) {
  return [story] {
    TinyConsumer ring{consumer_memory()};
    TinySleeper sleeper{word_at(kConsumerArmed)};
    TinyRinger ringer{word_at(kProducerArmed), kProducerBell};
    MessageBuffer buffer;
    Outcome outcome;
    size_t received = 0;
    uint64_t rung_credit = 0;
    const auto return_credit = [&] {
      ringer.ring({.credit = ring.credited() != rung_credit});
      rung_credit = ring.credited();
    };
    while (received < story.messages.size()) {
      Replay::mark(ring.state(), sleeper.state(), ringer.state(), received, rung_credit,
                   digest(outcome));
      const Popped popped = ring.try_pop(buffer.span());
      if (popped.state == Pop::kCorrupt) return Outcome{99};
      if (popped.state == Pop::kMessage) {
        for (size_t at = 0; at < popped.bytes.size(); at += 8) {
          uint64_t word = 0;
          std::memcpy(&word, popped.bytes.data() + at, 8);
          outcome.push_back(word);
        }
        ++received;
        continue;
      }
      return_credit();
      const auto ready = [&] { return ring.peek_ready(); };
      sleep_on(sleeper, kConsumerBell, WakeFor::kMessages, ready, story.look);
    }
    return outcome;
  };
}

Explorer explorer_of(const Story& story, Flaw flaw = Flaw::kNone) {
  Outcome expected;
  for (const Message& message : story.messages) {
    expected.insert(expected.end(), message.words.begin(),
                    message.words.begin() + static_cast<ptrdiff_t>(message.count));
  }
  return Explorer{{sender(story), receiver(story)},
                  [expected](const Outcome&, const Outcome& got) { return got == expected; },
                  {},
                  flaw};
}

const std::vector<Message> kThreeShort{{{11, 0}, 1}, {{22, 0}, 1}, {{33, 0}, 1}};
const std::vector<Message> kOneOfTwoSlots{{{11, 0}, 1}, {{22, 23}, 2}, {{33, 0}, 1}};

}  // namespace

TEST_CASE("in no schedule is a message torn or a wake-up lost") {
  for (const auto& messages : {kThreeShort, kOneOfTwoSlots}) {
    for (const auto rings : {Story::Rings::kEach, Story::Rings::kBatch}) {
      const Report report = explorer_of({messages, rings}).explore();
      INFO(report.states << " states");
      CHECK(report.ends > 100);
      CHECK(report.wrong == 0);
      CHECK(report.stuck == 0);
    }
  }
}

namespace {

Report first_failure(const Story& story, Flaw flaw = Flaw::kNone) {
  return explorer_of(story, flaw).explore(Explorer::Until::kFailure);
}

}  // namespace

TEST_CASE("without the ringer's fence a wake-up is lost") {
  CHECK(first_failure({kThreeShort}, Flaw::kNoFenceInFirst).stuck > 0);
}

TEST_CASE("without the sleeper's fence a wake-up is lost") {
  CHECK(first_failure({kThreeShort}, Flaw::kNoFenceInSecond).stuck > 0);
}

TEST_CASE("without the second look a wake-up is lost") {
  CHECK(first_failure({kThreeShort, Story::Rings::kEach, Look::kOnce}).stuck > 0);
}

TEST_CASE("without release or acquire a message is torn") {
  CHECK(first_failure({kThreeShort}, Flaw::kRelaxedStores).wrong > 0);
  CHECK(first_failure({kThreeShort}, Flaw::kRelaxedLoads).wrong > 0);
  CHECK(first_failure({kOneOfTwoSlots}, Flaw::kRelaxedStores).wrong > 0);
}

namespace {

// Work: the daemon pushes 1 and 2, revokes the first, pushes a message that ends the worker into
// the first one's slot, tries the first again, late, and revokes the second.
constexpr uint64_t kEnd = 9;
ClaimMemory claim_memory() { return {word_at(kClaims), word_at(kCancel)}; }
ByteSpan bytes_of(const uint64_t& word) { return {reinterpret_cast<const uint8_t*>(&word), 8}; }

/// The outcome: was the first revoked, was it revoked late, was the second revoked.
Outcome give_and_take_back() {
  BasicWorkProducer<ScheduledAtomics, kTinySlot> work{producer_memory(), claim_memory()};
  TinySleeper sleeper{word_at(kProducerArmed)};
  TinyRinger ringer{word_at(kConsumerArmed), kConsumerBell};
  const auto revoke = [&](uint64_t sequence) -> uint64_t {
    return work.revoke(sequence) == Revoke::kRevoked ? 1 : 0;
  };
  for (const uint64_t task : {1, 2}) RAY_CHECK(work.try_push(bytes_of(task)) == Push::kDone);
  ringer.ring({.messages = true});
  const uint64_t first = revoke(1);
  while (Replay::mark(work.state(), sleeper.state(), ringer.state(), first),
         work.try_push(bytes_of(kEnd)) == Push::kNoRoom) {
    const auto has_room = [&] { return work.has_room(8); };
    sleep_on(sleeper, kProducerBell, WakeFor::kMessagesOrCredit, has_room, Look::kTwice);
  }
  ringer.ring({.messages = true});
  const uint64_t late = revoke(1);
  return {first, late, revoke(2)};
}

/// The outcome: the tasks it ran.
Outcome run_what_is_claimed() {
  BasicWorkConsumer<ScheduledAtomics, kTinySlot> work{consumer_memory(), claim_memory()};
  TinySleeper sleeper{word_at(kConsumerArmed)};
  TinyRinger ringer{word_at(kProducerArmed), kProducerBell};
  MessageBuffer buffer;
  Outcome ran;
  for (uint64_t rung_credit = 0;;) {
    Replay::mark(work.state(), sleeper.state(), ringer.state(), rung_credit, digest(ran));
    const Popped popped = work.try_claim(buffer.span());
    if (popped.state == Pop::kMessage) {
      uint64_t task = 0;
      std::memcpy(&task, popped.bytes.data(), sizeof task);
      if (task == kEnd) return ran;
      ran.push_back(task);
      continue;
    }
    ringer.ring({.credit = work.credited() != rung_credit});
    rung_credit = work.credited();
    const auto ready = [&] { return work.peek_ready(); };
    sleep_on(sleeper, kConsumerBell, WakeFor::kMessages, ready, Look::kTwice);
  }
}

}  // namespace

TEST_CASE("in no schedule is work both run and revoked, or neither") {
  const auto verify = [](const Outcome& revoked, const Outcome& ran) {
    Outcome expected;
    if (revoked[0] == 0) expected.push_back(1);
    if (revoked[2] == 0) expected.push_back(2);
    return revoked[1] == 0 && ran == expected;
  };
  const Report report =
      Explorer{
          {give_and_take_back, run_what_is_claimed}, verify, {kClaims, kClaims + 1}, Flaw::kNone}
          .explore();
  CHECK(report.wrong == 0);
  CHECK(report.stuck == 0);
  CHECK(report.outcomes.size() == 4);  // each of the two was run in some and revoked in others
}
