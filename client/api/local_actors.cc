// local_mode's actors: creation, calls in order per caller, restarts, ends.
#include <algorithm>

#include "client/api/local_current.h"
#include "client/api/local_runtime.h"

namespace ray::internal {

ActorPointer LocalRuntime::find_actor(ActorId id) {
  const LocalObject* object = find(id.handle());
  return object == nullptr ? nullptr : object->actor;
}

ErrorInfo LocalRuntime::death_of(const LocalActor& actor, std::string message) const {
  ErrorInfo cause;
  cause.code = ErrorCode::kActorDied;
  cause.message = "the actor is dead: " + std::move(message);
  cause.actor = to_text(actor.id);
  return cause;
}

ActorId LocalRuntime::create_actor(const CallSpec& call) {
  std::vector<LocalArgument> arguments = take_arguments(call.arguments);
  Locked locked(*this);
  check_running();
  check_arguments(arguments);
  const CallTemplate& creation = templates_[call.template_id];
  const ActorOptions& options = creation.actor;
  const std::pair name(options.ray_namespace.value_or(namespace_), options.name);
  const auto named = options.name.empty() ? named_actors_.end() : named_actors_.find(name);
  if (named != named_actors_.end()) {
    if (options.get_if_exists == GetIfExists::kNo)
      throw_error(ErrorCode::kAlreadyExists,
                  "there is an actor named " + options.name + " in namespace " + name.first);
    count_up(named->second->id.handle());
    for (LocalArgument& argument : arguments)
      if (argument.value != nullptr) locked.garbage.values.push_back(std::move(argument.value));
    return named->second->id;
  }
  auto actor = std::make_shared<LocalActor>();
  actor->id = {client_bits_, next_seq_++ << 24};
  actor->creation = &creation;
  actor->name = name;
  const bool detached = options.lifetime.value_or(default_lifetime_) == ActorLifetime::DETACHED;
  if (detached || !options.name.empty()) actor->counted = LocalActor::Counted::kNo;
  actor->restarts_left = options.max_restarts;
  actor->held = demand_of(creation.options, 0);
  actor->arguments = std::move(arguments);
  for (const LocalArgument& argument : actor->arguments) count_up(argument.reference);
  objects_[actor->id.handle()] = {1, nullptr, nullptr, actor, {}, {}};
  if (!options.name.empty()) named_actors_[name] = actor;
  start_creation(locked, actor);
  return actor->id;
}

void LocalRuntime::start_creation(Locked& locked, const ActorPointer& actor) {
  const TaskPointer task = make_task(*actor->creation, actor->arguments);
  task->actor = actor;
  task->incarnation = actor->incarnation;
  task->demand = demand_of(actor->creation->options, 1);
  await_arguments(task);
  if (task->missing == 0) on_arguments_ready(locked, task);
}

void LocalRuntime::on_constructed(Locked& locked, Ran ran) {
  const ActorPointer actor = ran.task->actor;
  ran.task->state = LocalTask::State::kDone;
  for (LocalArgument& argument : ran.task->arguments)
    if (argument.value != nullptr) locked.garbage.values.push_back(std::move(argument.value));
  ran.task->arguments.clear();
  const bool is_current =
      actor->state == LocalActor::State::kStarting && actor->incarnation == ran.task->incarnation;
  if (!is_current) {  // killed while it was being made
    if (ran.instance != nullptr) locked.garbage.instances.push_back(std::move(ran.instance));
    return;
  }
  if (ran.execution.end != Execution::End::kReturned) {
    const ErrorInfo& error = ran.execution.error;
    end_actor(locked, *actor,
              death_of(*actor, "its factory " + error.function + " failed with " +
                                   (error.remote_type.empty() ? "" : error.remote_type + ": ") +
                                   error.message));
    return;
  }
  actor->state = LocalActor::State::kAlive;
  actor->instance = std::move(ran.instance);
  resources_.take(actor->held);
  pump(locked, *actor);
  end_if_unused(locked, *actor);
}

void LocalRuntime::call_actor(ActorId id, const CallSpec& call, std::span<ObjectId> returns) {
  std::vector<LocalArgument> arguments = take_arguments(call.arguments);
  Locked locked(*this);
  check_running();
  check_arguments(arguments);
  const ActorPointer actor = find_actor(id);
  if (actor == nullptr)
    throw_error(ErrorCode::kActorDied, id.is_nil() ? "this ActorHandle names no actor"
                                                   : to_text(id) + " is not known here");
  const TaskPointer task = make_task(templates_[call.template_id], std::move(arguments));
  task->actor = actor;
  for (const LocalArgument& argument : task->arguments) count_up(argument.reference);
  objects_[task->result] = {1, nullptr, task, nullptr, {}, {}};
  returns[0] = task->result;
  if (actor->state == LocalActor::State::kDead) {
    finish(locked, task, error_value(*task, *actor->death));
    return;
  }
  actor->calls[task->caller].push_back(task);
  await_arguments(task);
  if (task->missing == 0) on_arguments_ready(locked, task);
}

void LocalRuntime::pump(Locked& locked, LocalActor& actor) {
  const auto limit = static_cast<size_t>(actor.creation->actor.max_concurrency);
  while (actor.state == LocalActor::State::kAlive && actor.running.size() < limit) {
    std::deque<TaskPointer>* best = nullptr;
    for (auto it = actor.calls.begin(); it != actor.calls.end();) {
      auto& queue = it->second;
      while (!queue.empty() && queue.front()->state == LocalTask::State::kDone) {
        locked.garbage.tasks.push_back(std::move(queue.front()));
        queue.pop_front();
      }
      if (queue.empty()) {
        it = actor.calls.erase(it);
        continue;
      }
      // A call whose arguments are not there holds back the later ones of its caller, only.
      if (queue.front()->missing == 0 &&
          (best == nullptr || queue.front()->seq < best->front()->seq))
        best = &queue;
      ++it;
    }
    if (best == nullptr) return;
    TaskPointer task = std::move(best->front());
    best->pop_front();
    if (best->empty()) actor.calls.erase(task->caller);
    task->incarnation = actor.incarnation;
    actor.running[task->result] = task;
    hand_out(std::move(task));
  }
}

void LocalRuntime::end_if_unused(Locked& locked, LocalActor& actor) {
  if (actor.counted == LocalActor::Counted::kNo || actor.state != LocalActor::State::kAlive) return;
  if (find(actor.id.handle()) != nullptr || !actor.calls.empty() || !actor.running.empty()) return;
  end_actor(locked, actor, death_of(actor, "its last handle is gone"));
}

/// Takes what the actor holds away from it: before it is dead, or made anew.
void LocalRuntime::cut(Locked& locked, LocalActor& actor) {
  if (actor.state == LocalActor::State::kAlive) resources_.give(actor.held);
  if (actor.instance != nullptr) locked.garbage.instances.push_back(std::move(actor.instance));
  actor.instance = nullptr;
}

void LocalRuntime::end_actor(Locked& locked, LocalActor& actor, ErrorInfo cause) {
  if (actor.state == LocalActor::State::kDead) return;
  cut(locked, actor);
  actor.state = LocalActor::State::kDead;
  actor.death = std::make_shared<const ErrorInfo>(std::move(cause));
  const auto named = named_actors_.find(actor.name);
  ActorPointer keep;  // the name may be what keeps the record
  if (named != named_actors_.end() && named->second.get() == &actor) {
    keep = named->second;
    named_actors_.erase(named);
  }
  const auto running = std::move(actor.running);
  const auto calls = std::move(actor.calls);
  actor.running.clear();
  actor.calls.clear();
  for (const auto& [id, task] : running) {
    ErrorInfo error = *actor.death;
    error.may_have_executed = true;
    finish(locked, task, error_value(*task, std::move(error)));
  }
  for (const auto& [caller, queue] : calls)
    for (const TaskPointer& task : queue) finish(locked, task, error_value(*task, *actor.death));
  give_back(locked, actor.arguments);
  LocalObject* handle = find(actor.id.handle());
  if (handle != nullptr && handle->count == 0) {
    if (keep == nullptr) keep = handle->actor;
    objects_.erase(actor.id.handle());
  }
  dispatch();
}

void LocalRuntime::give_back(Locked& locked, std::vector<LocalArgument>& arguments) {
  for (LocalArgument& argument : arguments) {
    if (argument.value != nullptr) locked.garbage.values.push_back(std::move(argument.value));
    count_down(locked, argument.reference);
  }
  arguments.clear();
}

void LocalRuntime::restart_actor(Locked& locked, const ActorPointer& actor) {
  cut(locked, *actor);
  actor->state = LocalActor::State::kStarting;
  ++actor->incarnation;
  if (actor->restarts_left > 0) --actor->restarts_left;
  const auto running = std::move(actor->running);
  actor->running.clear();
  const int32_t limit = actor->creation->actor.max_task_retries;
  // From the newest to the oldest, so that pushing to the front restores the order.
  for (auto it = running.rbegin(); it != running.rend(); ++it) {
    const TaskPointer& task = it->second;
    if (limit < 0 || task->attempt <= static_cast<uint32_t>(limit)) {
      ++task->attempt;
      task->state = LocalTask::State::kWaiting;
      std::erase(work_, task);  // if no thread has begun it: it is handed out again
      actor->calls[task->caller].push_front(task);
      continue;
    }
    ErrorInfo error = death_of(*actor, "it was killed during this call, and is made anew");
    error.may_have_executed = true;
    finish(locked, task, error_value(*task, std::move(error)));
  }
  start_creation(locked, actor);
}

void LocalRuntime::kill(ActorId id, NoRestart no_restart) {
  Locked locked(*this);
  check_running();
  const ActorPointer actor = find_actor(id);
  if (actor == nullptr || actor->state == LocalActor::State::kDead) return;
  if (no_restart == NoRestart::kNo && actor->restarts_left != 0) {
    restart_actor(locked, actor);
  } else {
    end_actor(locked, *actor, death_of(*actor, "it was killed"));
  }
}

std::optional<ActorId> LocalRuntime::get_actor(std::string_view name,
                                               std::optional<std::string_view> ray_namespace) {
  Locked locked(*this);
  check_running();
  const auto it =
      named_actors_.find({std::string(ray_namespace.value_or(namespace_)), std::string(name)});
  if (it == named_actors_.end()) return {};
  count_up(it->second->id.handle());
  return it->second->id;
}

void LocalRuntime::exit_actor() {
  if (current_local_task == nullptr || current_local_task->call->kind != CallKind::kActorCall)
    throw_error(ErrorCode::kInvalidArgument, "ExitActor is for an actor's methods");
}

bool LocalRuntime::was_current_actor_restarted() const {
  return current_local_task != nullptr && current_local_task->incarnation > 1;
}

}  // namespace ray::internal
