// Callers of other nodes: their numbers, their calls that wait for arguments, the replies kept.
#include <algorithm>

#include "daemon/node/actor_host.h"
#include "daemon/node/node_core.h"
#include "daemon/node/objects.h"
#include "daemon/node/store_grants.h"
#include "daemon/node/tasks_references.h"

namespace rayd::node {
namespace {

Waiter call_waiter(TaskId task) { return {Waiter::Who::kActorHost, task, Waiter::Need::kHere}; }

}  // namespace

void ActorHost::tell_stale(NodeContext& context, NodeId to, ActorId actor, uint32_t incarnation,
                           ClientId caller, uint64_t started) {
  parts_.core.send(context, to, StaleIncarnation{actor, incarnation, caller, started});
}

ActorHost::Instance* ActorHost::serving(ActorId actor, uint32_t incarnation) {
  Instance* instance = find(actor, incarnation);
  return instance == nullptr || instance->phase == Instance::Phase::kEnded ? nullptr : instance;
}

ActorHost::RemoteCaller* ActorHost::find_caller(Instance& instance, ClientId client) {
  const auto it = instance.callers.find(client);
  return it == instance.callers.end() ? nullptr : &it->second;
}

// ---- messages -----------------------------------------------------------------------------------

void ActorHost::on_peer(NodeContext& context, NodeId from, Attach&& message) {
  Instance* instance = serving(message.actor, message.incarnation);
  // Of the calls below `base` nothing is known here, and those above will be answered one by one.
  if (instance == nullptr) return;
  const auto [it, is_new] = instance->callers.try_emplace(message.caller);
  RemoteCaller& caller = it->second;
  if (is_new) {
    caller.node = from;
    caller.next = message.base;
  } else {
    acknowledge(context, caller, message.base - 1);
  }
}

void ActorHost::on_peer(NodeContext& context, NodeId, Detach&& message) {
  Instance* instance = serving(message.actor, message.incarnation);
  RemoteCaller* caller = instance == nullptr ? nullptr : find_caller(*instance, message.caller);
  if (caller == nullptr) return;
  drop_caller(context, *caller);
  instance->callers.erase(message.caller);
}

void ActorHost::on_peer(NodeContext& context, NodeId from, ActorCall&& message) {
  parts_.objects.receive(context, from, message.transfer);
  Instance* instance = serving(message.actor, message.incarnation);
  RemoteCaller* caller = instance == nullptr ? nullptr : find_caller(*instance, message.caller);
  if (caller == nullptr) {
    // Whatever was before this one, this one has not begun here and never will.
    drop_all(context, message.transfer.references);
    return tell_stale(context, from, message.actor, message.incarnation, message.caller,
                      message.n - 1);
  }
  acknowledge(context, *caller, message.acked);
  if (message.n != caller->next) {
    drop_all(context, message.transfer.references);
    const auto kept = caller->replies.find(message.n);
    if (kept != caller->replies.end())
      return send_reply(context, *instance, *caller, message.caller, message.n, kept->second);
    if (message.n > caller->next)
      context.out.emplace_back(Event{Event::Level::kError, "call_out_of_order",
                                     to_string(message.task) + " has number " +
                                         std::to_string(message.n) + ", not " +
                                         std::to_string(caller->next)});
    return;  // else it is under way, or was acknowledged
  }
  ++caller->next;
  message.values.resize(message.args.size());
  caller->line.push_back(Waiting{std::move(message), 0});
  advance(context, *instance, *caller);
}

void ActorHost::on_peer(NodeContext&, NodeId, SkipCall&& message) {
  Instance* instance = serving(message.actor, message.incarnation);
  RemoteCaller* caller = instance == nullptr ? nullptr : find_caller(*instance, message.caller);
  if (caller != nullptr && caller->next == message.n) ++caller->next;
}

void ActorHost::on_peer(NodeContext& context, NodeId, CancelCall&& message) {
  Instance* instance = serving(message.actor, message.incarnation);
  RemoteCaller* caller = instance == nullptr ? nullptr : find_caller(*instance, message.caller);
  if (caller == nullptr) return;
  for (auto it = caller->line.begin(); it != caller->line.end(); ++it) {
    if (it->message.n != message.n) continue;
    Waiting waiting = std::move(*it);
    caller->line.erase(it);
    forget_waits(waiting);
    reply(context, *instance, message.caller, message.n, waiting.message.task, {},
          make_error(ErrorCode::kCancelled, "it was cancelled"));
    drop_all(context, waiting.message.transfer.references);
    return advance(context, *instance, *caller);
  }
  const auto is_it = [&](const auto& call) {
    return call.caller == message.caller && call.n == message.n;
  };
  for (const Queued& queued : instance->queue)
    if (is_it(queued)) return cancel(context, *instance, queued.run.task, message.recursive);
  for (const Slot& slot : instance->slots)
    if (is_it(slot)) return cancel(context, *instance, slot.task, message.recursive);
}

// ---- arguments ----------------------------------------------------------------------------------

// In the order of the numbers: whoever waits for an argument holds back the later ones.
void ActorHost::advance(NodeContext& context, Instance& instance, RemoteCaller& caller) {
  while (!caller.line.empty() && await_front(context, instance, caller)) {
    Waiting waiting = std::move(caller.line.front());
    caller.line.pop_front();
    ActorCall& message = waiting.message;
    Run run{message.task,         instance.incarnation, std::move(message.call), {}, instance.actor,
            instance.incarnation, message.job};
    run.args.reserve(message.args.size());
    for (size_t i = 0; i < message.args.size(); ++i) {
      if (!message.args[i].is_reference())
        run.args.push_back(std::move(message.args[i].value));
      else if (is_inline(message.values[i]))
        run.args.push_back(std::move(message.values[i]));
      else
        run.args.push_back(*parts_.objects.peek(message.args[i].reference));
    }
    enqueue(context, instance,
            Queued{std::move(run), caller.node, message.caller, message.n,
                   std::move(message.transfer.references)});
  }
}

// True if the arguments of the first in line are here. One whose argument is lost ends.
bool ActorHost::await_front(NodeContext& context, Instance& instance, RemoteCaller& caller) {
  while (!caller.line.empty()) {
    Waiting& front = caller.line.front();
    if (front.missing > 0) return false;
    const TaskId task = front.message.task;
    ErrorRef lost;
    const auto references = references_to_pull(front.message.args, front.message.values);
    for (const ObjectId reference : references) {
      const Value* value = parts_.objects.await(context, reference, call_waiter(task));
      if (value == nullptr)
        ++front.missing;
      else if (value->kind == Value::Kind::kError)
        lost = value->error;
    }
    if (lost == nullptr && front.missing == 0) {
      waiting_.erase(task);
      return true;
    }
    if (lost == nullptr) {
      waiting_[task] = {instance.actor, front.message.caller};
      return false;
    }
    end_front(context, instance, caller, lost);
  }
  return false;
}

void ActorHost::end_front(NodeContext& context, Instance& instance, RemoteCaller& caller,
                          const ErrorRef& error) {
  Waiting waiting = std::move(caller.line.front());
  caller.line.pop_front();
  forget_waits(waiting);
  const ActorCall& message = waiting.message;
  reply(context, instance, message.caller, message.n, message.task, {}, error);
  drop_all(context, waiting.message.transfer.references);
}

void ActorHost::on_argument_of_call(NodeContext& context, TaskId task, ObjectId object) {
  const auto [actor, client] = waiting_.at(task);
  Instance* instance = find(actor);
  RemoteCaller* caller = instance == nullptr ? nullptr : find_caller(*instance, client);
  if (caller == nullptr || caller->line.empty()) return;
  Waiting& front = caller->line.front();
  if (front.message.task != task || front.missing == 0) return;
  const Value* value = parts_.objects.peek(object);
  if (value != nullptr && value->kind == Value::Kind::kError)
    end_front(context, *instance, *caller, value->error);
  else if (--front.missing > 0)
    return;
  advance(context, *instance, *caller);
}

void ActorHost::forget_waits(const Waiting& waiting) {
  const TaskId task = waiting.message.task;
  if (waiting_.erase(task) == 0) return;
  for (const ObjectId reference : references_to_pull(waiting.message.args, waiting.message.values))
    parts_.objects.forget_waiter(reference, call_waiter(task));
}

// ---- replies ------------------------------------------------------------------------------------

// The worker, if it ran there, holds what the results contain.
void ActorHost::reply(NodeContext& context, Instance& instance, ClientId client, uint64_t n,
                      TaskId task, std::vector<Value>&& results, ErrorRef error) {
  RemoteCaller* caller = find_caller(instance, client);
  if (caller == nullptr) {  // its node is dead
    for (const Value& value : results)
      if (value.kind == Value::Kind::kStored) parts_.store.free(context, value.extent);
    return;
  }
  Kept& kept = caller->replies[n];
  kept.task = task;
  kept.error = std::move(error);
  for (uint32_t i = 0; i < results.size(); ++i) {
    Value& value = results[i];
    for (const ObjectId object : value.contains) parts_.objects.hold(context, object);
    if (value.kind != Value::Kind::kStored) continue;
    parts_.objects.keep_result(context, task.object(i + 1), instance.incarnation, value);
    value.extent = {};  // means nothing elsewhere
  }
  kept.results = std::move(results);
  send_reply(context, instance, *caller, client, n, kept);
}

void ActorHost::send_reply(NodeContext& context, const Instance& instance,
                           const RemoteCaller& caller, ClientId client, uint64_t n,
                           const Kept& kept) {
  ActorReply message;
  message.actor = instance.actor;
  message.incarnation = instance.incarnation;
  message.caller = client;
  message.n = n;
  message.task = kept.task;
  message.results = kept.results;
  message.error = kept.error;
  std::vector<ObjectId> contained;
  for (const Value& value : kept.results)
    contained.insert(contained.end(), value.contains.begin(), value.contains.end());
  message.transfer = parts_.objects.attach(context, caller.node, std::move(contained));
  parts_.core.send(context, caller.node, std::move(message));
}

void ActorHost::acknowledge(NodeContext& context, RemoteCaller& caller, uint64_t acked) {
  auto& replies = caller.replies;
  while (!replies.empty() && replies.begin()->first <= acked) {
    drop_reply(context, replies.begin()->second);
    replies.erase(replies.begin());
  }
}

void ActorHost::drop_reply(NodeContext& context, const Kept& kept) {
  for (const Value& value : kept.results)
    for (const ObjectId object : value.contains) parts_.objects.drop(context, object);
}

void ActorHost::drop_caller(NodeContext& context, RemoteCaller& caller) {
  for (Waiting& waiting : caller.line) {
    forget_waits(waiting);
    drop_all(context, waiting.message.transfer.references);
  }
  for (const auto& [n, kept] : caller.replies) drop_reply(context, kept);
  caller.line.clear();
  caller.replies.clear();
}

// Nobody there waits any more. What runs goes on; its results go nowhere.
void ActorHost::on_node_dead(NodeContext& context, NodeId node) {
  std::vector<ActorId> actors;
  instances_.for_each([&](TaskId, const Instance& instance) {
    if (!instance.callers.empty()) actors.push_back(instance.actor);
  });
  for (const ActorId actor : actors) {
    Instance& instance = *find(actor);
    for (auto it = instance.callers.begin(); it != instance.callers.end();) {
      if (it->second.node == node) {
        drop_caller(context, it->second);
        it = instance.callers.erase(it);
      } else {
        ++it;
      }
    }
    for (auto it = instance.queue.begin(); it != instance.queue.end();) {
      if (it->from == node) {
        drop_all(context, it->held);
        it = instance.queue.erase(it);
      } else {
        ++it;
      }
    }
  }
}

}  // namespace rayd::node
