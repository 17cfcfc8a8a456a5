// Calls in the worker's ring: pushed in order, several at once; their ends and cancels.
#include <algorithm>

#include "common/base/check.h"
#include "daemon/node/actor_calls.h"
#include "daemon/node/actor_host.h"
#include "daemon/node/clients.h"
#include "daemon/node/objects.h"
#include "daemon/node/store_grants.h"
#include "daemon/node/tasks.h"
#include "daemon/node/worker_results.h"
#include "daemon/node/workers.h"

namespace rayd::node {
// ---- into the ring ------------------------------------------------------------------------------

size_t ActorHost::depth(const Instance& instance) const {
  const auto at_once = static_cast<size_t>(instance.creation->actor.max_concurrency);
  return std::max<size_t>({1, at_once, parts_.options.pipeline_depth});
}

ActorHost::Taken ActorHost::run_own(NodeContext& context, ActorId actor, Run&& run) {
  Instance* instance = find(actor, run.incarnation);
  if (instance == nullptr || instance->phase == Instance::Phase::kEnded) return Taken::kNo;
  enqueue(context, *instance, Queued{std::move(run), parts_.options.node, {}, 0, {}});
  return Taken::kYes;
}

void ActorHost::enqueue(NodeContext& context, Instance& instance, Queued&& queued) {
  const bool may_run = instance.phase == Instance::Phase::kUp && !instance.is_frozen;
  if (may_run && instance.queue.empty() && instance.slots.size() < depth(instance))
    return push(context, instance, std::move(queued));
  instance.queue.push_back(std::move(queued));
}

void ActorHost::push_more(NodeContext& context, Instance& instance) {
  if (instance.phase != Instance::Phase::kUp || instance.is_frozen) return;
  while (!instance.queue.empty() && instance.slots.size() < depth(instance)) {
    Queued next = std::move(instance.queue.front());
    instance.queue.pop_front();
    push(context, instance, std::move(next));
  }
}

void ActorHost::push(NodeContext& context, Instance& instance, Queued&& queued) {
  Slot& slot = instance.slots.emplace_back();
  slot.task = queued.run.task;
  slot.call = queued.run.call;
  slot.from = queued.from;
  slot.caller = queued.caller;
  slot.n = queued.n;
  slot.held = std::move(queued.held);
  for (const Value& value : queued.run.args) {
    for (const ObjectId object : value.contains) {
      parts_.objects.grant(context, instance.worker, object);
      slot.granted.push_back(object);
    }
  }
  context.out.emplace_back(ToWorker{instance.worker, std::move(queued.run)});
}

// ---- out of it ----------------------------------------------------------------------------------

void ActorHost::on_done(NodeContext& context, ClientId worker, Done&& message) {
  Instance* instance = in_worker(worker);
  if (instance == nullptr || message.attempt != instance->incarnation) return;
  if (instance->phase == Instance::Phase::kConstructing) {
    if (message.task != instance->actor.creation()) return;
    return on_constructed(context, *instance, message.error);
  }
  const auto it = std::find_if(instance->slots.begin(), instance->slots.end(),
                               [&](const Slot& slot) { return slot.task == message.task; });
  if (it == instance->slots.end()) return;
  std::string fault = fault_in_results(parts_, worker, *it->call, message);
  if (fault.empty()) fault = seal_results(context, parts_, worker, message);
  if (!fault.empty()) {
    // Refused, it is killed, and the call ends with it: it has begun.
    it->state = Slot::State::kStarted;
    return parts_.clients.refuse(context, worker,
                                 "Done of " + to_string(message.task) + " has " + fault);
  }
  Slot slot = std::move(*it);
  instance->slots.erase(it);
  if (message.actor_exits == Done::ActorExits::kYes &&
      instance->phase != Instance::Phase::kEnding) {
    instance->final = ActorDown::Final::kYes;
    end_process(context, *instance, error_about(*instance, "it ended itself (ExitActor)"),
                StopWorker::How::kGraceful);
  }
  if (message.error) message.error = complete_error(*instance, slot, *message.error);
  push_more(context, *instance);
  const ActorId actor = instance->actor;
  answer(context, *instance, std::move(slot), std::move(message.results), std::move(message.error));
  if (const Instance* still = find(actor)) cancel_what_it_submitted(context, *still);
}

ErrorRef ActorHost::complete_error(const Instance& instance, const Slot& slot,
                                   const ErrorInfo& error) const {
  auto complete = std::make_shared<ErrorInfo>(error);
  complete->function = slot.call->function.name;
  complete->task = slot.task;
  complete->actor = instance.actor;
  complete->node = parts_.options.node;
  complete->attempt = instance.incarnation;
  complete->may_have_executed = ErrorInfo::MayHaveExecuted::kYes;
  return complete;
}

ErrorRef ActorHost::not_begun_error(const Instance& instance, const Slot& slot) const {
  auto error = std::make_shared<ErrorInfo>(*complete_error(
      instance, slot, *make_error(ErrorCode::kCancelled, "it was cancelled before it began")));
  error->may_have_executed = ErrorInfo::MayHaveExecuted::kNo;
  return error;
}

// The results are sealed, and the worker holds what they contain.
void ActorHost::answer(NodeContext& context, Instance& instance, Slot&& slot,
                       std::vector<Value>&& results, ErrorRef error) {
  set_location(parts_, results);
  if (slot.from != parts_.options.node) {
    reply(context, instance, slot.caller, slot.n, slot.task, std::move(results), std::move(error));
    drop_all(context, slot.held);
    return;
  }
  for (const Value& value : results)
    for (const ObjectId object : value.contains) parts_.objects.hold(context, object);
  parts_.actor_calls.on_own_result(context, slot.task, instance.incarnation, std::move(results),
                                   error);
}

// ---- cancel -------------------------------------------------------------------------------------

void ActorHost::cancel_own(NodeContext& context, ActorId actor, TaskId task,
                           Cancel::Recursive recursive) {
  if (Instance* instance = find(actor)) cancel(context, *instance, task, recursive);
}

// One that has not begun never will. The cancel word is for one that runs.
void ActorHost::cancel(NodeContext& context, Instance& instance, TaskId task,
                       Cancel::Recursive recursive) {
  for (auto it = instance.queue.begin(); it != instance.queue.end(); ++it) {
    if (it->run.task != task) continue;
    Slot slot;
    slot.task = task;
    slot.call = std::move(it->run.call);
    slot.from = it->from;
    slot.caller = it->caller;
    slot.n = it->n;
    slot.held = std::move(it->held);
    instance.queue.erase(it);
    const ErrorRef error = not_begun_error(instance, slot);
    return answer(context, instance, std::move(slot), {}, error);
  }
  for (Slot& slot : instance.slots) {
    if (slot.task != task) continue;
    slot.cancels_children = std::max(slot.cancels_children, recursive);
    if (slot.state == Slot::State::kStarted) return set_cancel_word(context, instance, slot);
    if (slot.state == Slot::State::kRevoking) return;
    slot.state = Slot::State::kRevoking;
    context.out.emplace_back(RevokeSlot{instance.worker, task, instance.incarnation});
    return;
  }
}

void ActorHost::set_cancel_word(NodeContext& context, const Instance& instance, const Slot& slot) {
  context.out.emplace_back(SetCancelWord{instance.worker, slot.task, instance.incarnation});
  if (&slot == &instance.slots.front()) cancel_what_it_submitted(context, instance);
}

// Of several calls that run at once nobody knows which one submitted what. Of one at a time it is
// the first, until its Done has come, though a later slot may have been claimed already.
void ActorHost::cancel_what_it_submitted(NodeContext& context, const Instance& instance) {
  if (instance.slots.empty() || instance.creation->actor.max_concurrency != 1) return;
  const Slot& slot = instance.slots.front();
  if (slot.state == Slot::State::kStarted && slot.cancels_children == Cancel::Recursive::kYes)
    parts_.tasks.cancel_children(
        context, instance.worker, 0, Cancel::Force::kNo,
        make_error(ErrorCode::kCancelled, "the call that submitted it was cancelled"));
}

bool ActorHost::on_slot_revoked(NodeContext& context, const SlotRevoked& message) {
  Instance* instance = in_worker(message.worker);
  if (instance == nullptr) return false;
  const auto it = std::find_if(instance->slots.begin(), instance->slots.end(),
                               [&](const Slot& slot) { return slot.task == message.task; });
  if (it == instance->slots.end() || it->state != Slot::State::kRevoking) return true;
  if (message.outcome == SlotRevoked::Outcome::kAlreadyStarted) {
    it->state = Slot::State::kStarted;
    set_cancel_word(context, *instance, *it);
    return true;
  }
  Slot slot = std::move(*it);
  instance->slots.erase(it);
  Release unread;  // the worker never reads the Run, nor counts its references
  for (const ObjectId object : slot.granted) unread.objects.push_back({object, 1});
  if (!unread.objects.empty()) parts_.objects.on_release(context, message.worker, unread);
  push_more(context, *instance);
  const ErrorRef error = not_begun_error(*instance, slot);
  const ActorId actor = instance->actor;
  answer(context, *instance, std::move(slot), {}, error);
  if (const Instance* still = find(actor)) cancel_what_it_submitted(context, *still);
  return true;
}

void ActorHost::keep_until_reaped(NodeContext& context, ActorId actor,
                                  std::vector<ObjectId>&& held) {
  Instance* instance = find(actor);
  if (instance == nullptr || instance->worker == ClientId{} ||
      instance->phase == Instance::Phase::kEnded)
    return drop_all(context, held);
  instance->held_by_ended.insert(instance->held_by_ended.end(), held.begin(), held.end());
}

}  // namespace rayd::node
