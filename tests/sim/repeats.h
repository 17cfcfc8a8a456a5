// Repeats: which messages may be heard twice, and when the second time.
//
// A session between daemons is ordered and exactly-once, because P1 counts on it: what carries
// grants, gives them back or asks for them (Transfer, PeerRelease, Borrow) never comes twice, and
// neither does a result in a store, whose repetition means "discard it". A ring does not repeat
// either. All the rest names an attempt, an incarnation, a version or an operation, or is latest
// wins; whoever hears it twice, or once more when things have moved on, does nothing.
#pragma once

#include "common/types/client_messages.h"
#include "tests/sim/session.h"

namespace rayd::sim {

enum class Repeat : uint8_t {
  kNever,
  kAtOnce,  // at once: it is latest wins, so it means nothing later
  kLate,    // whenever
};

Repeat repeat_of(const LinkMessage& message);
Repeat repeat_of(const ClientMessage& message);

}  // namespace rayd::sim
