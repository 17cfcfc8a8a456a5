// Worker: the record of one worker process, shared by Workers (process, resources) and Assignments
// (the slots of its work ring).
#pragma once

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
  uint64_t blocked_order = 0;  // whoever blocked later has the larger one
  bool is_relieved = false;    // its wait was failed for max_workers and it has not gone on yet

  // kBusy: the slots in ring order; the first one runs or is about to.
  std::deque<Slot> slots;
  uint32_t revoking = 0;  // slots in state kRevoking
  uint8_t depth = 0;      // of the first slot's task: how many tasks wait above it
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
};

}  // namespace rayd::node
