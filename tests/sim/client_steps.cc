// What scripts do, as messages to the daemon.

#include <algorithm>
#include <utility>

#include "tests/sim/client.h"
#include "tests/sim/node.h"
#include "tests/sim/world.h"

namespace rayd::sim {

void Client::run(uint64_t number) {
  if (!is_alive_) return;
  Fiber* fiber = find_fiber(number);
  if (fiber == nullptr || fiber->state != Fiber::State::kRunning) return;
  if (fiber->is_cancelled && world_.random.chance(1, 2)) return fail(*fiber, Oracle::kFault);
  carry_out(*fiber, fiber->script.next());
}

// A step that ends in kRunning is followed by the next one.
void Client::carry_out(Fiber& fiber, Step&& step) {
  fiber.step = std::move(step);
  const Step& todo = fiber.step;
  const uint64_t number = fiber.number;
  switch (todo.kind) {
    case Step::Kind::kSubmit: submit(fiber, todo); break;
    case Step::Kind::kCreate: create_actor(fiber, todo); break;
    case Step::Kind::kCall: call_actor(fiber, todo); break;
    case Step::Kind::kFind: find_actor(fiber, todo); break;
    case Step::Kind::kCancel: cancel(fiber, todo); break;
    case Step::Kind::kKill:
      world_.oracle.excuses.kills = true;
      world_.count("kill_actor");
      publish(KillActor{ActorId::of(variable(fiber, todo.variable).task())});
      break;
    case Step::Kind::kPut: put(fiber, todo); break;
    case Step::Kind::kGet: wait(fiber, {variable(fiber, todo.variable)}, Want::Fetch::kYes); break;
    case Step::Kind::kWait: {
      std::vector<ObjectId> objects;
      for (const int i : todo.variables) objects.push_back(variable(fiber, i));
      wait(fiber, std::move(objects), Want::Fetch::kNo);
      break;
    }
    case Step::Kind::kDrop: {
      ObjectId& object = fiber.variables[static_cast<size_t>(todo.variable)];
      drop_handle(object);
      object = ObjectId{};
      break;
    }
    case Step::Kind::kDie:
      if (fiber.run.attempt == 1 && fiber.run.actor.is_nil() && fiber.run.call->max_retries != 0) {
        world_.count("worker_exit");
        world_.oracle.excuses.worker_deaths = true;
        return world_.kill_worker(*this, "exit status 3");
      }
      break;
    case Step::Kind::kReturn: return_results(fiber, todo); break;
    case Step::Kind::kThrow: fail(fiber, Oracle::kScripted); break;
  }
  Fiber* left = is_alive_ ? find_fiber(number) : nullptr;
  if (left != nullptr && left->state == Fiber::State::kRunning) schedule(*left);
}

// ---- calls --------------------------------------------------------------------------------------

uint32_t Client::template_of(const CallTemplate& call) {
  const auto [it, is_new] = templates_.try_emplace(call, static_cast<uint32_t>(templates_.size()));
  if (is_new) publish(DefineTemplate{it->second, call});
  return it->second;
}

CallTemplate Client::call_of(const Step& step, CallTemplate::Kind kind) const {
  CallTemplate call;
  call.kind = kind;
  call.function.name = "script";
  call.return_count = step.returns;
  call.max_retries = kind == CallTemplate::Kind::kTask ? step.retries : 0;
  call.demand = world_.demand(step.demand);
  if (kind != CallTemplate::Kind::kActorCreation) return call;
  call.return_count = 0;
  call.actor.placement_demand.cpu = kUnit;
  call.demand = ResourceSet{};
  call.actor.max_restarts = step.retries;
  call.actor.max_task_retries = step.call_retries;
  if (step.name == 0) return call;
  call.actor.name = "a" + std::to_string(step.name);
  call.actor.lifetime = step.is_detached ? Lifetime::kDetached : Lifetime::kJob;
  return call;
}

Value Client::value_of(const Fiber& fiber, const Piece& piece, uint64_t token) const {
  Value value;
  value.kind = Value::Kind::kInline;
  value.bytes = bytes_of_token(token);
  value.size = value.bytes.size();
  for (const int inner : piece.contains) {
    const ObjectId object = variable(fiber, inner);
    // Each once, in order of first appearance.
    if (std::find(value.contains.begin(), value.contains.end(), object) == value.contains.end())
      value.contains.push_back(object);
  }
  return value;
}

OutcomeRef Client::outcome_of(const Value& value, uint64_t token) const {
  auto outcome = std::make_shared<Outcome>();
  outcome->token = outcome->identity = token;
  for (const ObjectId inner : value.contains)
    outcome->contains.push_back(world_.oracle.outcome_of(inner));
  return outcome;
}

// The first argument is the program itself.
std::vector<Arg> Client::make_args(Fiber& fiber, const Step& step,
                                   std::vector<Argument>& arguments) {
  std::vector<Arg> args(1);
  args[0].value.kind = Value::Kind::kInline;
  args[0].value.bytes = step.program.encode();
  args[0].value.size = args[0].value.bytes.size();
  for (const Piece& piece : step.pieces) {
    Arg& arg = args.emplace_back();
    if (piece.reference >= 0) {
      arg.reference = variable(fiber, piece.reference);
      arguments.push_back({true, world_.oracle.outcome_of(arg.reference)});
    } else {
      arg.value = value_of(fiber, piece, piece.token);
      arguments.push_back({false, outcome_of(arg.value, piece.token)});
    }
  }
  return args;
}

void Client::submit(Fiber& fiber, const Step& step) {
  CallTemplate asked = call_of(step, CallTemplate::Kind::kTask);
  const bool is_in_bundle = world_.groups.place(*this, asked);
  const uint32_t call = template_of(asked);
  Oracle::Task task;
  std::vector<Arg> args = make_args(fiber, step, task.arguments);
  const TaskId id = TaskId::make(id_, next_seq_++);
  task.outcomes = evaluate(step.program, task.arguments, step.returns, nullptr);
  task.parent = fiber.run.task;
  task.caller = id_;
  task.retries = step.retries;
  if (!is_in_bundle) task.demand = world_.demand(step.demand);
  world_.oracle.add_task(id, std::move(task));
  world_.trace.line(world_.now, "client ", id_, " submits ", id);
  publish(Submit{id, call, std::move(args)});
  for (uint32_t i = 1; i <= step.returns; ++i) {
    receive(id.object(i));
    add_variable(fiber, id.object(i), Script::Variable::kObject);
  }
}

void Client::create_actor(Fiber& fiber, const Step& step) {
  const uint32_t call = template_of(call_of(step, CallTemplate::Kind::kActorCreation));
  Oracle::Task task;
  std::vector<Arg> args = make_args(fiber, step, task.arguments);
  const TaskId id = TaskId::make(id_, next_seq_++);
  const OutcomeRef made = evaluate(step.program, task.arguments, 1, nullptr).front();
  auto actor = std::make_shared<Outcome>();
  actor->kind = Outcome::Kind::kActor;
  actor->is_doomed = made->kind == Outcome::Kind::kError;
  actor->token = made->token;
  actor->identity = made->identity;
  actor->call_retries = step.call_retries;
  world_.oracle.add_object(id.object(0), actor);
  task.caller = id_;
  task.parent = fiber.run.task;
  task.retries = -1;
  world_.oracle.add_task(id, std::move(task));
  world_.trace.line(world_.now, "client ", id_, " creates actor ", id);
  if (step.name != 0) fiber.names[step.name] = id.object(0);
  publish(CreateActor{id, call, std::move(args)});
  receive(id.object(0));
  add_variable(fiber, id.object(0), Script::Variable::kActor);
}

void Client::call_actor(Fiber& fiber, const Step& step) {
  const uint32_t call = template_of(call_of(step, CallTemplate::Kind::kActorCall));
  const ObjectId handle = variable(fiber, step.variable);
  Oracle::Task task;
  std::vector<Arg> args = make_args(fiber, step, task.arguments);
  const TaskId id = TaskId::make(id_, next_seq_++);
  task.actor = ActorId::of(handle.task());
  task.actor_outcome = world_.oracle.outcome_of(handle);
  task.outcomes = evaluate(step.program, task.arguments, step.returns, task.actor_outcome);
  task.caller = id_;
  task.parent = fiber.run.task;
  const ActorId actor = task.actor;
  task.retries = task.actor_outcome->call_retries;
  world_.oracle.add_task(id, std::move(task));
  world_.judge.on_call_made(id_, actor, id);
  world_.trace.line(world_.now, "client ", id_, " calls ", actor, " as ", id);
  publish(CallActor{id, actor, call, std::move(args)});
  for (uint32_t i = 1; i <= step.returns; ++i) {
    receive(id.object(i));
    add_variable(fiber, id.object(i), Script::Variable::kObject);
  }
}

void Client::find_actor(Fiber& fiber, const Step& step) {
  fiber.state = Fiber::State::kFinds;
  fiber.request = next_request_++;
  publish(GetActor{fiber.request, "a" + std::to_string(step.name), ""});
}

void Client::cancel(Fiber& fiber, const Step& step) {
  const TaskId task = variable(fiber, step.variable).task();
  if (Oracle::Task* known = world_.oracle.find_task(task)) known->is_cancelled = true;
  world_.oracle.excuses.cancels = true;
  world_.count("cancel");
  world_.trace.line(world_.now, "client ", id_, " cancels ", task);
  Cancel message;
  message.task = task;
  message.force = step.is_forced ? Cancel::Force::kYes : Cancel::Force::kNo;
  publish(std::move(message));
}

void Client::put(Fiber& fiber, const Step& step) {
  const Piece& piece = step.pieces.front();
  Value value = value_of(fiber, piece, piece.token);
  if (!fill(fiber, value, step.size, piece.token)) return;
  const ObjectId object = TaskId::make(id_, next_seq_++).object(0);
  world_.oracle.add_object(object, outcome_of(value, piece.token));
  world_.trace.line(world_.now, "client ", id_, " puts ", object);
  publish(Put{object, std::move(value)});
  receive(object);
  add_variable(fiber, object, Script::Variable::kObject);
}

// ---- waiting ------------------------------------------------------------------------------------

void Client::wait(Fiber& fiber, std::vector<ObjectId> objects, Want::Fetch fetch) {
  fiber.state = Fiber::State::kWaiting;
  fiber.unread.clear();
  fiber.unread.insert(objects.begin(), objects.end());
  publish(Want{{fiber.unread.begin(), fiber.unread.end()}, fetch});
  if (is_worker()) {
    // One that uses much of its stack runs nothing inside of its wait.
    const bool may_run =
        fetch == Want::Fetch::kYes && fiber.run.actor.is_nil() && !world_.random.chance(1, 10);
    fiber.is_blocked = true;
    fiber.wait = may_run ? ++waits_ : 0;
    Blocked message{fiber.wait, {}};
    if (may_run) message.objects.assign(fiber.unread.begin(), fiber.unread.end());
    publish(std::move(message));
  }
  if (world_.random.chance(1, 12))
    world_.after(world_.long_delay(), [this, number = fiber.number] { give_up_waiting(number); });
}

// A timeout: takes its wants back, and asks again, as a program in a loop would.
void Client::give_up_waiting(uint64_t number) {
  if (!is_alive_) return;
  Fiber* fiber = find_fiber(number);
  if (fiber == nullptr || fiber->state != Fiber::State::kWaiting) return;
  if (is_buried(*fiber)) {  // the thread is busy
    world_.after(world_.long_delay(), [this, number] { give_up_waiting(number); });
    return;
  }
  const std::vector<ObjectId> objects{fiber->unread.begin(), fiber->unread.end()};
  publish(Unwant{objects});
  leave_wait(*fiber);
  const bool gets = fiber->step.kind == Step::Kind::kGet;
  wait(*fiber, objects, gets ? Want::Fetch::kYes : Want::Fetch::kNo);
}

void Client::stop_waiting(Fiber& fiber) {
  fiber.state = Fiber::State::kRunning;
  leave_wait(fiber);
  schedule(fiber);
}

void Client::leave_wait(Fiber& fiber) {
  fiber.wait = 0;
  if (std::exchange(fiber.is_blocked, false)) publish(Unblocked{});
}

// ---- ends ---------------------------------------------------------------------------------------

void Client::return_results(Fiber& fiber, const Step& step) {
  std::vector<Value> results;
  const uint32_t returns = fiber.run.call == nullptr ? 0 : fiber.run.call->return_count;
  for (uint32_t i = 0; i < returns; ++i) {
    const uint64_t token = token_of_return(fiber.script.result(), i);
    Value value = value_of(fiber, i == 0 ? step.pieces.front() : Piece{}, token);
    if (i == 0 && !fill(fiber, value, step.size, token)) return;
    results.push_back(std::move(value));
  }
  end(fiber, std::move(results), nullptr);
}

void Client::fail(Fiber& fiber, const char* type) {
  auto error = std::make_shared<ErrorInfo>();
  error->code = ErrorCode::kTaskThrew;
  error->remote_type = type;
  end(fiber, {}, std::move(error));
}

// The result leaves before the references it names are given back.
void Client::end(Fiber& fiber, std::vector<Value>&& results, ErrorRef error) {
  const uint64_t number = fiber.number;
  fiber.state = Fiber::State::kEnded;
  leave_wait(fiber);
  if (!fiber.unread.empty()) publish(Unwant{{fiber.unread.begin(), fiber.unread.end()}});
  const std::vector<ObjectId> variables = std::move(fiber.variables);
  finish(fiber, std::move(results), std::move(error));
  for (const ObjectId object : variables)
    if (!object.is_nil()) drop_handle(object);
  remove_fiber(number);
  if (!buried_.empty()) world_.after(world_.step_delay(), [this] { read_buried(); });
  on_idle();
}

void Client::finish(Fiber&, std::vector<Value>&&, ErrorRef error) {
  world_.trace.line(world_.now, "driver ", id_, error ? " fails" : " ends");
  world_.on_driver_ended(*this, error);
}

}  // namespace rayd::sim
