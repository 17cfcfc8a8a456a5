// The life of an incarnation: its start, its process, its end.
#include "daemon/node/actor_host.h"

#include <algorithm>

#include "common/base/check.h"
#include "daemon/node/actor_calls.h"
#include "daemon/node/clients.h"
#include "daemon/node/node_core.h"
#include "daemon/node/objects.h"
#include "daemon/node/snapshot.h"
#include "daemon/node/tasks_references.h"
#include "daemon/node/workers.h"

namespace rayd::node {
namespace {

Waiter creation_waiter(ActorId actor) {
  return {Waiter::Who::kActorHost, actor.creation(), Waiter::Need::kHere};
}

}  // namespace

// ---- finding ------------------------------------------------------------------------------------

ActorHost::Instance* ActorHost::find(ActorId actor, uint32_t incarnation) {
  Instance* instance = find(actor);
  return instance != nullptr && instance->incarnation == incarnation ? instance : nullptr;
}

ActorHost::Instance* ActorHost::in_worker(ClientId worker) {
  const auto it = workers_.find(worker);
  return it == workers_.end() ? nullptr : find(it->second);
}

bool ActorHost::is_at_work(ClientId worker) const {
  const auto it = workers_.find(worker);
  const Instance* instance = it == workers_.end() ? nullptr : instances_.find(it->second);
  if (instance == nullptr) return false;
  return instance->phase != Instance::Phase::kUp || !instance->slots.empty() ||
         !instance->queue.empty();
}

ActorId ActorHost::actor_in(ClientId worker) const {
  const auto it = workers_.find(worker);
  return it == workers_.end() ? ActorId{} : it->second;
}

std::string ActorHost::label(const Instance& instance) {
  const CallTemplate& creation = *instance.creation;
  return creation.display_name.empty() ? creation.function.name : creation.display_name;
}

ErrorRef ActorHost::error_about(const Instance& instance, std::string message) const {
  auto error = make_error(ErrorCode::kActorDied, std::move(message));
  error->function = instance.creation->function.name;
  error->actor = instance.actor;
  error->node = parts_.options.node;
  error->attempt = instance.incarnation;
  return error;
}

void ActorHost::drop_all(NodeContext& context, std::vector<ObjectId>& objects) {
  for (const ObjectId object : objects) parts_.objects.drop(context, object);
  objects.clear();
}

// ---- start --------------------------------------------------------------------------------------

void ActorHost::on_start(NodeContext& context, StartActor&& message) {
  parts_.objects.receive(context, kHeadNode, message.transfer);
  const Instance* known = find(message.actor);
  if (known != nullptr && known->incarnation < message.incarnation &&
      known->phase == Instance::Phase::kEnded) {
    instances_.erase(message.actor);  // the head knows that it ended
    known = nullptr;
  }
  if (known != nullptr) {
    drop_all(context, message.transfer.references);
    if (known->incarnation != message.incarnation) return;
    if (known->phase == Instance::Phase::kUp)
      context.out.emplace_back(ToHead{ActorUp{known->actor, known->incarnation}});
    if (known->phase == Instance::Phase::kEnded)
      context.out.emplace_back(
          ToHead{ActorDown{known->actor, known->incarnation, known->end_cause, known->final}});
    return;
  }
  Instance& instance = instances_.create(message.actor);
  instance.actor = message.actor;
  instance.incarnation = message.incarnation;
  instance.creation = std::move(message.creation);
  instance.job = message.job;
  instance.args = std::move(message.args);
  instance.values = std::move(message.values);
  instance.values.resize(instance.args.size());
  instance.held = std::move(message.transfer.references);
  instance.is_frozen = lease_ == Lease::kOver && instance.creation->actor.max_restarts != 0;
  const CallTemplate& creation = *instance.creation;
  if (!parts_.workers.is_feasible(creation.actor.placement_demand) ||
      !parts_.workers.is_feasible(creation.demand))
    return refuse(context, instance, nullptr);
  await_creation(context, instance);
}

void ActorHost::refuse(NodeContext& context, Instance& instance, ErrorRef cause) {
  const ActorId actor = instance.actor;
  context.out.emplace_back(ToHead{
      StartRefused{actor, instance.incarnation, std::move(cause), parts_.workers.view_version()}});
  drop_all(context, instance.held);
  instances_.erase(actor);
}

void ActorHost::await_creation(NodeContext& context, Instance& instance) {
  instance.phase = Instance::Phase::kArguments;
  instance.missing = 0;
  const Waiter waiter = creation_waiter(instance.actor);
  for (const ObjectId reference : references_to_pull(instance.args, instance.values)) {
    const Value* value = parts_.objects.await(context, reference, waiter);
    if (value == nullptr) {
      ++instance.missing;
    } else if (value->kind == Value::Kind::kError) {
      return fail_creation(context, instance, value->error);
    }
  }
  if (instance.missing > 0) return;
  instance.phase = Instance::Phase::kWorker;
  if (instance.worker != ClientId{}) return construct(context, instance);
  parts_.workers.request_for_actor(context, instance.actor, instance.incarnation,
                                   *instance.creation, instance.job);
}

// An argument is lost: no node can make it.
void ActorHost::fail_creation(NodeContext& context, Instance& instance, const ErrorRef& lost) {
  forget_creation_waits(instance);
  ErrorRef cause = error_about(instance, "an argument of its creation is lost: " + lost->message);
  if (instance.worker == ClientId{}) return refuse(context, instance, std::move(cause));
  instance.final = ActorDown::Final::kYes;
  end_process(context, instance, std::move(cause), StopWorker::How::kGraceful);
}

void ActorHost::forget_creation_waits(const Instance& instance) {
  for (const ObjectId reference : references_to_pull(instance.args, instance.values))
    parts_.objects.forget_waiter(reference, creation_waiter(instance.actor));
}

void ActorHost::on_object_ready(NodeContext& context, TaskId task, ObjectId object) {
  if (const auto waiting = waiting_.find(task); waiting != waiting_.end())
    return on_argument_of_call(context, task, object);
  Instance* instance = find(ActorId::of(task));
  if (instance == nullptr || instance->phase != Instance::Phase::kArguments) return;
  const Value* value = parts_.objects.peek(object);
  if (value != nullptr && value->kind == Value::Kind::kError)
    return fail_creation(context, *instance, value->error);
  // Asks again: one that was here may have been lost meanwhile.
  if (instance->missing > 0 && --instance->missing == 0) await_creation(context, *instance);
}

void ActorHost::on_worker(NodeContext& context, ActorId actor, uint32_t incarnation,
                          ClientId worker) {
  Instance* instance = find(actor, incarnation);
  if (instance == nullptr || instance->phase != Instance::Phase::kWorker)
    return parts_.workers.end(context, worker, StopWorker::How::kKill);
  instance->worker = worker;
  workers_[worker] = actor;
  construct(context, *instance);
}

void ActorHost::on_worker_failed(NodeContext& context, ActorId actor, uint32_t incarnation,
                                 ErrorRef cause) {
  Instance* instance = find(actor, incarnation);
  if (instance == nullptr || instance->phase != Instance::Phase::kWorker) return;
  auto error = std::make_shared<ErrorInfo>(*error_about(*instance, cause->message));
  error->code = cause->code;
  refuse(context, *instance, std::move(error));
}

void ActorHost::construct(NodeContext& context, Instance& instance) {
  Run run;
  run.task = instance.actor.creation();
  run.attempt = instance.incarnation;
  run.call = instance.creation;
  run.actor = instance.actor;
  run.incarnation = instance.incarnation;
  run.job = instance.job;
  if (const Worker* worker = parts_.workers.find(instance.worker))
    for (const scheduling::GpuShare& share : worker->gpus) run.gpus.push_back(share.device);
  for (size_t i = 0; i < instance.args.size(); ++i) {
    const Arg& arg = instance.args[i];
    const Value* value = &arg.value;
    if (arg.is_reference())
      value =
          is_inline(instance.values[i]) ? &instance.values[i] : parts_.objects.peek(arg.reference);
    if (value == nullptr || !value->is_here()) return await_creation(context, instance);
    run.args.push_back(*value);
  }
  for (const Value& value : run.args)
    for (const ObjectId object : value.contains)
      parts_.objects.grant(context, instance.worker, object);
  instance.phase = Instance::Phase::kConstructing;
  context.out.emplace_back(ToWorker{instance.worker, std::move(run)});
}

void ActorHost::on_constructed(NodeContext& context, Instance& instance, const ErrorRef& error) {
  drop_all(context, instance.held);
  instance.args.clear();
  instance.values.clear();
  if (error == nullptr) {
    instance.phase = Instance::Phase::kUp;
    context.out.emplace_back(ToHead{ActorUp{instance.actor, instance.incarnation}});
    return push_more(context, instance);
  }
  std::string what = error->remote_type.empty() ? "" : error->remote_type + ": ";
  auto cause = std::make_shared<ErrorInfo>(*error_about(
      instance, "its constructor " + label(instance) + " failed with " + what + error->message));
  cause->remote_type = error->remote_type;
  instance.final = ActorDown::Final::kYes;
  end_process(context, instance, std::move(cause), StopWorker::How::kGraceful);
}

// ---- end ----------------------------------------------------------------------------------------

void ActorHost::end_process(NodeContext& context, Instance& instance, ErrorRef cause,
                            StopWorker::How how) {
  instance.phase = Instance::Phase::kEnding;
  instance.end_cause = std::move(cause);
  parts_.workers.end(context, instance.worker, how);
}

void ActorHost::on_end(NodeContext& context, const EndActor& message) {
  Instance* instance = find(message.actor, message.incarnation);
  if (instance == nullptr || instance->phase == Instance::Phase::kEnded) return;
  ErrorRef cause = message.cause;
  if (cause == nullptr) cause = error_about(*instance, "it was killed");
  if (instance->worker != ClientId{}) {
    if (instance->phase == Instance::Phase::kArguments) forget_creation_waits(*instance);
    return end_process(context, *instance, std::move(cause), StopWorker::How::kKill);
  }
  const bool is_requested = instance->phase == Instance::Phase::kWorker;
  if (!is_requested) forget_creation_waits(*instance);
  instance->phase = Instance::Phase::kEnding;
  drop_all(context, instance->held);
  tell_down(context, *instance, std::move(cause));
  if (is_requested) parts_.workers.withdraw_actor_request(context, message.actor);
}

// Kept until the head has journalled it.
void ActorHost::tell_down(NodeContext& context, Instance& instance, ErrorRef cause) {
  instance.phase = Instance::Phase::kEnded;
  instance.end_cause = std::move(cause);
  context.out.emplace_back(
      ToHead{ActorDown{instance.actor, instance.incarnation, instance.end_cause, instance.final}});
}

void ActorHost::on_worker_died(NodeContext& context, const WorkerDied& message) {
  Instance* instance = in_worker(message.worker);
  if (instance == nullptr) return;
  workers_.erase(message.worker);
  if (instance->phase == Instance::Phase::kArguments) forget_creation_waits(*instance);
  drop_all(context, instance->held);
  drop_all(context, instance->held_by_ended);
  ErrorRef cause = instance->end_cause;
  if (cause == nullptr)
    cause = error_about(*instance, "its process, " + to_string(message.worker) + " on " +
                                       to_string(parts_.options.node) + ", died: " + message.cause);
  // Callers first: what they hear of the head then finds their calls as they are.
  leave_callers(context, *instance, message);
  tell_down(context, *instance, std::move(cause));
  frozen_.erase(message.worker);
}

void ActorHost::leave_callers(NodeContext& context, Instance& instance, const WorkerDied& message) {
  std::vector<TaskId> not_begun;
  std::map<ClientId, uint64_t> first_not_begun;  // by callers of other nodes
  const auto note = [&](TaskId task, NodeId from, ClientId caller, uint64_t n) {
    if (from == parts_.options.node)
      not_begun.push_back(task);
    else
      first_not_begun.try_emplace(caller, n);  // the lowest comes first
  };
  for (Slot& slot : instance.slots) {
    const bool has_begun =
        slot.state == Slot::State::kStarted || has_ended_unheard(message.worker, slot.task) ||
        std::find(message.claimed.begin(), message.claimed.end(),
                  std::pair{slot.task, instance.incarnation}) != message.claimed.end();
    if (!has_begun) note(slot.task, slot.from, slot.caller, slot.n);
    drop_all(context, slot.held);
  }
  for (Queued& queued : instance.queue) {
    note(queued.run.task, queued.from, queued.caller, queued.n);
    drop_all(context, queued.held);
  }
  instance.slots.clear();
  instance.queue.clear();
  for (auto& [client, caller] : instance.callers) {
    for (const Waiting& waiting : caller.line)
      first_not_begun.try_emplace(client, waiting.message.n);
    const auto it = first_not_begun.find(client);
    const uint64_t started = (it == first_not_begun.end() ? caller.next : it->second) - 1;
    tell_stale(context, caller.node, instance.actor, instance.incarnation, client, started);
    drop_caller(context, caller);
  }
  instance.callers.clear();
  parts_.actor_calls.on_own_incarnation_gone(context, instance.actor, instance.incarnation,
                                             not_begun);
}

void ActorHost::on_announce_ack(NodeContext&, const AnnounceAck& message) {
  for (const ActorId actor : message.actors) {
    const Instance* instance = find(actor);
    if (instance != nullptr && instance->phase == Instance::Phase::kEnded) instances_.erase(actor);
  }
}

void ActorHost::reannounce(Announce& announce) const {
  instances_.for_each([&](TaskId, const Instance& instance) {
    Announce::Hosted hosted;
    hosted.actor = instance.actor;
    hosted.incarnation = instance.incarnation;
    switch (instance.phase) {
      case Instance::Phase::kUp:
      case Instance::Phase::kEnding: hosted.phase = Announce::Hosted::Phase::kUp; break;
      case Instance::Phase::kEnded: hosted.phase = Announce::Hosted::Phase::kEnded; break;
      default: hosted.phase = Announce::Hosted::Phase::kStarting;
    }
    hosted.cause = instance.end_cause;
    announce.actors.push_back(std::move(hosted));
  });
}

// ---- what people see ----------------------------------------------------------------------------

void ActorHost::append_to(Snapshot& snapshot) const {
  instances_.for_each([&](TaskId, const Instance& instance) {
    ActorSnapshot shown;
    shown.actor = instance.actor;
    shown.incarnation = instance.incarnation;
    shown.worker = instance.worker;
    shown.class_name = instance.creation->function.name;
    shown.name = instance.creation->actor.name;
    shown.queued_calls = instance.queue.size() + instance.slots.size();
    for (const auto& [client, caller] : instance.callers) shown.queued_calls += caller.line.size();
    if (const auto kept = frozen_.find(instance.worker); kept != frozen_.end())
      shown.held_back = kept->second.size();
    switch (instance.phase) {
      case Instance::Phase::kUp: shown.state = ActorState::kAlive; break;
      case Instance::Phase::kEnding:
      case Instance::Phase::kEnded: shown.state = ActorState::kDead; break;
      default:
        shown.state = instance.incarnation > 1 ? ActorState::kRestarting : ActorState::kPending;
    }
    snapshot.actors.push_back(std::move(shown));
  });
}

}  // namespace rayd::node
