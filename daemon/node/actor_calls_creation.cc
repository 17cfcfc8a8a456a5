// Creations, kills and names: what clients ask, and what the head answers.
#include "common/base/check.h"
#include "daemon/node/actor_calls.h"
#include "daemon/node/call_arguments.h"
#include "daemon/node/clients.h"
#include "daemon/node/objects.h"
#include "daemon/node/tasks.h"
#include "daemon/node/tasks_references.h"

namespace rayd::node {
namespace {

Waiter creation_of(ActorId actor) {
  return {Waiter::Who::kActorCreation, actor.creation(), Waiter::Need::kReady};
}

ErrorRef actor_error(ActorId actor, std::string message) {
  auto error = make_error(ErrorCode::kActorDied, std::move(message));
  error->actor = actor;
  return error;
}

}  // namespace

// ---- creation -----------------------------------------------------------------------------------

void ActorCalls::on_create(NodeContext& context, ClientId client, CreateActor&& message) {
  TemplateRef call = parts_.clients.find_template(client, message.template_id);
  if (call == nullptr)
    return parts_.clients.refuse(context, client, "CreateActor: there is no such template");
  const std::string fault =
      fault_in(client, message.creation, *call, CallTemplate::Kind::kActorCreation, message.args);
  if (!fault.empty()) return parts_.clients.refuse(context, client, "CreateActor: " + fault);
  const ActorId id = ActorId::of(message.creation);
  parts_.objects.create_handle(context, id, client);
  parts_.objects.hold(context, handle_of(id));  // until it is up, or dead
  parts_.tasks.on_call_accepted(client, message.creation);
  Actor& actor = actors_.create(id);
  actor.id = id;
  actor.state = Actor::State::kStarting;
  actor.creation = std::move(call);
  actor.made_here = std::make_unique<Creation>();
  Creation& creation = *actor.made_here;
  creation.client = client;
  creation.job = parts_.clients.job_of(client);
  creation.args = std::move(message.args);
  hold_arguments(context, creation.args, creation.held);
  await_creation(context, actor);
  if (creation.state != Creation::State::kArguments) return;
  const ActorOptions& options = actor.creation->actor;
  if (options.name.empty()) return;
  const std::string& name_space =
      options.name_space.empty() ? actor.creation->name_space : options.name_space;
  naming_.try_emplace({name_space, options.name}, id);
}

void ActorCalls::await_creation(NodeContext& context, Actor& actor) {
  Creation& creation = *actor.made_here;
  creation.missing = 0;
  for (const ObjectId reference : references_to_pull(creation.args, {})) {
    const Value* value = parts_.objects.await(context, reference, creation_of(actor.id));
    if (value == nullptr) {
      ++creation.missing;
    } else if (value->kind == Value::Kind::kError) {
      return abandon(
          context, actor,
          actor_error(actor.id, "an argument of its creation failed: " + value->error->message));
    }
  }
  if (creation.missing == 0) ask_for_creation(context, actor);
}

void ActorCalls::on_creation_argument(NodeContext& context, TaskId task, ObjectId object) {
  Actor* actor = find(ActorId::of(task));
  if (actor == nullptr || actor->made_here == nullptr) return;
  Creation& creation = *actor->made_here;
  if (creation.state != Creation::State::kArguments || creation.missing == 0) return;
  const Value* value = parts_.objects.peek(object);
  if (value != nullptr && value->kind == Value::Kind::kError)
    return abandon(
        context, *actor,
        actor_error(actor->id, "an argument of its creation failed: " + value->error->message));
  // Asks again: one that was ready may have been lost meanwhile.
  if (--creation.missing == 0) await_creation(context, *actor);
}

void ActorCalls::forget_creation_waits(const Actor& actor) {
  for (const ObjectId reference : references_to_pull(actor.made_here->args, {}))
    parts_.objects.forget_waiter(reference, creation_of(actor.id));
}

// The head keeps the arguments; what they name is held here as long as an incarnation may need it.
void ActorCalls::ask_for_creation(NodeContext& context, Actor& actor) {
  Creation& creation = *actor.made_here;
  CreateActorRow row;
  row.operation = next_operation();
  row.actor = actor.id;
  row.creation = actor.creation;
  row.job = creation.job;
  row.owner =
      actor.creation->actor.lifetime == Lifetime::kDetached ? kHeadNode : parts_.options.node;
  row.values = values_for_others(parts_.objects, creation.args);
  row.args = std::move(creation.args);
  row.transfer.references = all_named_by(row.args, row.values);
  creation.args.clear();
  ask(context, std::move(row));
  leave_arguments(context, actor);
  creation.state = Creation::State::kAsked;
}

// It waits for its arguments no longer: whoever looks for its name asks the head now.
void ActorCalls::leave_arguments(NodeContext& context, Actor& actor) {
  Creation& creation = *actor.made_here;
  std::erase_if(naming_, [&](const auto& entry) { return entry.second == actor.id; });
  const auto finders = std::move(creation.finders);
  creation.finders.clear();
  for (const auto& [client, message] : finders) find_by_name(context, client, message);
}

void ActorCalls::abandon(NodeContext& context, Actor& actor, ErrorRef cause) {
  forget_creation_waits(actor);
  ask(context, AbandonActor{next_operation(), actor.id, cause});
  leave_arguments(context, actor);
  die(context, actor, parts_.options.node, std::move(cause));
}

// Up for the first time, or dead.
void ActorCalls::creation_done(NodeContext& context, Actor& actor) {
  if (actor.made_here == nullptr) return;
  Creation& creation = *actor.made_here;
  const bool is_final = actor.state == Actor::State::kDead;
  if (is_final || actor.creation->actor.max_restarts == 0) {
    for (const ObjectId object : creation.held) parts_.objects.drop(context, object);
    creation.held.clear();
  }
  if (creation.state == Creation::State::kDone) return;
  creation.state = Creation::State::kDone;
  parts_.objects.drop(context, handle_of(actor.id));
  parts_.tasks.on_call_ended(context, creation.client);
}

// ---- kill ---------------------------------------------------------------------------------------

void ActorCalls::on_kill(NodeContext& context, ClientId client, const KillActor& message) {
  if (!parts_.objects.client_holds(client, handle_of(message.actor)))
    return parts_.clients.refuse(context, client,
                                 "KillActor: it does not hold " + to_string(message.actor));
  Actor* actor = find(message.actor);
  if (actor != nullptr && actor->state == Actor::State::kDead) return;
  const bool waits = actor != nullptr && actor->made_here != nullptr &&
                     actor->made_here->state == Creation::State::kArguments;
  if (waits) return abandon(context, *actor, actor_error(actor->id, "it was killed"));
  ask(context, KillActorRow{next_operation(), message.actor, message.no_restart, nullptr});
}

// ---- names --------------------------------------------------------------------------------------

void ActorCalls::on_get_actor(NodeContext& context, ClientId client, const GetActor& message) {
  GetActor asked = message;
  if (asked.name_space.empty()) asked.name_space = parts_.clients.name_space_of(client);
  const auto waiting = naming_.find({asked.name_space, asked.name});
  if (waiting != naming_.end()) {
    find(waiting->second)->made_here->finders.push_back({client, std::move(asked)});
  } else {
    find_by_name(context, client, asked);
  }
}

void ActorCalls::find_by_name(NodeContext& context, ClientId client, const GetActor& message) {
  FindActor find;
  find.operation = next_operation();
  find.name = message.name;
  find.name_space = message.name_space;
  find.job = parts_.clients.job_of(client);
  finds_[find.operation.seq] = {client, message.request};
  ask(context, std::move(find));
}

// ---- the head -----------------------------------------------------------------------------------

OperationId ActorCalls::next_operation() {
  return {ClientId{parts_.options.node.value, 0}, ++last_operation_};
}

void ActorCalls::on_operation_reply(NodeContext& context, const OperationReply& reply) {
  if (unanswered_.erase(reply.operation.seq) == 0) return;
  const auto it = finds_.find(reply.operation.seq);
  if (it == finds_.end()) return;
  const Find find = it->second;
  finds_.erase(it);
  if (!parts_.clients.is_connected(find.client)) return;
  ActorFound answer{find.request, reply.actor.actor, reply.actor.creation};
  if (!answer.actor.is_nil()) {
    parts_.objects.grant(context, find.client, handle_of(answer.actor));
    know(context, answer.actor);
    on_actor_changed(context, reply.actor);
  }
  auto& to = std::get<ToClient>(context.out.emplace_back(std::in_place_type<ToClient>));
  to.client = find.client;
  to.message.emplace<ActorFound>(std::move(answer));
}

// A creation that the head has not answered is asked for again; until then there is none to follow.
void ActorCalls::reannounce(Announce& announce) const {
  std::set<ActorId> asked;
  for (const auto& [number, message] : unanswered_)
    if (const auto* row = std::get_if<CreateActorRow>(&message)) asked.insert(row->actor);
  actors_.for_each([&](TaskId, const Actor& actor) {
    const bool is_told =
        actor.state != Actor::State::kDead && !asked.contains(actor.id) &&
        (actor.made_here == nullptr || actor.made_here->state != Creation::State::kArguments);
    if (is_told) announce.subscriptions.push_back(actor.id);
  });
}

void ActorCalls::ask_again(NodeContext& context) const {
  for (const auto& [number, message] : unanswered_) context.out.emplace_back(ToHead{message});
}

}  // namespace rayd::node
