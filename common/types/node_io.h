// The inbox and the actions of a node core: everything that reaches it, everything it asks for.
//
// A shell receives, decodes, calls NodeCore::on, and performs the actions in order. Actions that
// can fail come back as inputs with their key. The simulator makes the same calls and may stop
// between two actions of one handler.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/types/client_messages.h"
#include "common/types/head_messages.h"
#include "common/types/peer_messages.h"

namespace rayd {

// ---- inputs
// ---------------------------------------------------------------------------------------

/// Begins every batch: what expired during a pause is handled before any queued message.
struct Tick {};
struct FromClient {
  ClientId client;
  ClientMessage message;
};
struct FromPeer {
  NodeId node;
  PeerMessage message;
};
struct FromHead {
  HeadToNode message;
};
/// A driver (or a shell verb's session) connected; workers announce themselves by WorkerStarted.
struct ClientConnected {
  ClientId client;
  std::string name;
  std::string name_space;
  ImageHash image;
};
/// It is dead (a reaped pid, a pidfd, an expired remote session); its ring has been drained.
struct ClientGone {
  ClientId client;
};
struct WorkerStarted {
  ClientId worker;
  int32_t pid = 0;
};
struct WorkerStartFailed {
  ClientId worker;
  std::string reason;
};
/// Reaped, descendants included; its `out` ring has been drained. `claimed` is the slot whose claim
/// word said *started* without a Done.
struct WorkerDied {
  ClientId worker;
  std::string cause;  // "signal 9 (Killed)", "exit status 3", with the last stderr lines
  std::vector<std::pair<TaskId, uint32_t>> claimed;
};
/// The answer to RevokeSlot. kWon: the worker will never run it.
struct SlotRevoked {
  ClientId worker;
  TaskId task;
  uint32_t attempt = 0;
  enum class Outcome : uint8_t { kWon, kAlreadyStarted };
  Outcome outcome = Outcome::kWon;
};
struct Pulled {
  ObjectId object;
  Extent extent;
};
struct PullFailed {
  ObjectId object;
  NodeId from;
  std::string reason;
};

using NodeInput =
    std::variant<Tick, FromClient, FromPeer, FromHead, ClientConnected, ClientGone, WorkerStarted,
                 WorkerStartFailed, WorkerDied, SlotRevoked, Pulled, PullFailed>;

// ---- actions
// --------------------------------------------------------------------------------------

struct ToClient {
  ClientId client;
  ClientAnswer message;
};
/// Push into the worker's work ring (a claim word says whether it ran).
struct ToWorker {
  ClientId worker;
  Run run;
};
struct ToPeer {
  NodeId node;
  PeerMessage message;
};
struct ToHead {
  NodeToHead message;
};
/// Start a worker process of this image; the answer is WorkerStarted or WorkerStartFailed.
/// Workers take the odd serials of this node, so that whoever names drivers takes the even ones.
struct StartWorker {
  ClientId worker;
  ImageHash image;
  std::vector<std::pair<std::string, std::string>> environment;
};
/// End it: kKill at once; kGraceful: ask (it finishes nothing more). Answer: WorkerDied, always.
struct StopWorker {
  ClientId worker;
  enum class How : uint8_t { kGraceful, kKill };
  How how = How::kGraceful;
};
struct RevokeSlot {
  ClientId worker;
  TaskId task;
  uint32_t attempt = 0;
};
/// Sets the cancel word for the slot of (task, attempt), if it is the running one.
struct SetCancelWord {
  ClientId worker;
  TaskId task;
  uint32_t attempt = 0;
};
/// Bring a copy here from `from`, into `room` of this node's store (header and payload); the answer
/// is Pulled or PullFailed.
struct PullObject {
  ObjectId object;
  NodeId from;
  uint64_t size = 0;
  Extent room;
};
/// The store space is no longer needed: memory goes back.
struct FreeExtent {
  Extent extent;
};
/// How many of this client's tasks have ended, ever: published in shared memory (latest wins), so
/// that the client can keep max_pending_tasks.
struct PublishFinished {
  ClientId client;
  uint64_t finished = 0;
};
/// The driver that connected has its job.
struct ClientReady {
  ClientId client;
  JobId job;
  std::string name_space;
};
/// For `rayctl events` and the log: an event name with fields.
struct Event {
  enum class Level : uint8_t { kDebug, kInfo, kWarn, kError };
  Level level = Level::kInfo;
  std::string name;
  std::string text;
};

using NodeAction =
    std::variant<ToClient, ToWorker, ToPeer, ToHead, StartWorker, StopWorker, RevokeSlot,
                 SetCancelWord, PullObject, FreeExtent, PublishFinished, ClientReady, Event>;

/// What a handler may use beside its own state.
struct NodeContext {
  Time now;
  Random& random;
  std::vector<NodeAction>& out;
};

struct NodeOptions {
  NodeId node;
  std::string name;
  std::string address;  // as in NodeView
  KeyHash identity;
  Labels labels;
  ResourceSet total;
  uint32_t max_workers = 0;      // default 8 × CPUs + 64
  uint32_t pipeline_depth = 64;  // tasks of one shape queued in a worker's ring
  Duration idle_worker_timeout = Duration::seconds(10);
  Duration overtake_after = Duration::millis(1);  // P2/§1: behind a long task while a CPU is free
  Duration store_full_timeout = Duration::millis(10'000);
  uint64_t store_capacity_bytes = 0;
  uint64_t store_virtual_bytes = 0;
  Duration lease = Duration::seconds(4);
  Duration cancel_grace = Duration::seconds(5);  // of children whose parent died
};

}  // namespace rayd
