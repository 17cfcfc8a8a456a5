#include "tests/sim/client.h"

#include <algorithm>
#include <utility>

#include "tests/sim/node.h"
#include "tests/sim/world.h"

namespace rayd::sim {

Client::Client(World& world, Node& node, ClientId id) : world_(world), node_(node), id_(id) {}
Client::~Client() = default;

void Client::die() {
  if (is_alive_ && is_writing()) world_.count("death_while_writing");
  is_alive_ = false;
  fibers_.clear();
  answers_.clear();
}

void Client::start_driver(const ScriptSpec& spec) {
  Fiber& fiber = add_fiber(spec);
  fiber.script.set_driver();
  schedule(fiber);
}

// ---- rings --------------------------------------------------------------------------------------

void Client::publish(ClientMessage&& message) {
  if (!is_alive_) return;
  out.push_back(std::move(message));
  node_.schedule_drain(*this);
}

void Client::answer(ClientAnswer&& message) {
  if (!is_alive_) return;
  answers_.push_back(std::move(message));
  world_.after(world_.short_delay(), [this] { read_answers(); });
}

// One at a time: each has an event of its own.
void Client::read_answers() {
  if (!is_alive_ || answers_.empty()) return;
  ClientAnswer message = std::move(answers_.front());
  answers_.pop_front();
  std::visit([this](auto&& answer) { on(std::move(answer)); }, std::move(message));
}

// ---- handles and counts -------------------------------------------------------------------------

void Client::receive(ObjectId object) { ++received_[object]; }

void Client::drop_handle(ObjectId object) {
  const auto it = handles_.find(object);
  if (it == handles_.end()) return world_.violation("a handle dropped twice");
  if (--it->second > 0) return;
  handles_.erase(it);
  const auto received = received_.find(object);
  if (received == received_.end()) return;
  const auto count = static_cast<uint32_t>(received->second);
  received_.erase(received);
  publish(Release{{{object, count}}});
}

void Client::add_variable(Fiber& fiber, ObjectId object, Script::Variable kind) {
  fiber.variables.push_back(object);
  fiber.script.add(kind);
  add_handle(object);
}

ObjectId Client::variable(const Fiber& fiber, int number) const {
  return fiber.variables[static_cast<size_t>(number)];
}

// ---- answers ------------------------------------------------------------------------------------

// The token in a value's bytes; false: the bytes are not there (a violation).
bool Client::check_value(ObjectId object, const Value& value, uint64_t& token) {
  if (value.kind == Value::Kind::kStored) {
    const auto read = node_.store().read(value.extent);
    if (!read) {
      std::string what;
      say(what, "bytes of ", object, " are gone while ", id_, " reads them");
      world_.violation(what);
      return false;
    }
    token = *read;
  } else if (value.kind == Value::Kind::kInline) {
    token = token_in(value.bytes);
  }
  world_.judge.on_read(object, value);
  const std::string fault = world_.oracle.judge(object, value, token);
  if (fault.empty()) return true;
  std::string what;
  say(what, "client ", id_, " reads of ", object, ": ", fault);
  world_.violation(what);
  return false;
}

void Client::on(Ready&& message) {
  const ObjectId object = message.object;
  const std::vector<ObjectId> inner = message.value.contains;
  for (const ObjectId contained : inner) {
    receive(contained);
    add_handle(contained);  // while this message is read
  }
  std::vector<uint64_t> waiting;  // by number: reading may end a fiber
  for (const auto& fiber : fibers_)
    if (fiber->state == Fiber::State::kWaiting && fiber->unread.contains(object))
      waiting.push_back(fiber->number);
  for (const uint64_t number : waiting) {
    Fiber* found = find_fiber(number);
    if (found == nullptr) continue;
    if (!is_buried(*found)) {
      on_read(*found, message);
      continue;
    }
    for (const ObjectId contained : inner) add_handle(contained);
    buried_.emplace_back(number, message);
  }
  for (const ObjectId contained : inner) drop_handle(contained);
}

void Client::on_read(Fiber& fiber, const Ready& message) {
  const bool wants_value = fiber.step.kind == Step::Kind::kGet;
  if (wants_value && message.value.kind == Value::Kind::kNone) return;  // a Wait's answer
  fiber.unread.erase(message.object);
  if (wants_value && !read_value(message.object, message.value, fiber)) return;
  if (fiber.unread.empty()) stop_waiting(fiber);
}

// What arrived while others ran inside of the wait.
void Client::read_buried() {
  if (!is_alive_) return;
  std::deque<std::pair<uint64_t, Ready>> arrived;
  arrived.swap(buried_);
  for (auto& [number, message] : arrived) {
    Fiber* fiber = find_fiber(number);
    if (fiber != nullptr && is_buried(*fiber)) {
      buried_.emplace_back(number, std::move(message));
      continue;
    }
    const bool waits = fiber != nullptr && fiber->state == Fiber::State::kWaiting &&
                       fiber->unread.contains(message.object);
    if (waits) on_read(*fiber, message);
    for (const ObjectId contained : message.value.contains) drop_handle(contained);
  }
}

// False: the fiber has ended.
bool Client::read_value(ObjectId object, const Value& value, Fiber& fiber) {
  uint64_t token = 0;
  if (!check_value(object, value, token) || fiber.step.is_ignored) return true;
  const bool is_expected = world_.oracle.outcome_of(object)->kind == Outcome::Kind::kError;
  if (value.kind == Value::Kind::kError && !is_expected) {
    fail(fiber, Oracle::kFault);  // a fault's doing: so is whatever follows
    return false;
  }
  fiber.script.fold(token);
  for (const ObjectId inner : value.contains) {
    const OutcomeRef outcome = world_.oracle.outcome_of(inner);
    add_variable(fiber, inner,
                 outcome->kind == Outcome::Kind::kActor ? Script::Variable::kActor
                                                        : Script::Variable::kObject);
  }
  return true;
}

bool Client::take_run_arguments(Fiber& fiber, const std::vector<Argument>& arguments) {
  std::vector<ObjectId> granted;
  for (const Value& value : fiber.run.args)
    granted.insert(granted.end(), value.contains.begin(), value.contains.end());
  for (const ObjectId object : granted) {
    receive(object);
    add_handle(object);  // while they are read
  }
  bool is_running = true;
  for (size_t i = 0; is_running && i < arguments.size(); ++i)
    is_running = take_run_argument(fiber, fiber.run.args[i + 1], arguments[i]);
  for (const ObjectId object : granted) drop_handle(object);
  return is_running;
}

bool Client::take_run_argument(Fiber& fiber, const Value& value, const Argument& argument) {
  uint64_t token = 0;
  if (value.kind == Value::Kind::kError) {
    const bool is_expected = argument.outcome->kind == Outcome::Kind::kError;
    fail(fiber, is_expected ? Oracle::kScripted : Oracle::kFault);
    return false;
  }
  if (value.kind == Value::Kind::kStored) {
    const auto read = node_.store().read(value.extent);
    if (!read) {
      world_.violation("bytes of an argument of " + to_string(fiber.run.task) + " are gone");
      return true;
    }
    token = *read;
  } else {
    token = token_in(value.bytes);
  }
  if (token != argument.outcome->token)
    world_.violation("a wrong argument for " + to_string(fiber.run.task));
  fiber.script.fold(token);
  if (value.contains.size() != argument.outcome->contains.size()) {
    world_.violation("an argument of " + to_string(fiber.run.task) + " with other references");
    return true;
  }
  for (const ObjectId inner : value.contains) {
    const OutcomeRef outcome = world_.oracle.outcome_of(inner);
    add_variable(fiber, inner,
                 outcome->kind == Outcome::Kind::kActor ? Script::Variable::kActor
                                                        : Script::Variable::kObject);
  }
  return true;
}

void Client::on(ActorFound&& message) {
  const ObjectId handle = message.actor.creation().object(0);
  const bool is_there = !message.actor.is_nil();
  if (is_there) {
    receive(handle);
    add_handle(handle);  // while this message is read
  }
  world_.count(is_there ? "actor_found" : "actor_not_found");
  const auto found = std::find_if(fibers_.begin(), fibers_.end(), [&](const auto& fiber) {
    return fiber->state == Fiber::State::kFinds && fiber->request == message.request;
  });
  if (found != fibers_.end()) {
    Fiber& fiber = **found;
    fiber.state = Fiber::State::kRunning;
    if (is_there && handle != fiber.names.at(fiber.step.name))
      world_.violation("another actor was found by the name of " + to_string(message.actor));
    if (is_there) {
      add_variable(fiber, handle, Script::Variable::kActor);
      schedule(fiber);
    } else {
      fail(fiber, Oracle::kFault);
    }
  } else if (is_there) {
    world_.count("detached_killed");
    publish(KillActor{message.actor});
  }
  if (is_there) drop_handle(handle);
}

void Client::kill_by_name(const std::string& name, const std::string& name_space) {
  publish(GetActor{next_request_++, name, name_space});
}

void Client::ask(GroupRequest::What what, GroupInfo group) {
  publish(GroupRequest{next_request_++, what, std::move(group)});
}

void Client::on(GroupReply&& message) { world_.groups.on_reply(message); }

void Client::on(SessionError&& message) {
  std::string what;
  say(what, "client ", id_, " was refused: ", message.message);
  world_.violation(what);
}

void Client::on(ArenaGranted&& message) {
  if (message.arena.length > kArenaBytes) {
    own_extent_ = message.arena;
  } else {
    arena_ = OpenArena{message.arena, 0};
  }
  for (const auto& fiber : fibers_)
    if (fiber->state == Fiber::State::kWantsRoom && fiber->request == message.request) {
      fiber->state = Fiber::State::kRunning;
      return carry_out(*fiber, Step(fiber->step));
    }
}

void Client::on(ArenaRefused&& message) {
  world_.count("store_full");
  for (const auto& fiber : fibers_)
    if (fiber->state == Fiber::State::kWantsRoom && fiber->request == message.request) {
      fiber->state = Fiber::State::kRunning;
      return fail(*fiber, Oracle::kFault);
    }
}

// ---- room ---------------------------------------------------------------------------------------

std::optional<Extent> Client::find_room(Fiber& fiber, uint64_t size) {
  const uint64_t length = size + kHeaderBytes;
  if (length > kArenaBytes) {
    if (own_extent_ && own_extent_->length >= length) {
      const Extent extent{own_extent_->segment, own_extent_->offset, length};
      own_extent_.reset();
      return extent;
    }
    if (own_extent_) publish(CloseArena{*std::exchange(own_extent_, std::nullopt)});
  } else {
    if (arena_ && arena_->used + length <= arena_->arena.length) {
      const Extent extent{arena_->arena.segment, arena_->arena.offset + arena_->used, length};
      arena_->used += (length + 63) / 64 * 64;
      return extent;
    }
    if (arena_) publish(CloseArena{std::exchange(arena_, std::nullopt)->arena});
  }
  fiber.state = Fiber::State::kWantsRoom;
  fiber.request = next_request_++;
  const bool is_large = length > kArenaBytes;
  publish(RequestArena{fiber.request, is_large ? length : kArenaBytes,
                       is_large ? RequestArena::Kind::kExtent : RequestArena::Kind::kArena});
  return std::nullopt;
}

// False: it waits for room, and the step is carried out again.
bool Client::fill(Fiber& fiber, Value& value, uint32_t size, uint64_t token) {
  value.size = size;
  if (size <= kMaxInlineInRing) {
    value.kind = Value::Kind::kInline;
    value.bytes = bytes_of_token(token);
    value.size = value.bytes.size();
    return true;
  }
  const auto extent = find_room(fiber, size);
  if (!extent) return false;
  value.kind = Value::Kind::kStored;
  value.extent = *extent;
  node_.store().write(*extent, token);
  return true;
}

// ---- fibers -------------------------------------------------------------------------------------

Fiber& Client::add_fiber(const ScriptSpec& spec) {
  fibers_.push_back(std::make_unique<Fiber>(spec));
  fibers_.back()->number = next_fiber_++;
  return *fibers_.back();
}

void Client::schedule(Fiber& fiber) {
  world_.after(world_.step_delay(), [this, number = fiber.number] { run(number); });
}

Fiber* Client::find_fiber(uint64_t number) {
  for (const auto& fiber : fibers_)
    if (fiber->number == number) return fiber.get();
  return nullptr;
}

void Client::remove_fiber(uint64_t number) {
  std::erase_if(fibers_, [number](const auto& fiber) { return fiber->number == number; });
}

std::string Client::state_text() const {
  std::string text;
  say(text, "client ", id_, ":");
  for (const auto& fiber : fibers_) {
    say(text, " fiber ", fiber->number, " state ", static_cast<int>(fiber->state), " step ",
        static_cast<int>(fiber->step.kind));
    if (!fiber->run.task.is_nil()) say(text, " runs ", fiber->run.task);
    for (const ObjectId object : fiber->unread) say(text, " waits for ", object);
  }
  return text;
}

}  // namespace rayd::sim
