// What local_mode remembers: objects, tasks and actors as plain records under one lock.
//
//   task    waiting ──arguments──▶ queued ──resources──▶ running ──▶ done
//              └───────── cancel, or an argument's error ─────────────▲
//   actor   starting ──factory──▶ alive ──kill, exit──▶ dead
//              ▲────────── kill(restart) ──┘
//
// Every field is guarded by LocalRuntime's mutex, except what is said to be constant.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ray/internal/executor.h"
#include "ray/internal/runtime.h"

namespace ray::internal {

class LocalRuntime;

/// Quantities in 1/10000, by resource.
using Demand = std::map<std::string, int64_t>;

/// A value in memory; constant once made. Holds what it contains until it is destroyed, which must
/// not happen under the lock: see Garbage.
class StoredValue {
 public:
  /// Copies. The caller counts what is contained (LocalRuntime::store).
  StoredValue(std::weak_ptr<LocalRuntime> runtime, const SerializedValue& value);
  explicit StoredValue(std::shared_ptr<const ErrorInfo> error) : error_(std::move(error)) {}
  ~StoredValue();
  StoredValue(const StoredValue&) = delete;
  StoredValue& operator=(const StoredValue&) = delete;

  const std::vector<ObjectId>& contained() const { return contained_; }
  const std::shared_ptr<const ErrorInfo>& error() const { return error_; }
  static FetchedValue fetched(const std::shared_ptr<const StoredValue>& value);

 private:
  std::weak_ptr<LocalRuntime> runtime_;
  ValueTag tag_ = kNilTag;
  size_t size_ = 0;
  std::unique_ptr<std::max_align_t[]> bytes_;
  std::vector<ObjectId> contained_;
  std::shared_ptr<const ErrorInfo> error_;
};
using ValuePointer = std::shared_ptr<const StoredValue>;

/// One thread in Get or Wait.
struct Waiter {
  size_t missing = 0;  // objects still to come before it goes on
  std::condition_variable wake;
};

struct LocalActor;

struct LocalArgument {
  ObjectId reference;  // nil: `value`. Counted while the task is not done
  ValuePointer value;
};

struct LocalTask {
  enum class State : uint8_t { kWaiting, kQueued, kRunning, kDone };

  // Constant.
  ObjectId result;
  uint64_t seq = 0;
  const CallTemplate* call = nullptr;
  std::shared_ptr<LocalActor> actor;  // creations and calls
  ObjectId caller;                    // calls of one caller run in order: a task, an actor, or nil

  std::vector<LocalArgument> arguments;
  State state = State::kWaiting;
  size_t missing = 0;  // arguments still to come
  uint32_t attempt = 1;
  uint32_t incarnation = 0;  // of the actor, when it started
  Demand demand;             // to start
  Demand held;               // while it runs
  std::vector<std::weak_ptr<LocalTask>> children;

  std::atomic<bool> cancelled{false};  // read by IsCancelled without the lock
};
using TaskPointer = std::shared_ptr<LocalTask>;

struct LocalActor {
  enum class State : uint8_t { kStarting, kAlive, kDead };

  // Constant.
  ActorId id;
  const CallTemplate* creation = nullptr;
  std::pair<std::string, std::string> name;  // namespace, name; the name is empty: unnamed
  enum class Counted : bool { kNo, kYes };
  Counted counted = Counted::kYes;  // ends with its last handle
  Demand held;                      // while it lives

  State state = State::kStarting;
  uint32_t incarnation = 1;
  int64_t restarts_left = 0;  // −1: for ever
  std::vector<LocalArgument> arguments;
  std::shared_ptr<ActorInstance> instance;
  std::map<ObjectId, std::deque<TaskPointer>> calls;  // by caller, not begun, in the order made
  std::map<ObjectId, TaskPointer> running;            // by result
  std::shared_ptr<const ErrorInfo> death;
};
using ActorPointer = std::shared_ptr<LocalActor>;

struct LocalObject {
  uint64_t count = 0;
  ValuePointer value;    // null: not ready
  TaskPointer producer;  // null: a put, or a handle
  ActorPointer actor;    // a handle
  std::vector<TaskPointer> dependents;
  std::vector<Waiter*> waiters;
};

/// What is to be destroyed after the lock is released: destructors of values and of users' objects.
struct Garbage {
  Garbage() = default;
  Garbage(const Garbage&) = delete;
  ~Garbage();

  std::vector<ValuePointer> values;
  std::vector<std::shared_ptr<ActorInstance>> instances;
  std::vector<TaskPointer> tasks;
};

}  // namespace ray::internal
