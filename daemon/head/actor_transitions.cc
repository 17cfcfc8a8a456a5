#include "daemon/head/actor_transitions.h"

namespace rayd::head {
namespace {

using State = ActorState;
using Event = ActorEvent;
using Reaction = ActorReaction;

constexpr ActorTransition kTransitions[] = {
    {State::kPending, Event::kUp, State::kAlive, Reaction::kTell},
    {State::kPending, Event::kRefused, State::kPending, Reaction::kStartNext},
    {State::kPending, Event::kLost, State::kRestarting, Reaction::kRestart},
    {State::kPending, Event::kLostForGood, State::kDead, Reaction::kEnd},
    {State::kPending, Event::kKilled, State::kDead, Reaction::kEnd},
    {State::kAlive, Event::kLost, State::kRestarting, Reaction::kRestart},
    {State::kAlive, Event::kLostForGood, State::kDead, Reaction::kEnd},
    {State::kAlive, Event::kKilled, State::kDead, Reaction::kEnd},
    {State::kRestarting, Event::kUp, State::kAlive, Reaction::kTell},
    {State::kRestarting, Event::kRefused, State::kRestarting, Reaction::kStartNext},
    {State::kRestarting, Event::kLost, State::kRestarting, Reaction::kRestart},
    {State::kRestarting, Event::kLostForGood, State::kDead, Reaction::kEnd},
    {State::kRestarting, Event::kKilled, State::kDead, Reaction::kEnd},
};

const char* name_of(State state) {
  switch (state) {
    case State::kPending: return "PENDING";
    case State::kAlive: return "ALIVE";
    case State::kRestarting: return "RESTARTING";
    case State::kDead: return "DEAD";
  }
  return "";
}

const char* name_of(Event event) {
  switch (event) {
    case Event::kUp: return "up";
    case Event::kRefused: return "refused";
    case Event::kLost: return "lost, a restart is left";
    case Event::kLostForGood: return "lost for good";
    case Event::kKilled: return "killed";
  }
  return "";
}

const char* name_of(Reaction reaction) {
  switch (reaction) {
    case Reaction::kTell: return "tell subscribers";
    case Reaction::kStartNext: return "inc+1, start elsewhere";
    case Reaction::kRestart: return "inc+1, tell, back off, start";
    case Reaction::kEnd: return "tell, end whoever hosts it";
  }
  return "";
}

}  // namespace

std::span<const ActorTransition> actor_transitions() { return kTransitions; }

const ActorTransition* find_transition(ActorState from, ActorEvent event) {
  for (const ActorTransition& transition : kTransitions)
    if (transition.from == from && transition.event == event) return &transition;
  return nullptr;
}

std::string actor_transitions_text() {
  std::string text = "| in | when | then | and |\n|---|---|---|---|\n";
  for (const ActorTransition& transition : kTransitions)
    text += std::string{"| "} + name_of(transition.from) + " | " + name_of(transition.event) +
            " | " + name_of(transition.to) + " | " + name_of(transition.reaction) + " |\n";
  return text;
}

}  // namespace rayd::head
