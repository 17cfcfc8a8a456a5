// local_mode's tasks: arguments, resources, threads, retries, cancel.
#include <algorithm>
#include <atomic>

#include "client/api/local_current.h"
#include "client/api/local_runtime.h"
#include "common/base/ids.h"
#include "ray/logging.h"

namespace ray::internal {
namespace {

/// Each local runtime is a client of its own, so that ids of an earlier one name nothing.
uint64_t next_client_bits() {
  static std::atomic<uint32_t> serial{0};
  return rayd::ClientId{1, ++serial}.bits();
}

std::string task_text(ObjectId result) {
  rayd::ObjectId id;
  id.high = result.high;
  id.low = result.low;
  return rayd::to_string(id.task());
}

std::string name_of(const LocalTask& task) {
  return task.call->options.name.empty() ? function_info(*task.call->function).name
                                         : task.call->options.name;
}

}  // namespace

LocalRuntime::LocalRuntime(const RayConfig& config)
    : client_bits_(next_client_bits()),
      namespace_(config.ray_namespace.empty() ? "local-" + std::to_string(client_bits_ & 0xFFFFFFFF)
                                              : config.ray_namespace),
      default_lifetime_(config.default_actor_lifetime),
      resources_(config.head_args),
      max_threads_(static_cast<size_t>(resources_.cpus()) * 8 + 64) {}

LocalRuntime::~LocalRuntime() { shutdown(); }

TemplateId LocalRuntime::register_template(const CallTemplate& definition) {
  const std::lock_guard lock(mutex_);
  templates_.push_back(definition);
  return static_cast<TemplateId>(templates_.size() - 1);
}

std::vector<LocalArgument> LocalRuntime::take_arguments(std::span<const Argument> arguments) {
  std::vector<LocalArgument> taken(arguments.size());
  for (size_t i = 0; i < arguments.size(); ++i) {
    taken[i].reference = arguments[i].reference;
    if (taken[i].reference.is_nil()) taken[i].value = store(arguments[i].value);
  }
  return taken;
}

TaskPointer LocalRuntime::make_task(const CallTemplate& call,
                                    std::vector<LocalArgument> arguments) {
  auto task = std::make_shared<LocalTask>();
  task->seq = next_seq_++;
  task->result = {client_bits_, task->seq << 24 | 1};
  task->call = &call;
  task->arguments = std::move(arguments);
  if (LocalTask* parent = current_local_task) {
    // An actor is one caller, whichever of its methods calls.
    task->caller = parent->actor != nullptr ? parent->actor->id.handle() : parent->result;
    parent->children.push_back(task);
  }
  return task;
}

/// Every reference must exist: the caller's handle counts it.
void LocalRuntime::check_arguments(const std::vector<LocalArgument>& arguments) {
  for (const LocalArgument& argument : arguments)
    if (!argument.reference.is_nil() && find(argument.reference) == nullptr)
      throw_error(ErrorCode::kObjectLost,
                  "argument " + to_text(argument.reference) + " is not known here (any more)");
}

void LocalRuntime::await_arguments(const TaskPointer& task) {
  for (const LocalArgument& argument : task->arguments) {
    LocalObject* object = argument.reference.is_nil() ? nullptr : find(argument.reference);
    if (object == nullptr || object->value != nullptr) continue;
    object->dependents.push_back(task);
    ++task->missing;
  }
}

void LocalRuntime::submit(const CallSpec& call, std::span<ObjectId> returns) {
  std::vector<LocalArgument> arguments = take_arguments(call.arguments);
  Locked locked(*this);
  check_running();
  check_arguments(arguments);
  const TaskPointer task = make_task(templates_[call.template_id], std::move(arguments));
  task->demand = demand_of(task->call->options, 1);
  for (const LocalArgument& argument : task->arguments) count_up(argument.reference);
  objects_[task->result] = {1, nullptr, task, nullptr, {}, {}};
  returns[0] = task->result;
  await_arguments(task);
  if (task->missing == 0) on_arguments_ready(locked, task);
}

ValuePointer LocalRuntime::failed_argument(const LocalTask& task) {
  for (const LocalArgument& argument : task.arguments) {
    const LocalObject* object = argument.reference.is_nil() ? nullptr : find(argument.reference);
    if (object != nullptr && object->value != nullptr && object->value->error() != nullptr)
      return object->value;
  }
  return nullptr;
}

void LocalRuntime::on_arguments_ready(Locked& locked, const TaskPointer& task) {
  if (task->state == LocalTask::State::kDone) return;
  const CallKind kind = task->call->kind;
  if (ValuePointer failed = failed_argument(*task)) {
    if (kind == CallKind::kActorCreation) {
      end_actor(locked, *task->actor,
                death_of(*task->actor, "an argument failed: " + failed->error()->message));
    } else {
      finish(locked, task, std::move(failed));
      if (kind == CallKind::kActorCall) pump(locked, *task->actor);
    }
  } else if (kind == CallKind::kActorCall) {
    pump(locked, *task->actor);
  } else {
    enqueue(task);
    dispatch();
  }
}

void LocalRuntime::enqueue(const TaskPointer& task) {
  task->state = LocalTask::State::kQueued;
  queued_[task->demand].push_back(task);
  if (!resources_.is_feasible(task->demand))
    RAYLOG(WARNING) << name_of(*task) << " waits for more than this process has: "
                    << resources_.explain(task->demand);
}

void LocalRuntime::dispatch() {
  while (true) {
    std::deque<TaskPointer>* best = nullptr;
    for (auto it = queued_.begin(); it != queued_.end();) {
      auto& queue = it->second;
      while (!queue.empty() && queue.front()->state == LocalTask::State::kDone) queue.pop_front();
      if (queue.empty()) {
        it = queued_.erase(it);
        continue;
      }
      if (resources_.fits(it->first) &&
          (best == nullptr || queue.front()->seq < best->front()->seq))
        best = &queue;
      ++it;
    }
    if (best == nullptr) return;
    TaskPointer task = std::move(best->front());
    best->pop_front();
    resources_.take(task->demand);
    task->held = task->demand;
    hand_out(std::move(task));
  }
}

void LocalRuntime::hand_out(TaskPointer task) {
  task->state = LocalTask::State::kRunning;
  work_.push_back(std::move(task));
  if (idle_threads_ >= work_.size()) {
    work_ready_.notify_one();
  } else if (threads_.size() < max_threads_ && state_ == State::kRunning) {
    threads_.emplace_back([this] { thread_main(); });
  }
}

void LocalRuntime::thread_main() {
  while (true) {
    TaskPointer task;
    {
      std::unique_lock lock(mutex_);
      ++idle_threads_;
      work_ready_.wait(lock, [this] { return !work_.empty() || state_ != State::kRunning; });
      --idle_threads_;
      if (state_ != State::kRunning) return;
      task = std::move(work_.front());
      work_.pop_front();
    }
    run(task);
  }
}

bool LocalRuntime::threads_are_used_up() const {
  return current_local_task != nullptr && idle_threads_ == 0 && threads_.size() >= max_threads_;
}

/// Takes a plain task that no thread has begun, to be run by the thread that waits for it. It runs
/// on what the waiting task holds.
TaskPointer LocalRuntime::take_unstarted(std::span<const ObjectId> ids) {
  for (const ObjectId id : ids) {
    const LocalObject* object = find(id);
    if (object == nullptr || object->producer == nullptr) continue;
    const TaskPointer task = object->producer;
    if (task->call->kind != CallKind::kTask) continue;
    if (task->state == LocalTask::State::kQueued) {
      std::erase(queued_[task->demand], task);
      task->state = LocalTask::State::kRunning;
      return task;
    }
    const auto place = std::find(work_.begin(), work_.end(), task);
    if (place == work_.end()) continue;
    work_.erase(place);
    return task;
  }
  return nullptr;
}

std::shared_ptr<const ErrorInfo> LocalRuntime::reason_not_to_block() const {
  if (!threads_are_used_up() || blocked_threads_ + 1 < threads_.size()) return nullptr;
  auto info = std::make_shared<ErrorInfo>();
  info->code = ErrorCode::kWorkersLimit;
  info->message = "all " + std::to_string(max_threads_) +
                  " threads of local_mode wait for others: nobody is left to do the work";
  return info;
}

/// Keeps the result, counted, until the lock is taken again.
class LocalRuntime::Sink final : public ResultSink {
 public:
  explicit Sink(LocalRuntime& runtime) : runtime_(runtime) {}
  void value(const SerializedValue& result) override { value_ = runtime_.store(result); }
  ValuePointer take() { return std::move(value_); }

 private:
  LocalRuntime& runtime_;
  ValuePointer value_;
};

void LocalRuntime::run(const TaskPointer& task) {
  std::vector<FetchedValue> arguments;
  std::shared_ptr<ActorInstance> instance;
  uint32_t attempt = 0;
  bool is_wanted = false;
  {
    Locked locked(*this);
    begun_.insert(task);
    attempt = task->attempt;
    is_wanted = task->state == LocalTask::State::kRunning && !task->cancelled;
    if (task->actor != nullptr) instance = task->actor->instance;
    for (const LocalArgument& argument : task->arguments) {
      const LocalObject* object = argument.reference.is_nil() ? nullptr : find(argument.reference);
      const ValuePointer value = object != nullptr ? object->value : argument.value;
      if (value == nullptr) is_wanted = false;  // ended meanwhile, and its arguments given back
      arguments.push_back(value == nullptr ? FetchedValue() : StoredValue::fetched(value));
    }
  }
  Sink sink(*this);
  Execution execution;
  if (is_wanted) {
    const CurrentTask current(*task);
    if (task->call->kind == CallKind::kActorCreation) {
      instance = std::make_shared<ActorInstance>();
      execution = construct(*task->call->function, arguments, *instance);
    } else {
      execution = execute(*task->call->function, instance.get(), arguments, sink);
    }
  }
  arguments.clear();
  Locked locked(*this);
  on_ran(locked, {task, attempt, execution, sink.take(), std::move(instance)});
}

void LocalRuntime::on_ran(Locked& locked, Ran ran) {
  const TaskPointer& task = ran.task;
  begun_.erase(task);
  const CallKind kind = task->call->kind;
  if (kind != CallKind::kActorCall) {
    resources_.give(task->held);
    task->held.clear();
  }
  if (ran.value != nullptr) locked.garbage.values.push_back(ran.value);  // if nobody else keeps it
  if (kind == CallKind::kActorCreation) {
    on_constructed(locked, std::move(ran));
  } else if (task->state == LocalTask::State::kRunning && task->attempt == ran.attempt) {
    if (task->actor != nullptr) task->actor->running.erase(task->result);
    settle(locked, ran);
  } else if (ran.instance != nullptr) {
    locked.garbage.instances.push_back(std::move(ran.instance));
  }
  dispatch();
}

/// Decides what a call that ran to its end means.
void LocalRuntime::settle(Locked& locked, const Ran& ran) {
  const TaskPointer& task = ran.task;
  const ActorPointer actor = task->actor;
  if (ran.execution.end == Execution::End::kExitActor && actor != nullptr) {
    ErrorInfo cause = death_of(*actor, "it ended itself with ExitActor");
    finish(locked, task, error_value(*task, cause));
    end_actor(locked, *actor, std::move(cause));
    return;
  }
  if (task->cancelled) {
    finish(locked, task, cancelled_value(*task));
  } else if (ran.execution.end == Execution::End::kReturned) {
    finish(locked, task, ran.value);
  } else if (should_retry(*task, ran.execution)) {
    ++task->attempt;
    if (actor == nullptr) {
      enqueue(task);
    } else {
      task->state = LocalTask::State::kWaiting;
      actor->calls[task->caller].push_front(task);
    }
  } else {
    finish(locked, task, error_value(*task, ran.execution.error));
  }
  if (actor == nullptr) return;
  pump(locked, *actor);
  end_if_unused(locked, *actor);
}

bool LocalRuntime::should_retry(const LocalTask& task, const Execution& execution) const {
  if (execution.error.code != ErrorCode::kTaskThrew) return false;
  if (task.call->options.retry_exceptions == RetryExceptions::kNo) return false;
  const int32_t limit = task.actor != nullptr ? task.actor->creation->actor.max_task_retries
                                              : task.call->options.max_retries;
  return limit < 0 || task.attempt <= static_cast<uint32_t>(limit);
}

void LocalRuntime::finish(Locked& locked, const TaskPointer& task, ValuePointer value) {
  if (task->state == LocalTask::State::kDone) return;
  task->state = LocalTask::State::kDone;
  locked.garbage.tasks.push_back(task);
  std::vector<LocalArgument> arguments = std::move(task->arguments);
  task->arguments.clear();
  set_ready(locked, task->result, std::move(value));
  for (LocalArgument& argument : arguments) {
    if (argument.value != nullptr) locked.garbage.values.push_back(std::move(argument.value));
    count_down(locked, argument.reference);
  }
}

ValuePointer LocalRuntime::error_value(const LocalTask& task, ErrorInfo error) const {
  if (error.function.empty()) error.function = name_of(task);
  error.task = task_text(task.result);
  error.attempt = task.attempt;
  if (task.actor != nullptr) error.actor = to_text(task.actor->id);
  return std::make_shared<const StoredValue>(std::make_shared<const ErrorInfo>(std::move(error)));
}

ValuePointer LocalRuntime::cancelled_value(const LocalTask& task) const {
  ErrorInfo error;
  error.code = ErrorCode::kCancelled;
  error.message = "it was cancelled";
  error.function = name_of(task);
  return error_value(task, std::move(error));
}

void LocalRuntime::cancel(ObjectId id, Force force, Recursive recursive) {
  Locked locked(*this);
  const LocalObject* object = find(id);
  if (object == nullptr || object->producer == nullptr) return;  // done, or no task's
  const TaskPointer task = object->producer;  // the object lets go of it when it is ready
  cancel_task(locked, task, force, recursive);
}

void LocalRuntime::cancel_task(Locked& locked, const TaskPointer& task, Force force,
                               Recursive recursive) {
  if (task->state == LocalTask::State::kDone) return;
  task->cancelled = true;
  if (task->state != LocalTask::State::kRunning || force == Force::kYes) {
    if (task->actor != nullptr) task->actor->running.erase(task->result);
    finish(locked, task, cancelled_value(*task));
    if (task->actor != nullptr) {
      pump(locked, *task->actor);
      end_if_unused(locked, *task->actor);
    }
  }
  if (recursive == Recursive::kNo) return;
  const auto children = task->children;
  for (const auto& child : children)
    if (const TaskPointer alive = child.lock()) cancel_task(locked, alive, force, recursive);
}

bool LocalRuntime::is_cancelled() const {
  return current_local_task != nullptr && current_local_task->cancelled;
}

void LocalRuntime::shutdown() {
  // exit() inside a task gets here too: its thread cannot wait for itself.
  if (current_local_task != nullptr) return;
  std::vector<std::thread> threads;
  {
    Locked locked(*this);
    if (state_ != State::kRunning) return;
    state_ = State::kStopping;
    for (const TaskPointer& task : begun_) task->cancelled = true;
    for (auto& [id, object] : objects_)
      for (Waiter* waiter : object.waiters) waiter->wake.notify_one();
    work_ready_.notify_all();
    threads = std::move(threads_);
  }
  for (std::thread& thread : threads) thread.join();
  // Values, actors and tasks refer to each other: cut, then let go without the lock.
  std::unordered_map<ObjectId, LocalObject, ObjectIdHash> objects;
  std::map<Demand, std::deque<TaskPointer>> queued;
  std::deque<TaskPointer> work;
  {
    Locked locked(*this);
    state_ = State::kStopped;
    for (auto& [name, actor] : named_actors_) cut(locked, *actor);
    named_actors_.clear();
    for (auto& [id, object] : objects_) {
      if (object.actor != nullptr) cut(locked, *object.actor);
      if (object.value != nullptr) locked.garbage.values.push_back(std::move(object.value));
    }
    objects.swap(objects_);
    queued.swap(queued_);
    work.swap(work_);
  }
}

}  // namespace ray::internal
