// The states of an actor's row as a table (protocols.md P3): what may happen in which state, what
// follows, and what the head does about it. What is not in the table is ignored.
#pragma once

#include <span>
#include <string>

#include "common/types/head_messages.h"

namespace rayd::head {

enum class ActorEvent : uint8_t {
  kUp,           // its node says so, of the row's incarnation
  kRefused,      // its node cannot have it now
  kLost,         // the process or the node died, and a restart is left
  kLostForGood,  // none is left; or ExitActor; or the constructor threw; or no node can have it
  kKilled,       // by Kill; its last handle, job or owner is gone
};

enum class ActorReaction : uint8_t {
  kTell,       // subscribers
  kStartNext,  // the next incarnation on another node, no restart charged
  kRestart,    // the next incarnation, a restart charged, after the back-off
  kEnd,        // the row is final; whoever hosts it is told to end it
};

struct ActorTransition {
  ActorState from;
  ActorEvent event;
  ActorState to;
  ActorReaction reaction;
};

std::span<const ActorTransition> actor_transitions();
/// nullptr: ignore.
const ActorTransition* find_transition(ActorState from, ActorEvent event);

/// The table for README.md; a test keeps the two equal.
std::string actor_transitions_text();

}  // namespace rayd::head
