// Snapshot: what one node knows, as plain values: for the shell's verbs and for the checker of the
// simulator, which compares the snapshots of all nodes with the protocol's invariants.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/types/node_io.h"

namespace rayd::node {

struct ObjectSnapshot {
  ObjectId object;
  uint64_t local = 0;  // own part's and clients' references, pins, holds
  uint64_t seen = 0;   // foreign objects: grants received, unreleased
  std::vector<std::pair<NodeId, uint64_t>> grants;           // own objects
  std::vector<std::pair<ClientId, uint64_t>> client_grants;  // counted inside `local`
  std::vector<std::pair<NodeId, uint64_t>> pins;  // inside `local`: until the node's TransferDone
  uint32_t borrows = 0;                           // foreign objects: Borrows out, unanswered
  Value::Kind kind = Value::Kind::kNone;
  uint64_t size = 0;
  std::vector<NodeId> nodes;
  std::vector<ObjectId> contains;
  Extent extent;  // length > 0: its bytes are in this node's store
};

/// A copy of a foreign object in this node's store, held or not.
struct CopySnapshot {
  ObjectId object;
  Extent extent;
};

enum class TaskPhase : uint8_t { kWaitingForArguments, kQueued, kAssigned, kFinished };

struct TaskSnapshot {
  TaskId task;
  JobId job;
  std::string name;
  TaskPhase phase = TaskPhase::kWaitingForArguments;
  NodeId node;  // kAssigned
  uint32_t attempt = 0;
  /// For people: what it waits for, and the cure if it is infeasible. Empty: it runs.
  std::string pending_reason;
  enum class Infeasible : bool { kNo, kYes };
  Infeasible infeasible = Infeasible::kNo;
};

/// An attempt this node has accepted (side B).
struct AttemptSnapshot {
  TaskId task;
  uint32_t attempt = 0;
  NodeId owner;
  enum class Phase : uint8_t { kPulling, kQueued, kSlot, kRunning };
  Phase phase = Phase::kPulling;
  ClientId worker;  // kSlot, kRunning
  /// Its worker holds resources for it, and not for one before it that it will follow.
  enum class Holds : bool { kNo, kYes };
  Holds holds = Holds::kNo;
};

enum class WorkerPhase : uint8_t { kStarting, kIdle, kBusy, kBlocked, kActor, kEnding };

struct WorkerSnapshot {
  ClientId worker;
  int32_t pid = 0;
  WorkerPhase phase = WorkerPhase::kStarting;
  TaskId task;  // running
  ActorId actor;
  ImageHash image;
};

struct ActorSnapshot {  // hosted here
  ActorId actor;
  uint32_t incarnation = 0;
  ClientId worker;
  std::string class_name;
  std::string name;
  ActorState state = ActorState::kPending;
  uint64_t queued_calls = 0;
  uint64_t held_back = 0;  // frozen: what its worker said meanwhile
};

struct ClientSnapshot {
  ClientId client;
  JobId job;
  std::string name;
  uint64_t unfinished_tasks = 0;
};

struct Snapshot {
  NodeId node;
  uint64_t epoch = 0;
  NodeView view;
  std::vector<ObjectSnapshot> objects;
  std::vector<CopySnapshot> copies;
  std::vector<TaskSnapshot> tasks;  // unfinished ones
  std::vector<AttemptSnapshot> attempts;
  std::vector<WorkerSnapshot> workers;
  std::vector<ActorSnapshot> actors;
  std::vector<ClientSnapshot> clients;
  /// Reservations of placement groups here.
  struct Bundles {
    GroupId group;
    uint64_t round = 0;
    ResourceSet sum;
  };
  std::vector<Bundles> bundles;
  uint64_t store_used_bytes = 0;
  uint64_t store_capacity_bytes = 0;
};

}  // namespace rayd::node
