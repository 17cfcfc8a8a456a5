// Worker: the record of one worker process, shared by Workers (process, resources) and Assignments
// (the slots of its work ring).
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "common/types/node_io.h"
#include "daemon/scheduling/gpus.h"
#include "daemon/scheduling/shapes.h"

namespace rayd::node {

using scheduling::RuntimeId;
using scheduling::ShapeId;

/// One run that was pushed into the worker's ring and has not ended.
struct Slot {
  enum class State : uint8_t {
    kQueued,    // pushed; the worker may have claimed it
    kRevoking,  // RevokeSlot is out, its answer will come
    kStarted,   // the claim word said so
  };
  uint32_t attempt_index = 0;  // into Assignments' table
  State state = State::kQueued;
  /// It was to run inside of a wait that ended first, and has resources of its own
  /// (Worker::left_over) until it is taken back, or runs after all.
  bool is_left_over = false;
};

/// What a call has while another runs inside of its wait (Assignments::run_inline).
struct OuterCall {
  ResourceSet held;
  ResourceSet lent;
  std::vector<scheduling::GpuShare> gpus;
  uint64_t wait = 0;
  std::vector<ObjectId> waits_for;
  uint64_t blocked_order = 0;
};

struct Worker {
  enum class State : uint8_t { kStarting, kIdle, kBusy, kActor, kEnding };

  ClientId id;
  State state = State::kStarting;
  int32_t pid = 0;
  RuntimeId runtime = scheduling::kNoId;
  Time since;  // of the state; kBusy: since its first slot is the first

  // What it holds: a busy worker its shape's demand, an actor's worker `held`.
  ShapeId shape = scheduling::kNoId;
  ResourceSet held;
  bool is_blocked = false;  // its CPUs are lent
  ResourceSet lent;
  std::vector<scheduling::GpuShare> gpus;
  uint64_t blocked_order = 0;       // whoever blocked later has the larger one
  uint64_t wait = 0;                // which the worker is in; 0: it can run nothing inside of it
  uint64_t last_wait = 0;           // numbers rise
  std::vector<ObjectId> waits_for;  // in that wait, if it has a number
  bool is_relieved = false;  // its wait was failed for max_workers and it has not gone on yet

  // kBusy: the slots in ring order; the first one runs or is about to. Where calls run inside of
  // the waits of others, the innermost is the first, and as many slots as `outer` has follow it.
  std::deque<Slot> slots;
  std::vector<OuterCall> outer;  // the outermost first
  OuterCall left_over;           // of the slot that is_left_over: what it holds
  uint32_t revoking = 0;         // slots in state kRevoking
  uint8_t depth = 0;             // of the first slot's task: how many tasks wait above it
  /// Set while a forced cancel of this attempt is being decided: the worker gets no new slots.
  uint32_t condemned_for = scheduling::kNoId;
  bool has_started = false;   // the process said so
  bool has_finished = false;  // a call, ever
  bool is_killed = false;     // StopWorker::kKill is out

  // An actor's.
  ActorId actor;
  uint32_t incarnation = 0;
  ResourceSet running_demand;  // what it holds once it is constructed
  bool is_constructed = false;
  std::string name_space;

  // What it holds for a start: counted against further starts only.
  ResourceSet start_demand;
  JobId job;

  bool runs_actor() const { return !actor.is_nil(); }
  /// The slots of calls that have begun and have not ended: the innermost, and those below it.
  size_t nested_calls() const { return std::min(slots.size(), outer.size() + 1); }
};

}  // namespace rayd::node
