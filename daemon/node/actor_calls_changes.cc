// What happens to actors, and what becomes of the calls to them.
#include <algorithm>

#include "common/base/check.h"
#include "daemon/node/actor_calls.h"
#include "daemon/node/actor_host.h"
#include "daemon/node/node_core.h"
#include "daemon/node/objects.h"

namespace rayd::node {
// ---- which actors are known ---------------------------------------------------------------------

ActorCalls::Actor& ActorCalls::know(NodeContext& context, ActorId id) {
  if (Actor* known = find(id)) return *known;
  if (actors_.size() >= forget_at_) forget_unused(context);
  Actor& actor = actors_.create(id);
  actor.id = id;
  if (is_own_node(id.node())) {
    // Of its own actors a node forgets only the dead.
    actor.state = Actor::State::kDead;
    actor.cause = make_error(ErrorCode::kCancelled, "it ended before");
  } else {
    context.out.emplace_back(ToHead{Subscribe{id}});
  }
  return actor;
}

// Its record is needed by whoever holds a handle, and of its own actors a node follows all that
// live.
bool ActorCalls::is_used(const Actor& actor) const {
  if (parts_.objects.is_known(handle_of(actor.id))) return true;
  return is_own_node(actor.id.node()) && actor.state != Actor::State::kDead;
}

void ActorCalls::forget_unused(NodeContext& context) {
  std::vector<ActorId> unused;
  actors_.for_each([&](TaskId, const Actor& actor) {
    if (!is_used(actor)) unused.push_back(actor.id);
  });
  for (const ActorId id : unused) forget(context, *find(id));
  forget_at_ = std::max<size_t>(64, 2 * actors_.size());
}

void ActorCalls::forget(NodeContext& context, Actor& actor) {
  const ActorId id = actor.id;
  while (!actor.callers.empty()) forget_caller(context, actor, actor.callers.begin()->second);
  if (!is_own_node(id.node())) context.out.emplace_back(ToHead{Unsubscribe{id}});
  actors_.erase(id);
}

// Precondition: it has no calls.
void ActorCalls::forget_caller(NodeContext& context, Actor& actor, Caller& caller) {
  RAY_CHECK(caller.calls.empty());
  const ClientId client = caller.client;
  if (caller.next != 0 && actor.state == Actor::State::kAlive)
    parts_.core.send(context, actor.node, Detach{actor.id, actor.incarnation, client});
  if (const auto it = called_by_.find(client); it != called_by_.end()) {
    it->second.erase(actor.id);
    if (it->second.empty()) called_by_.erase(it);
  }
  if (actor.last_caller == &caller) actor.last_caller = nullptr;
  actor.callers.erase(client);
}

void ActorCalls::on_client_gone(NodeContext& context, ClientId client) {
  const auto it = called_by_.find(client);
  if (it == called_by_.end()) return;
  const std::set<ActorId> called = it->second;
  for (const ActorId id : called) {
    Actor& actor = *find(id);
    Caller& caller = actor.callers.at(client);
    caller.is_gone = true;
    if (caller.calls.empty()) forget_caller(context, actor, caller);
  }
}

// ---- handles ------------------------------------------------------------------------------------

bool ActorCalls::ends_with_its_handles(const Actor& actor) const {
  const ActorOptions& options = actor.creation->actor;
  return options.name.empty() && options.lifetime != Lifetime::kDetached;
}

void ActorCalls::on_last_handle(NodeContext& context, ActorId id) {
  Actor* actor = find(id);
  if (actor == nullptr) return;
  if (actor->state == Actor::State::kDead) {
    release_row(context, *actor);
    forget(context, *actor);
  } else if (ends_with_its_handles(*actor)) {
    release_row(context, *actor);  // it ends with that
  }
}

// Nobody can name it any more: if it lives it dies, and the head may forget it.
void ActorCalls::release_row(NodeContext& context, Actor& actor) {
  if (std::exchange(actor.is_released, true)) return;
  auto cause = make_error(ErrorCode::kActorDied, "its last handle is gone");
  cause->actor = actor.id;
  ask(context, KillActorRow{next_operation(), actor.id, KillActor::NoRestart::kYes, cause});
}

// ---- what the head says -------------------------------------------------------------------------

void ActorCalls::on_actor_changed(NodeContext& context, const ActorInfo& info) {
  Actor* actor = find(info.actor);
  if (actor == nullptr || actor->state == Actor::State::kDead) return;
  if (info.creation != nullptr) actor->creation = info.creation;
  if (info.state == ActorState::kDead) return die(context, *actor, info.node, info.cause);
  if (info.incarnation < actor->incarnation) return;  // late
  if (info.incarnation > actor->incarnation) {
    actor->state = Actor::State::kStarting;
    leave_incarnation(context, *actor);
    actor->incarnation = info.incarnation;
  }
  if (info.state != ActorState::kAlive) {
    actor->cause = info.cause;
    if (actor->state == Actor::State::kUnknown) actor->state = Actor::State::kStarting;
    return;
  }
  if (actor->state == Actor::State::kAlive || parts_.objects.is_dead(info.node)) return;
  actor->state = Actor::State::kAlive;
  actor->node = info.node;
  actor->cause = nullptr;
  creation_done(context, *actor);
  pump(context, *actor);
}

// Calls that were sent: again to the next incarnation, if they had not begun or may be repeated.
// Their numbers stay; those that end here leave gaps, which are skipped.
void ActorCalls::leave_incarnation(NodeContext& context, Actor& actor) {
  const int32_t allowed = actor.creation == nullptr ? 0 : actor.creation->actor.max_task_retries;
  for (auto it = actor.callers.begin(); it != actor.callers.end();) {
    Caller& caller = (it++)->second;
    const std::vector<Call*> sent(caller.calls.begin(),
                                  caller.calls.begin() + static_cast<ptrdiff_t>(caller.sent));
    caller.sent = 0;
    caller.next = 0;
    for (Call* call : sent) {
      const bool has_begun = std::exchange(call->may_have_begun, false);
      const bool may_repeat = allowed < 0 || call->retries < static_cast<uint32_t>(allowed);
      if (call->cancel != nullptr) {
        finish_with_error(context, *call, cancelled_error(*call));
      } else if (has_begun && !may_repeat) {
        call->may_have_begun = true;
        finish_with_error(
            context, *call,
            call_error(*call, ErrorCode::kActorDied,
                       label(actor) + " ended during this call, which is not repeated "
                                      "(max_task_retries)"));
      } else if (has_begun) {
        ++call->retries;
      }
    }
  }
}

void ActorCalls::die(NodeContext& context, Actor& actor, NodeId node, ErrorRef cause) {
  const bool waits =
      actor.made_here != nullptr && actor.made_here->state == Creation::State::kArguments;
  if (waits) {
    forget_creation_waits(actor);
    leave_arguments(context, actor);
  }
  actor.state = Actor::State::kDead;
  actor.node = node;
  actor.cause = std::move(cause);
  for (auto it = actor.callers.begin(); it != actor.callers.end();) {
    Caller& caller = (it++)->second;
    const std::vector<Call*> calls(caller.calls.begin(), caller.calls.end());
    for (Call* call : calls) {
      forget_waits(*call);
      // The worker may be reading the arguments, until it is reaped.
      if (call->may_have_begun && !call->held.empty())
        parts_.actor_host.keep_until_reaped(context, actor.id, std::exchange(call->held, {}));
      finish_with_error(context, *call,
                        call->cancel ? cancelled_error(*call) : death_error(actor, *call));
    }
  }
  creation_done(context, actor);
  if (!is_own_node(actor.id.node()) || parts_.objects.is_known(handle_of(actor.id))) return;
  release_row(context, actor);
  forget(context, actor);
}

// ---- what its node says -------------------------------------------------------------------------

// Nothing is sent until the head has said what follows.
void ActorCalls::on_own_incarnation_gone(NodeContext&, ActorId id, uint32_t incarnation,
                                         const std::vector<TaskId>& not_begun) {
  for (const TaskId task : not_begun)
    if (Call* call = calls_.find(task)) call->may_have_begun = false;
  Actor* actor = find(id);
  if (actor != nullptr && actor->incarnation == incarnation && actor->state == Actor::State::kAlive)
    actor->state = Actor::State::kStarting;
}

void ActorCalls::on_peer(NodeContext&, NodeId from, StaleIncarnation&& message) {
  Actor* actor = find(message.actor);
  if (actor == nullptr || actor->incarnation != message.incarnation || actor->node != from) return;
  const auto it = actor->callers.find(message.caller);
  if (it == actor->callers.end() || actor->state == Actor::State::kDead) return;
  Caller& caller = it->second;
  for (size_t i = 0; i < caller.sent; ++i)
    if (caller.calls[i]->n > message.started) caller.calls[i]->may_have_begun = false;
  actor->state = Actor::State::kStarting;
}

void ActorCalls::on_node_dead(NodeContext&, NodeId node) {
  std::vector<ActorId> lost;
  actors_.for_each([&](TaskId, const Actor& actor) {
    if (actor.node == node && actor.state == Actor::State::kAlive) lost.push_back(actor.id);
  });
  for (const ActorId id : lost) find(id)->state = Actor::State::kStarting;
}

// ---- cancel -------------------------------------------------------------------------------------

bool ActorCalls::owns(TaskId task) const {
  return calls_.find(task) != nullptr || actors_.find(task) != nullptr;
}

void ActorCalls::on_cancel(NodeContext& context, ClientId, const Cancel& message) {
  static const ErrorRef kAsked = make_error(ErrorCode::kCancelled, "Cancel was called");
  if (Call* call = calls_.find(message.task)) cancel(context, *call, kAsked, message.recursive);
}

void ActorCalls::cancel(NodeContext& context, Call& call, const ErrorRef& cause,
                        Cancel::Recursive recursive) {
  if (call.cancel == nullptr) call.cancel = cause;
  Caller& caller = *call.caller;
  Actor& actor = *caller.actor;
  if (!call.may_have_begun) {
    forget_waits(call);
    finish_with_error(context, call, cancelled_error(call));
    return pump(context, actor);  // it may have held back others
  }
  if (actor.state != Actor::State::kAlive) return;  // it ends with its incarnation
  if (is_own_node(actor.node))
    parts_.actor_host.cancel_own(context, actor.id, call.id, recursive);
  else
    parts_.core.send(context, actor.node,
                     CancelCall{actor.id, actor.incarnation, caller.client, call.n, recursive});
}

void ActorCalls::cancel_children(NodeContext& context, ClientId parent,
                                 const AttemptChildren& children, const ErrorRef& cause) {
  std::vector<TaskId> calls;
  calls_.for_each_of(parent, [&](TaskId id, const Call&) {
    if (children.contains(id.seq())) calls.push_back(id);
  });
  for (const TaskId id : calls)
    if (Call* call = calls_.find(id)) cancel(context, *call, cause, Cancel::Recursive::kYes);
}

void ActorCalls::on_job_ended(NodeContext& context, JobId job) {
  std::vector<TaskId> calls;
  calls_.for_each([&](TaskId id, const Call& call) {
    if (call.job == job) calls.push_back(id);
  });
  const ErrorRef cause = make_error(ErrorCode::kCancelled, to_string(job) + " has ended");
  for (const TaskId id : calls)
    if (Call* call = calls_.find(id)) cancel(context, *call, cause, Cancel::Recursive::kYes);
  std::vector<ActorId> unborn;
  actors_.for_each([&](TaskId, const Actor& actor) {
    const Creation* creation = actor.made_here.get();
    if (creation != nullptr && creation->state == Creation::State::kArguments &&
        creation->job == job)
      unborn.push_back(actor.id);
  });
  for (const ActorId id : unborn) abandon(context, *find(id), cause);
}

// ---- errors -------------------------------------------------------------------------------------

ErrorRef ActorCalls::call_error(const Call& call, ErrorCode code, std::string message) const {
  const Actor& actor = *call.caller->actor;
  auto error = make_error(code, std::move(message));
  error->function = call.call->function.name;
  error->task = call.id;
  error->actor = actor.id;
  error->node = actor.node;
  error->attempt = actor.incarnation;
  if (call.may_have_begun) error->may_have_executed = ErrorInfo::MayHaveExecuted::kYes;
  return error;
}

ErrorRef ActorCalls::death_error(const Actor& actor, const Call& call) const {
  const bool is_taken = actor.cause->code == ErrorCode::kAlreadyExists;
  auto error = std::make_shared<ErrorInfo>(
      *call_error(call, is_taken ? ErrorCode::kAlreadyExists : ErrorCode::kActorDied,
                  label(actor) + " is dead: " + actor.cause->message));
  error->remote_type = actor.cause->remote_type;
  return error;
}

ErrorRef ActorCalls::cancelled_error(const Call& call) const {
  return call_error(call, ErrorCode::kCancelled,
                    call.call->function.name + " (" + to_string(call.id) +
                        ") was cancelled: " + call.cancel->message);
}

}  // namespace rayd::node
