// From a call to its end.
#include "daemon/node/actor_calls.h"

#include <algorithm>

#include "common/base/check.h"
#include "daemon/node/actor_host.h"
#include "daemon/node/call_arguments.h"
#include "daemon/node/clients.h"
#include "daemon/node/node_core.h"
#include "daemon/node/objects.h"
#include "daemon/node/store_grants.h"
#include "daemon/node/tasks.h"
#include "daemon/node/tasks_references.h"

namespace rayd::node {

// ---- a client calls -----------------------------------------------------------------------------

std::string ActorCalls::fault_in(ClientId client, TaskId task, const CallTemplate& call,
                                 CallTemplate::Kind kind, const std::vector<Arg>& args) const {
  if (task.client() != client || task.index() != 0)
    return to_string(task) + " is no call of this client";
  if (call.kind != kind) return "a template of another kind";
  if (!parts_.objects.is_free(task) || calls_.find(task) != nullptr ||
      actors_.find(task) != nullptr)
    return to_string(task) + " where such a call exists";
  return args.empty() ? std::string{} : fault_in_arguments(parts_.objects, client, args);
}

void ActorCalls::on_call(NodeContext& context, ClientId client, CallActor&& message) {
  TemplateRef call = parts_.clients.find_template(client, message.template_id);
  if (call == nullptr)
    return parts_.clients.refuse(context, client, "CallActor: there is no such template");
  const TaskId task = message.task;
  std::string fault = fault_in(client, task, *call, CallTemplate::Kind::kActorCall, message.args);
  if (fault.empty() && !parts_.objects.client_holds(client, handle_of(message.actor)))
    fault = to_string(message.actor) + ", which it does not hold";
  if (!fault.empty()) return parts_.clients.refuse(context, client, "CallActor: " + fault);
  for (uint32_t i = 1; i <= call->return_count; ++i)
    parts_.objects.create(context, task.object(i), client);
  parts_.tasks.on_call_accepted(client, task);
  Actor& actor = know(context, message.actor);
  Caller& caller = caller_of(actor, client);
  Call& record = calls_.create(task);
  record.id = task;
  record.call = std::move(call);
  record.caller = &caller;
  record.job = parts_.clients.job_of(client);
  record.args = std::move(message.args);
  hold_arguments(context, record.args, record.held);
  if (caller.calls.empty()) parts_.objects.hold(context, handle_of(actor.id));
  caller.calls.push_back(&record);
  if (actor.state == Actor::State::kDead)
    return finish_with_error(context, record, death_error(actor, record));
  record.cancel = parts_.tasks.cancelled(client);
  if (record.cancel) return finish_with_error(context, record, cancelled_error(record));
  if (await_arguments(context, record, Waiter::Need::kReady) == Awaited::kEnded) return;
  pump(context, actor, caller);
}

ActorCalls::Caller& ActorCalls::caller_of(Actor& actor, ClientId client) {
  if (actor.last_caller != nullptr && actor.last_caller->client == client)
    return *actor.last_caller;
  const auto [it, is_new] = actor.callers.try_emplace(client);
  Caller& caller = it->second;
  if (is_new) {
    caller.actor = &actor;
    caller.client = client;
    called_by_[client].insert(actor.id);
  }
  actor.last_caller = &caller;
  return caller;
}

// One hold for each occurrence, until the call ends.
void ActorCalls::hold_arguments(NodeContext& context, const std::vector<Arg>& args,
                                std::vector<ObjectId>& held) {
  if (args.empty()) return;
  held = all_named_by(args);
  for (const ObjectId object : held) parts_.objects.hold(context, object);
}

// ---- arguments ----------------------------------------------------------------------------------

ActorCalls::Awaited ActorCalls::await_arguments(NodeContext& context, Call& call,
                                                Waiter::Need need) {
  call.missing = 0;
  if (!has_references(call.args)) return Awaited::kReady;
  for (const ObjectId reference : references_to_pull(call.args, {})) {
    const Value* value =
        parts_.objects.await(context, reference, {Waiter::Who::kActorCall, call.id, need});
    if (value == nullptr) {
      ++call.missing;
    } else if (value->kind == Value::Kind::kError) {
      const ErrorRef lost = value->error;
      forget_waits(call);
      finish_with_error(context, call, lost);
      return Awaited::kEnded;
    }
  }
  return call.missing == 0 ? Awaited::kReady : Awaited::kWaits;
}

void ActorCalls::forget_waits(const Call& call) {
  if (!has_references(call.args)) return;
  for (const ObjectId reference : references_to_pull(call.args, {}))
    for (const Waiter::Need need : {Waiter::Need::kReady, Waiter::Need::kHere})
      parts_.objects.forget_waiter(reference, {Waiter::Who::kActorCall, call.id, need});
}

void ActorCalls::on_object_ready(NodeContext& context, TaskId task, ObjectId object) {
  Call* call = calls_.find(task);
  if (call == nullptr) return on_creation_argument(context, task, object);
  if (call->missing == 0) return;
  const Value* value = parts_.objects.peek(object);
  Caller& caller = *call->caller;
  Actor& actor = *caller.actor;
  if (value != nullptr && value->kind == Value::Kind::kError) {
    const ErrorRef lost = value->error;
    forget_waits(*call);
    finish_with_error(context, *call, lost);
    return pump(context, actor);
  }
  if (--call->missing == 0) pump(context, actor, caller);
}

// ---- sending ------------------------------------------------------------------------------------

void ActorCalls::pump(NodeContext& context, Actor& actor) {
  for (auto it = actor.callers.begin(); it != actor.callers.end();) {
    Caller& caller = (it++)->second;  // its record may go meanwhile
    pump(context, actor, caller);
  }
}

// In order: one that waits for its arguments holds back the later ones.
void ActorCalls::pump(NodeContext& context, Actor& actor, Caller& caller) {
  while (actor.state == Actor::State::kAlive && caller.sent < caller.calls.size()) {
    Call& call = *caller.calls[caller.sent];
    if (call.missing > 0) return;
    const bool is_own = is_own_node(actor.node);
    const bool is_last = caller.calls.size() == 1;
    switch (await_arguments(context, call, is_own ? Waiter::Need::kHere : Waiter::Need::kReady)) {
      case Awaited::kWaits: return;
      case Awaited::kEnded:
        if (is_last) return;  // the caller's record may be gone
        continue;
      case Awaited::kReady: break;
    }
    if (call.n == 0) call.n = ++caller.last_n;
    call.may_have_begun = true;
    ++caller.sent;
    if (is_own) {
      send_own(context, actor, call);
    } else {
      send_remote(context, actor, caller, call);
    }
  }
}

// The last sending may move the arguments away: an actor that is not restarted gets them once.
void ActorCalls::send_own(NodeContext& context, Actor& actor, Call& call) {
  const bool is_last = actor.creation->actor.max_restarts == 0;
  Run run{call.id, actor.incarnation, call.call, {}, actor.id, actor.incarnation, call.job};
  run.args.reserve(call.args.size());
  for (Arg& arg : call.args) {
    if (arg.is_reference())
      run.args.push_back(*parts_.objects.peek(arg.reference));
    else if (is_last)
      run.args.push_back(std::move(arg.value));
    else
      run.args.push_back(arg.value);
  }
  if (is_last) call.args.clear();
  if (parts_.actor_host.run_own(context, actor.id, std::move(run)) == ActorHost::Taken::kYes)
    return;
  // What became of the incarnation is on its way from the head.
  on_own_incarnation_gone(context, actor.id, actor.incarnation, {call.id});
}

void ActorCalls::send_remote(NodeContext& context, Actor& actor, Caller& caller, Call& call) {
  const NodeId node = actor.node;
  const Call& first = *caller.calls.front();
  if (caller.next == 0) {
    caller.next = first.n;
    parts_.core.send(context, node,
                     Attach{actor.id, actor.incarnation, caller.client, caller.next});
  }
  for (; caller.next < call.n; ++caller.next)
    parts_.core.send(context, node,
                     SkipCall{actor.id, actor.incarnation, caller.client, caller.next});
  ++caller.next;
  ActorCall message;
  message.actor = actor.id;
  message.incarnation = actor.incarnation;
  message.caller = caller.client;
  message.n = call.n;
  message.acked = first.n - 1;
  message.task = call.id;
  message.job = call.job;
  message.call = call.call;
  message.args = call.args;
  message.values = values_for_others(parts_.objects, call.args);
  if (!call.args.empty())
    message.transfer =
        parts_.objects.attach(context, node, all_named_by(message.args, message.values));
  parts_.core.send(context, node, std::move(message));
}

// ---- ends ---------------------------------------------------------------------------------------

void ActorCalls::finish_with_error(NodeContext& context, Call& call, ErrorRef error) {
  finish(context, call,
         std::vector<Value>(call.call->return_count, Value::of_error(std::move(error))));
}

// The record is gone afterwards, and so may be that of its caller.
void ActorCalls::finish(NodeContext& context, Call& call, std::vector<Value>&& results) {
  Caller& caller = *call.caller;
  Actor& actor = *caller.actor;
  const auto it = std::find(caller.calls.begin(), caller.calls.end(), &call);
  RAY_CHECK(it != caller.calls.end());
  if (static_cast<size_t>(it - caller.calls.begin()) < caller.sent) --caller.sent;
  caller.calls.erase(it);
  const TaskId id = call.id;
  const std::vector<ObjectId> held = std::move(call.held);
  calls_.erase(id);
  for (uint32_t i = 0; i < results.size(); ++i)
    parts_.objects.fulfil(context, id.object(i + 1), std::move(results[i]));
  for (const ObjectId object : held) parts_.objects.drop(context, object);
  parts_.tasks.on_call_ended(context, id.client());
  if (!caller.calls.empty()) return;
  parts_.objects.drop(context, handle_of(actor.id));
  if (caller.is_gone) forget_caller(context, actor, caller);
}

// Results that nobody asks for any more; their references are held.
void ActorCalls::discard(NodeContext& context, TaskId task, uint32_t incarnation,
                         const std::vector<Value>& results) {
  for (uint32_t i = 0; i < results.size(); ++i) {
    const Value& value = results[i];
    for (const ObjectId inner : value.contains) parts_.objects.drop(context, inner);
    if (value.kind != Value::Kind::kStored) continue;
    if (value.extent.length > 0) {
      parts_.store.free(context, value.extent);
      continue;
    }
    for (const NodeId node : value.nodes)
      parts_.core.send(context, node, Discard{task.object(i + 1), incarnation});
  }
}

void ActorCalls::on_result(NodeContext& context, Call& call, uint32_t incarnation,
                           std::vector<Value>&& results, const ErrorRef& error) {
  if (error != nullptr && error->may_have_executed == ErrorInfo::MayHaveExecuted::kNo)
    call.may_have_begun = false;
  if (call.cancel != nullptr) {
    discard(context, call.id, incarnation, results);
    return finish_with_error(context, call, cancelled_error(call));
  }
  if (error != nullptr) return finish_with_error(context, call, error);
  results.resize(call.call->return_count);
  finish(context, call, std::move(results));
}

void ActorCalls::on_own_result(NodeContext& context, TaskId task, uint32_t incarnation,
                               std::vector<Value>&& results, const ErrorRef& error) {
  Call* call = calls_.find(task);
  if (call == nullptr || call->caller->actor->incarnation != incarnation)
    return discard(context, task, incarnation, results);
  on_result(context, *call, incarnation, std::move(results), error);
}

void ActorCalls::on_peer(NodeContext& context, NodeId from, ActorReply&& message) {
  parts_.objects.receive(context, from, message.transfer);
  Call* call = calls_.find(message.task);
  Actor* actor = call == nullptr ? nullptr : call->caller->actor;
  const bool is_expected = actor != nullptr && actor->id == message.actor &&
                           actor->incarnation == message.incarnation && actor->node == from &&
                           call->n == message.n && call->may_have_begun;
  if (!is_expected) return discard(context, message.task, message.incarnation, message.results);
  const bool brought_references = !message.transfer.references.empty();
  const ClientId client = call->caller->client;
  const ActorId id = actor->id;
  on_result(context, *call, message.incarnation, std::move(message.results), message.error);
  if (!brought_references) return;
  // Kept replies hold what they contain: not until the next call, which may never come.
  actor = find(id);
  if (actor == nullptr || actor->state != Actor::State::kAlive) return;
  const auto caller = actor->callers.find(client);
  if (caller == actor->callers.end()) return;
  const uint64_t base =
      caller->second.sent > 0 ? caller->second.calls.front()->n : caller->second.next;
  parts_.core.send(context, from, Attach{id, actor->incarnation, client, base});
}

}  // namespace rayd::node
