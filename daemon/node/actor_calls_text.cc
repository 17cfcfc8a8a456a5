// What people and the checker see of calls and creations that have not ended.
#include "daemon/node/actor_calls.h"
#include "daemon/node/objects.h"
#include "daemon/node/snapshot.h"
#include "daemon/node/tasks_references.h"

namespace rayd::node {

std::string ActorCalls::label(const Actor& actor) {
  if (actor.creation == nullptr) return to_string(actor.id);
  if (!actor.creation->actor.name.empty()) return actor.creation->actor.name;
  return actor.creation->display_name.empty() ? actor.creation->function.name
                                              : actor.creation->display_name;
}

std::string ActorCalls::pending_reason(const Actor& actor, const Call& call) const {
  if (call.may_have_begun) return {};
  if (call.missing > 0) {
    for (const ObjectId object : references_to_pull(call.args, {}))
      if (const Value* value = parts_.objects.peek(object); value == nullptr || !value->is_here())
        return "waits for argument " + to_string(object);
  }
  if (actor.state == Actor::State::kAlive) return "waits for an earlier call of " + label(actor);
  return "waits for " + label(actor) + " to start";
}

void ActorCalls::append_to(Snapshot& snapshot) const {
  calls_.for_each([&](TaskId id, const Call& call) {
    const Actor& actor = *call.caller->actor;
    TaskSnapshot& shown = snapshot.tasks.emplace_back();
    shown.task = id;
    shown.job = call.job;
    shown.name =
        call.call->display_name.empty() ? call.call->function.name : call.call->display_name;
    shown.attempt = actor.incarnation;
    shown.node = actor.node;
    shown.pending_reason = pending_reason(actor, call);
    if (call.missing > 0)
      shown.phase = TaskPhase::kWaitingForArguments;
    else
      shown.phase = call.may_have_begun ? TaskPhase::kAssigned : TaskPhase::kQueued;
  });
  actors_.for_each([&](TaskId id, const Actor& actor) {
    const Creation* creation = actor.made_here.get();
    if (creation == nullptr || creation->state == Creation::State::kDone) return;
    TaskSnapshot& shown = snapshot.tasks.emplace_back();
    shown.task = id;
    shown.job = creation->job;
    shown.name = label(actor);
    shown.attempt = actor.incarnation;
    if (creation->state == Creation::State::kArguments) {
      shown.phase = TaskPhase::kWaitingForArguments;
      shown.pending_reason = "waits for the arguments of its creation";
      return;
    }
    shown.phase = TaskPhase::kQueued;
    shown.pending_reason = "waits to be placed";
    if (actor.cause != nullptr) {
      shown.pending_reason = actor.cause->message;
      if (actor.cause->code == ErrorCode::kInfeasible)
        shown.infeasible = TaskSnapshot::Infeasible::kYes;
    }
  });
}

}  // namespace rayd::node
