// The peer lane between two daemons (protocols.md P1–P3). NodeId 0, the head, takes part as the
// owner of job roots.
//
// Sessions are ordered and exactly-once while both ordinals live. A message that carries references
// has a `Transfer`: which references, and a token by which a third-party sender waits for the
// receiver's TransferDone (P1 rule 2). Every `contains` and argument reference of the message is
// listed there, and counted there only.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "common/base/clock.h"
#include "common/types/call.h"
#include "common/types/client_messages.h"

namespace rayd {

/// References in a message from S to R. For those that S owns, S has already counted a grant to R;
/// for the others S holds a pin until TransferDone(token).
struct Transfer {
  uint64_t token = 0;  // per session direction; 0: no third-party reference inside
  std::vector<ObjectId> references;
};

// ---- P1: references ---------------------------------------------------------------------------

struct Borrow {
  uint64_t token = 0;  // R's own, to match the ack
  std::vector<ObjectId> objects;
};
struct BorrowAck {
  uint64_t token = 0;
  struct Entry {
    ObjectId object;
    ErrorRef lost;  // null: granted
  };
  std::vector<Entry> entries;
};
struct TransferDone {
  uint64_t token = 0;
};
struct PeerRelease {
  std::vector<CountedObject> objects;
};

// ---- values: a node that holds a reference learns its value from the owner
// ------------------------

/// R wants to hear the value (once it is ready). Repeating it asks again.
struct Fetch {
  ObjectId object;
};
/// Owner → R. kStored values name the nodes that hold a copy; the puller asks one of them.
struct FetchedValue {
  ObjectId object;
  Value value;
  Transfer transfer;  // value.contains
};
/// R → owner: R holds a (secondary) copy now, or no longer.
struct CopyChanged {
  ObjectId object;
  enum class Have : bool { kNo, kYes };
  Have have = Have::kYes;
};
/// Owner → holder: the object is freed; drop the copy.
struct DropCopy {
  ObjectId object;
};

// ---- P2: assignment -----------------------------------------------------------------------------

/// A → B: run attempt `attempt` (k) of `task`. Arguments are all ready at A.
struct Assign {
  TaskId task;
  uint32_t attempt = 0;
  TemplateRef call;
  JobId job;
  std::vector<Arg> args;      // inline values, or references with size and locations in `values`
  std::vector<Value> values;  // parallel to args: for a reference, what A knows of its value
  Transfer transfer;
};
/// B → A: B cannot (now). A excludes B until a view newer than `view` arrives.
struct Refused {
  TaskId task;
  uint32_t attempt = 0;
  uint64_t view = 0;
};
/// B → A: the terminal message of attempt k. `results` are inline or stored at B.
struct AttemptDone {
  TaskId task;
  uint32_t attempt = 0;
  std::vector<Value> results;
  ErrorRef error;  // the user's exception
  Transfer transfer;
};
struct AttemptFailed {
  TaskId task;
  uint32_t attempt = 0;
  ErrorRef cause;
  enum class Started : bool { kNo, kYes };
  Started started = Started::kYes;
};
enum class RevokeReason : uint8_t { kMove, kCancel, kForce };
/// A → B: take attempt k back.
struct Revoke {
  TaskId task;
  uint32_t attempt = 0;
  RevokeReason reason = RevokeReason::kMove;
  Cancel::Recursive recursive = Cancel::Recursive::kYes;  // also what that attempt submitted
};
/// B → A: attempt k has not started and never will.
struct Revoked {
  TaskId task;
  uint32_t attempt = 0;
};
/// A holder's node → A: a client there cancels a task of A.
struct CancelTask {
  Cancel cancel;
};
/// A → B: results of a superseded attempt; B frees them.
struct Discard {
  ObjectId object;
  uint32_t attempt = 0;
};

// ---- P3: actor calls, straight between the caller's node C and the actor's node B ---------------

/// The first n of this incarnation. Again, with a higher base: replies below it need not be kept.
struct Attach {
  ActorId actor;
  uint32_t incarnation = 0;
  ClientId caller;
  uint64_t base = 1;
};
struct ActorCall {
  ActorId actor;
  uint32_t incarnation = 0;
  ClientId caller;
  uint64_t n = 0;
  uint64_t acked = 0;  // replies up to here need not be kept
  TaskId task;
  JobId job;
  TemplateRef call;
  std::vector<Arg> args;
  std::vector<Value> values;  // as in Assign
  Transfer transfer;
};
/// n will not be sent (again).
struct SkipCall {
  ActorId actor;
  uint32_t incarnation = 0;
  ClientId caller;
  uint64_t n = 0;
};
struct ActorReply {
  ActorId actor;
  uint32_t incarnation = 0;
  ClientId caller;
  uint64_t n = 0;
  TaskId task;
  std::vector<Value> results;
  ErrorRef error;
  Transfer transfer;
};
/// B → C: B does not serve this incarnation, or no longer: it was reaped. Calls above `started`
/// have not begun there and never will, so they may be made again free of charge.
struct StaleIncarnation {
  ActorId actor;
  uint32_t incarnation = 0;  // the one that was asked for
  ClientId caller;
  uint64_t started = 0;
};
/// C → B: this caller makes no more calls, and has all its replies. B forgets it.
struct Detach {
  ActorId actor;
  uint32_t incarnation = 0;
  ClientId caller;
};
/// C → B: cancel word for a running call, or drop it unstarted. Its reply comes all the same.
struct CancelCall {
  ActorId actor;
  uint32_t incarnation = 0;
  ClientId caller;
  uint64_t n = 0;
  Cancel::Recursive recursive = Cancel::Recursive::kYes;
};

using PeerMessage = std::variant<Borrow, BorrowAck, TransferDone, PeerRelease, Fetch, FetchedValue,
                                 CopyChanged, DropCopy, Assign, Refused, AttemptDone, AttemptFailed,
                                 Revoke, Revoked, CancelTask, Discard, Attach, Detach, ActorCall,
                                 SkipCall, ActorReply, StaleIncarnation, CancelCall>;

}  // namespace rayd
