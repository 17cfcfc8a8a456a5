// What a program asks of its session. Its values are in session_values.cc; sending in
// session_io.cc.
#include "client/runtime/session.h"

#include <algorithm>
#include <cmath>

#include "client/runtime/session_ids.h"
#include "ray/internal/function.h"

namespace rayd::client {

namespace api = ray::internal;

namespace {

Time deadline_after(int64_t timeout_ms) {
  return timeout_ms < 0 ? kNoDeadline : now_boottime() + Duration::millis(timeout_ms);
}

Quantity quantity_of(const std::string& name, double amount) {
  if (!(amount >= 0) || amount > 1e9) {
    api::throw_error(ray::ErrorCode::kInvalidArgument,
                     "resource " + name + " of " + std::to_string(amount) +
                         ": a quantity is a number from 0 to 1e9");
  }
  return static_cast<Quantity>(std::llround(amount * kUnit));
}

}  // namespace

ResourceSet demand_of(const std::map<std::string, double>& resources) {
  ResourceSet demand;
  for (const auto& [name, amount] : resources) {
    if (name == "memory") {
      demand.memory_bytes = static_cast<int64_t>(std::llround(amount));
      continue;
    }
    const Quantity quantity = quantity_of(name, amount);
    if (name == "CPU") {
      demand.cpu = quantity;
    } else if (name == "GPU") {
      demand.gpu = quantity;
    } else {
      ResourceSet one;
      one.custom.emplace_back(name, quantity);
      if (quantity != 0) demand.add(one);
    }
  }
  return demand;
}

// ---- templates --------------------------------------------------------------------------------

CallTemplate Session::translate(const api::CallTemplate& definition) const {
  const api::FunctionInfo& function = api::function_info(*definition.function);
  CallTemplate call;
  call.function = {image_, function.name, function.type};
  call.environment = environment_;
  call.display_name = definition.options.name;
  call.max_retries = definition.options.max_retries;
  call.retry_exceptions = definition.options.retry_exceptions == api::RetryExceptions::kYes
                              ? RetryExceptions::kYes
                              : RetryExceptions::kNo;
  call.placement = placement_of(definition.options.placement);
  const bool defaulted = definition.options.resources.empty();
  call.demand = demand_of(definition.options.resources);
  switch (definition.kind) {
    case api::CallKind::kTask:
      call.kind = CallTemplate::Kind::kTask;
      if (defaulted) call.demand.cpu = kUnit;
      break;
    case api::CallKind::kActorCall:
      call.kind = CallTemplate::Kind::kActorCall;
      call.max_retries = 0;  // the actor's setting rules
      break;
    case api::CallKind::kActorCreation: {
      call.kind = CallTemplate::Kind::kActorCreation;
      const api::ActorOptions& options = definition.actor;
      call.actor.name = options.name;
      call.actor.name_space = options.ray_namespace.value_or("");
      const auto lifetime = options.lifetime.value_or(options_.default_lifetime);
      call.actor.lifetime =
          lifetime == ray::ActorLifetime::DETACHED ? Lifetime::kDetached : Lifetime::kJob;
      call.actor.max_restarts = options.max_restarts;
      call.actor.max_task_retries = options.max_task_retries;
      call.actor.max_concurrency = options.max_concurrency;
      call.actor.get_if_exists = options.get_if_exists == api::GetIfExists::kYes
                                     ? ActorOptions::GetIfExists::kYes
                                     : ActorOptions::GetIfExists::kNo;
      call.actor.placement_demand = call.demand;
      if (defaulted) call.actor.placement_demand.cpu = kUnit;
      break;
    }
  }
  return call;
}

api::TemplateId Session::register_template(const api::CallTemplate& definition) {
  Lock lock{mutex_};
  const auto known = templates_.find(definition);
  if (known != templates_.end()) return known->second;
  const auto id = static_cast<api::TemplateId>(templates_.size());
  core_.outbox().push_back(DefineTemplate{id, translate(definition)});
  send(lock);
  templates_.emplace(definition, id);
  return id;
}

// ---- calls ------------------------------------------------------------------------------------

std::vector<Arg> Session::pack_arguments(Lock& lock, std::span<const api::Argument> arguments,
                                         std::vector<rayd::ObjectId>& temporaries) {
  std::vector<Arg> args(arguments.size());
  for (size_t i = 0; i < arguments.size(); ++i) {
    const api::Argument& argument = arguments[i];
    if (!argument.reference.is_nil()) {
      args[i].reference = id_of(argument.reference);
      continue;
    }
    if (argument.value.bytes.size() <= options_.inline_limit) {
      args[i].value = make_value(lock, argument.value);
      continue;
    }
    // A large argument is a put of its own, which the call refers to.
    temporaries.push_back(put_locked(lock, argument.value));
    args[i].reference = temporaries.back();
  }
  return args;
}

void Session::await_pending_limit(Lock& lock) {
  const auto below = [&] { return submitted_ - finished_tasks() < options_.max_pending_tasks; };
  ++submitted_;
  if (below()) return;
  // The count is a word in memory that nobody rings for, so it is looked at every millisecond.
  const Time deadline = now_boottime() + options_.remote_timeout;
  while (!block_until(lock, below, std::min(deadline, now_boottime() + Duration::millis(1)))) {
    if (now_boottime() < deadline) continue;
    --submitted_;
    api::throw_error(ray::ErrorCode::kPendingCallsLimit,
                     std::to_string(options_.max_pending_tasks) +
                         " calls are unfinished; Get some, or raise max_pending_tasks");
  }
}

TaskId Session::begin_call(Lock& lock, const api::CallSpec& call, std::vector<Arg>& args,
                           std::vector<rayd::ObjectId>& temporaries) {
  await_pending_limit(lock);
  args = pack_arguments(lock, call.arguments, temporaries);
  return core_.mint();
}

void Session::create_returns(TaskId task, std::span<api::ObjectId> returns) {
  for (size_t i = 0; i < returns.size(); ++i) {
    const rayd::ObjectId object = task.object(static_cast<uint32_t>(i + 1));
    core_.created(object);
    returns[i] = id_of(object);
  }
}

void Session::end_call(Lock& lock, const std::vector<rayd::ObjectId>& temporaries) {
  send(lock);
  for (const rayd::ObjectId object : temporaries) core_.drop_handle(object);
}

void Session::submit(const api::CallSpec& call, std::span<api::ObjectId> returns) {
  Lock lock{mutex_};
  std::vector<Arg> args;
  std::vector<rayd::ObjectId> temporaries;
  const TaskId task = begin_call(lock, call, args, temporaries);
  create_returns(task, returns);
  core_.outbox().push_back(Submit{task, call.template_id, std::move(args)});
  end_call(lock, temporaries);
}

void Session::call_actor(api::ActorId actor, const api::CallSpec& call,
                         std::span<api::ObjectId> returns) {
  Lock lock{mutex_};
  std::vector<Arg> args;
  std::vector<rayd::ObjectId> temporaries;
  const TaskId task = begin_call(lock, call, args, temporaries);
  create_returns(task, returns);
  core_.outbox().push_back(CallActor{task, id_of(actor), call.template_id, std::move(args)});
  end_call(lock, temporaries);
}

api::ActorId Session::create_actor(const api::CallSpec& call) {
  const api::CallTemplate* definition = nullptr;
  rayd::ActorId actor;
  {
    Lock lock{mutex_};
    for (const auto& [candidate, id] : templates_) {
      if (id == call.template_id) definition = &candidate;
    }
    RAY_CHECK(definition != nullptr);
    std::vector<Arg> args;
    std::vector<rayd::ObjectId> temporaries;
    const TaskId creation = begin_call(lock, call, args, temporaries);
    core_.created(creation.object(0));
    actor = rayd::ActorId::of(creation);
    core_.outbox().push_back(CreateActor{creation, call.template_id, std::move(args)});
    end_call(lock, temporaries);
  }
  const api::ActorId made{actor.high, actor.low};
  if (definition->actor.get_if_exists == api::GetIfExists::kNo) return made;
  // The head has heard of this creation before the question, so there is an actor of that name:
  // ours, or an older one.
  const auto existing = get_actor(definition->actor.name, definition->actor.ray_namespace);
  if (!existing) return made;
  release_reference(made.handle());
  return *existing;
}

// ---- reading ----------------------------------------------------------------------------------

api::Waited Session::get(std::span<const api::ObjectId> ids, int64_t timeout_ms,
                         std::span<api::FetchedValue> values) {
  constexpr size_t kAtOnce = 1024;  // so many answers may be under way
  const Time deadline = deadline_after(timeout_ms);
  const std::vector<rayd::ObjectId> objects = ids_of(ids);
  Lock lock{mutex_};
  for (size_t begin = 0; begin < objects.size(); begin += kAtOnce) {
    const size_t end = std::min(begin + kAtOnce, objects.size());
    const std::span<const rayd::ObjectId> part{objects.data() + begin, end - begin};
    core_.want(part, Want::Fetch::kYes);
    send(lock);
    for (size_t first = 0; first < part.size(); first += kMaxIdsPerMessage) {
      const auto some = part.subspan(first, std::min(kMaxIdsPerMessage, part.size() - first));
      size_t known = 0;  // those before it are known for good
      const auto ready = [&] {
        while (known < some.size() && core_.is_known(some[known], Want::Fetch::kYes)) ++known;
        return known == some.size();
      };
      if (block_until(lock, ready, deadline, some)) continue;
      core_.unwant(part);
      send(lock);
      return api::Waited::kTimeout;
    }
    for (size_t i = begin; i < end; ++i) {
      values[i] = fetched(lock, core_.value(objects[i]), objects[i]);
    }
  }
  return api::Waited::kReady;
}

void Session::wait(std::span<const api::ObjectId> ids, size_t count, int64_t timeout_ms,
                   std::span<uint8_t> ready) {
  const Time deadline = deadline_after(timeout_ms);
  const std::vector<rayd::ObjectId> objects = ids_of(ids);
  Lock lock{mutex_};
  core_.want(objects, Want::Fetch::kNo);
  send(lock);
  const auto count_ready = [&] {
    return static_cast<size_t>(std::count_if(objects.begin(), objects.end(), [&](auto object) {
      return core_.is_known(object, Want::Fetch::kNo);
    }));
  };
  if (!block_until(
          lock, [&] { return count_ready() >= count; }, deadline)) {
    core_.unwant(objects);
    send(lock);
  }
  for (size_t i = 0; i < objects.size(); ++i) {
    ready[i] = core_.is_known(objects[i], Want::Fetch::kNo) ? 1 : 0;
  }
}

void Session::add_reference(api::ObjectId id) noexcept {
  if (id.is_nil()) return;
  const Lock lock{mutex_};
  core_.add_handle(id_of(id));
}

void Session::release_reference(api::ObjectId id) noexcept {
  if (id.is_nil()) return;
  Lock lock{mutex_};
  if (!gone_.empty()) return;
  const rayd::ObjectId object = id_of(id);
  // Small values that were read can wait for company; actors and what may be large cannot.
  const bool is_small =
      core_.is_known(object, Want::Fetch::kYes) && core_.value(object).kind != Value::Kind::kStored;
  core_.drop_handle(object);
  if (core_.pending_releases() == 0 || is_small) return;
  core_.flush_releases();
  try {
    send(lock);
  } catch (const std::exception&) {
    // The session is over, and its references with it.
  }
}

void Session::cancel(api::ObjectId id, api::Force force, api::Recursive recursive) {
  Lock lock{mutex_};
  core_.outbox().push_back(
      Cancel{id_of(id).task(), force == api::Force::kYes ? Cancel::Force::kYes : Cancel::Force::kNo,
             recursive == api::Recursive::kYes ? Cancel::Recursive::kYes : Cancel::Recursive::kNo});
  send(lock);
}

// ---- actors -----------------------------------------------------------------------------------

void Session::kill(api::ActorId actor, api::NoRestart no_restart) {
  Lock lock{mutex_};
  core_.outbox().push_back(KillActor{id_of(actor), no_restart == api::NoRestart::kYes
                                                       ? KillActor::NoRestart::kYes
                                                       : KillActor::NoRestart::kNo});
  send(lock);
}

std::optional<api::ActorId> Session::get_actor(std::string_view name,
                                               std::optional<std::string_view> ray_namespace) {
  Lock lock{mutex_};
  const uint64_t request = next_request_++;
  core_.outbox().push_back(
      GetActor{request, std::string{name}, std::string{ray_namespace.value_or("")}});
  send(lock);
  block_until(
      lock, [&] { return replies_.contains(request); }, kNoDeadline);
  const ClientAnswer answer = std::move(replies_.extract(request).mapped());
  const rayd::ActorId actor = std::get<ActorFound>(answer).actor;
  if (actor.is_nil()) return std::nullopt;
  const rayd::ObjectId handle = actor.creation().object(0);
  core_.add_handle(handle);
  core_.on_granted({&handle, 1});
  return api::ActorId{actor.high, actor.low};
}

}  // namespace rayd::client
