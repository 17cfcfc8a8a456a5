// The hot lane's messages: what a client or worker says to its daemon (`out` ring), what the daemon
// answers (`answers` ring), and the work it hands to a worker (`work` ring).
//
// Counting (protocols.md P1): every occurrence of an ObjectId as a reference, argument reference or
// in `contains` of a message *daemon → client* is one grant to that client; the client's core
// counts what it received and gives it back with Release. Submit, CallActor, CreateActor and Put
// create each object with one grant to the client that sent them. What a client sends precedes its
// Release. An actor's handle is a reference to the object of index 0 of its creation.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "common/base/clock.h"
#include "common/types/call.h"
#include "common/types/group.h"

namespace rayd {

// ---- client → daemon --------------------------------------------------------------------------

/// Registers template `id` (dense, from 0, in order). Twice the same id: ignored if equal.
struct DefineTemplate {
  uint32_t id = 0;
  CallTemplate definition;
};

/// Creates the objects 1 … return_count of `task`. `task.seq()` rises strictly per client.
struct Submit {
  TaskId task;
  uint32_t template_id = 0;
  std::vector<Arg> args;
};

/// Creates object 0 of `creation`: the handle.
struct CreateActor {
  TaskId creation;
  uint32_t template_id = 0;
  std::vector<Arg> args;
};

struct CallActor {
  TaskId task;
  ActorId actor;
  uint32_t template_id = 0;
  std::vector<Arg> args;
};

/// A put: inline bytes, or an extent in an arena of this client ("Sealed", design.md §5).
struct Put {
  ObjectId object;
  Value value;
};

struct CountedObject {
  ObjectId object;
  uint32_t count = 0;
  auto operator<=>(const CountedObject&) const = default;
};

/// Gives counted references back.
struct Release {
  std::vector<CountedObject> objects;
};

/// "Tell me, once each, when these are ready": Get and Wait. The answer's space in the ring is the
/// client's to reserve. Wanting again what was answered answers again.
struct Want {
  std::vector<ObjectId> objects;
  /// kYes: answer with the value's bytes or extent (Get); kNo: only that it is ready (Wait).
  enum class Fetch : bool { kNo, kYes };
  Fetch fetch = Fetch::kYes;
};

/// The wait ended (timeout): answers that have not left need not.
struct Unwant {
  std::vector<ObjectId> objects;
};

/// The running task of this worker waits: its CPUs are lent until Unblocked. `wait` numbers the
/// waits of a worker that may be told to run a task inside of them (RunInline), and `objects` are
/// all that it waits for then; 0: not in this one.
struct Blocked {
  uint64_t wait = 0;
  std::vector<ObjectId> objects;  // at most 100, wanted with their values before
};
struct Unblocked {};

struct Cancel {
  TaskId task;
  enum class Force : bool { kNo, kYes };
  enum class Recursive : bool { kNo, kYes };
  Force force = Force::kNo;
  Recursive recursive = Recursive::kYes;
};

struct KillActor {
  ActorId actor;
  enum class NoRestart : bool { kNo, kYes };
  NoRestart no_restart = NoRestart::kYes;
};

/// Looks a named actor up; answered by ActorFound with the same request number.
struct GetActor {
  uint64_t request = 0;
  std::string name;
  std::string name_space;
};

/// Asks for room in the store; answered by ArenaGranted or ArenaRefused (after
/// store_full_timeout_ms) with the same request number.
struct RequestArena {
  uint64_t request = 0;
  uint64_t bytes = 0;
  enum class Kind : uint8_t { kArena, kExtent };
  Kind kind = Kind::kArena;
};

/// This client allocates no more in the arena: dead parts of it may be reused.
struct CloseArena {
  Extent arena;
};

/// A worker's terminal message for the slot it claimed.
struct Done {
  TaskId task;
  uint32_t attempt = 0;
  std::vector<Value> results;  // return_count of them, or none with `error`
  ErrorRef error;              // the user's exception; null: fine
  /// The actor asked to end itself (ExitActor) with this call.
  enum class ActorExits : bool { kNo, kYes };
  ActorExits actor_exits = ActorExits::kNo;
};

using ClientMessage = std::variant<DefineTemplate, Submit, CreateActor, CallActor, Put, Release,
                                   Want, Unwant, Blocked, Unblocked, Cancel, KillActor, GetActor,
                                   RequestArena, CloseArena, Done, GroupRequest>;

// ---- daemon → client --------------------------------------------------------------------------

/// `object` is ready. With Fetch::kYes the value is here: inline, extent or error.
struct Ready {
  ObjectId object;
  Value value;
};

struct ActorFound {
  uint64_t request = 0;
  ActorId actor;  // nil: no such actor
  TemplateRef creation;
};

struct ArenaGranted {
  uint64_t request = 0;
  Extent arena;
};

struct ArenaRefused {
  uint64_t request = 0;
  uint64_t used_bytes = 0;
  uint64_t capacity_bytes = 0;
};

/// What a program is told.
inline std::string store_full_text(uint64_t wanted_bytes, const ArenaRefused& refused) {
  return "the object store is full: " + std::to_string(wanted_bytes) + " bytes wanted, " +
         std::to_string(refused.used_bytes) + " of " + std::to_string(refused.capacity_bytes) +
         " in use. Drop references, or start with a larger --object-store-memory";
}

/// No worker is left (max_workers) for a task that wait number `wait` of this worker needs: it is,
/// or soon will be, in the work ring, to be claimed and run inside of the wait. Means nothing once
/// that wait is over; the daemon takes the task back when it hears of that.
struct RunInline {
  uint64_t wait = 0;
};

/// A message was refused (a hostile or mistaken client): the session ends after it.
struct SessionError {
  std::string message;
};

using ClientAnswer = std::variant<Ready, ActorFound, ArenaGranted, ArenaRefused, SessionError,
                                  GroupReply, RunInline>;

// ---- daemon → worker: work --------------------------------------------------------------------

/// Runs one call. The shell sends the function's definition to a worker before its first use.
/// References among the arguments are resolved: every Arg here is a value (or an error, which fails
/// the call with it before the function is entered).
struct Run {
  TaskId task;
  uint32_t attempt = 0;
  TemplateRef call;
  std::vector<Value> args;
  ActorId actor;               // creation and calls
  uint32_t incarnation = 0;    // > 1: the actor was restarted
  JobId job;                   // for logs: it does not travel to the worker
  std::vector<uint32_t> gpus;  // the devices it may use; of an actor: its creation says them
};

}  // namespace rayd
