// Between a node and the head (protocols.md P3, §5). The head beside a node in one process talks to
// it through the same messages, by an in-process session.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "common/base/clock.h"
#include "common/types/call.h"
#include "common/types/group.h"
#include "common/types/identity.h"
#include "common/types/peer_messages.h"

namespace rayd {

enum class ActorState : uint8_t { kPending, kAlive, kRestarting, kDead };
enum class NodeState : uint8_t { kAlive, kSuspect, kDraining, kDead };
enum class JobState : uint8_t { kPending, kRunning, kSucceeded, kFailed, kCancelled };

/// What the scheduler knows of a node. `version` rises with every change on that node.
struct NodeView {
  NodeId node;
  uint64_t version = 0;
  std::string name;
  std::string address;  // host:port where others reach it; empty: it listens to nobody
  KeyHash identity;     // as the head has seen it proven, whatever the node says
  ResourceSet total;
  ResourceSet used;  // reserved by running work
  ResourceSet lent;  // of used: lent by blocked workers
  uint32_t queued = 0;
  Labels labels;
};

/// What the head's row of an actor says to those who care.
struct ActorInfo {
  ActorId actor;
  ActorState state = ActorState::kPending;
  NodeId node;
  uint32_t incarnation = 0;
  uint32_t restarts = 0;
  ErrorRef cause;  // kDead, kRestarting: why; kPending: why no node can have it (kInfeasible)
  TemplateRef creation;
  JobId job;
};

// ---- node → head --------------------------------------------------------------------------------

/// First words of a session and after each head restart: all the node holds.
struct Announce {
  uint64_t epoch = 0;  // the last the node heard; 0: none
  NodeView view;
  struct Hosted {
    ActorId actor;
    uint32_t incarnation = 0;
    enum class Phase : uint8_t { kStarting, kUp, kEnded };
    Phase phase = Phase::kStarting;
    ErrorRef cause;
  };
  std::vector<Hosted> actors;
  std::vector<ActorId> subscriptions;
  uint64_t settled_reported = 0;  // membership version
  struct Bundles {
    GroupId group;
    uint64_t round = 0;
    enum class Phase : uint8_t { kReserved, kCommitted };
    Phase phase = Phase::kReserved;
  };
  std::vector<Bundles> bundles;
  std::vector<GroupId> groups;  // as if it sent SubscribeGroup for each
};
struct RenewLease {
  uint64_t number = 0;  // echoed by LeaseRenewed; the node measures from its sending time
};
struct ViewChanged {
  NodeView view;
};
/// Creates an actor. Its arguments travel with Start; `args` are resolved by the creator's node,
/// which holds what they name until no incarnation can need them; so `transfer` counts nothing.
/// Its node hears of every change, as a subscriber.
struct CreateActorRow {
  OperationId operation;
  ActorId actor;
  TemplateRef creation;
  JobId job;
  NodeId owner;  // the node of the creator; the head if detached
  std::vector<Arg> args;
  std::vector<Value> values;
  Transfer transfer;
};
/// The creation's arguments failed, or its creator was cancelled: no incarnation was ever started.
struct AbandonActor {
  OperationId operation;
  ActorId actor;
  ErrorRef cause;
};
struct ActorUp {
  ActorId actor;
  uint32_t incarnation = 0;
};
struct ActorDown {
  ActorId actor;
  uint32_t incarnation = 0;
  ErrorRef cause;
  enum class Final : bool { kNo, kYes };
  Final final = Final::kNo;  // kYes: ExitActor, or the constructor threw: not restarted
};
struct StartRefused {
  ActorId actor;
  uint32_t incarnation = 0;
  ErrorRef cause;  // set: holds everywhere (the actor is dead); null: no room, see `view`
  uint64_t view = 0;
};
struct KillActorRow {
  OperationId operation;
  ActorId actor;
  KillActor::NoRestart no_restart = KillActor::NoRestart::kYes;
  ErrorRef cause;  // null: killed by Kill; set: e.g. its last handle is gone, its job ended
};
struct Subscribe {
  ActorId actor;
};
struct Unsubscribe {
  ActorId actor;
};
struct FindActor {
  OperationId operation;
  std::string name;
  std::string name_space;  // empty: that of `job`
  JobId job;
};
/// A driver outside the cluster connected: it is a job of its own.
struct DriverConnected {
  OperationId operation;
  ClientId client;
  std::string name;
  std::string name_space;
  JobId job;  // that it has from the head before it started anew
};
struct DriverGone {
  ClientId client;
};
/// Node N has processed all it had received from the node that died at m, and all its Borrows are
/// acknowledged (P1 rule 6).
struct SettledReport {
  uint64_t m = 0;
};
/// The daemon ends in order; its workers and clients are gone.
struct Leave {};

/// What a client of the node asks, and the job it asks for. Asked again of a head that starts anew.
struct GroupAsked {
  GroupRequest request;
  JobId job;
};
/// The node wants to hear of the group's changes until it is removed.
struct SubscribeGroup {
  GroupId group;
};
/// All that ReserveBundles named is set apart.
struct BundlesReserved {
  GroupId group;
  uint64_t round = 0;
};
/// There is no room for all of it, and nothing is set apart.
struct BundlesRefused {
  GroupId group;
  uint64_t round = 0;
  uint64_t view = 0;
};
/// Calls may use them; `view` has what they offer.
struct BundlesCommitted {
  GroupId group;
  uint64_t round = 0;
  NodeView view;
};

using NodeToHead =
    std::variant<Announce, RenewLease, ViewChanged, CreateActorRow, AbandonActor, ActorUp,
                 ActorDown, StartRefused, KillActorRow, Subscribe, Unsubscribe, FindActor,
                 DriverConnected, DriverGone, SettledReport, Leave, PeerMessage, GroupAsked,
                 SubscribeGroup, BundlesReserved, BundlesRefused, BundlesCommitted>;

// ---- head → node --------------------------------------------------------------------------------

struct Welcome {
  uint64_t epoch = 0;
  NodeId node;
  uint64_t membership = 0;  // m
};
struct LeaseRenewed {
  uint64_t number = 0;
};
/// One batched delta of views, ≤ 1/s (at once when a node joins, leaves or becomes suspect).
struct Views {
  std::vector<NodeView> changed;
};
struct NodeStateChanged {
  NodeId node;
  NodeState state = NodeState::kAlive;
  uint64_t m = 0;  // set when the state is journalled (dead)
};
struct Settled {
  uint64_t m = 0;
};
/// The references of `transfer` are the receiver's to borrow: the creator's node holds them.
struct StartActor {
  ActorId actor;
  uint32_t incarnation = 0;
  TemplateRef creation;
  JobId job;
  std::vector<Arg> args;
  std::vector<Value> values;
  Transfer transfer;
};
struct EndActor {
  ActorId actor;
  uint32_t incarnation = 0;
  ErrorRef cause;
};
struct ActorChanged {
  ActorInfo info;
};
/// What the head has journalled of Announce.actors: the node may forget what ended.
struct AnnounceAck {
  std::vector<ActorId> actors;
};
struct OperationReply {
  OperationId operation;
  ErrorRef error;
  ActorInfo actor;         // FindActor, CreateActorRow (get_if_exists: the one that exists)
  JobId job;               // DriverConnected
  std::string name_space;  // of that job
};
/// The job ended: its tasks and attached actors are cancelled, its workers ended.
struct JobEnded {
  JobId job;
};

/// First phase: set all of these apart, or none. A round is never used twice.
struct ReserveBundles {
  GroupId group;
  uint64_t round = 0;
  struct Entry {
    uint32_t index = 0;
    ResourceSet demand;
  };
  std::vector<Entry> bundles;
};
/// Second phase, after the row that says so was journalled.
struct CommitBundles {
  GroupId group;
  uint64_t round = 0;
};
/// They are not needed, or no longer: what runs in them ends. Answered by the next view.
struct ReturnBundles {
  GroupId group;
  uint64_t round = 0;
};
struct GroupChanged {
  GroupInfo info;
  uint64_t version = 0;  // rises: the latest wins
};

using HeadToNode =
    std::variant<Welcome, LeaseRenewed, Views, NodeStateChanged, Settled, StartActor, EndActor,
                 ActorChanged, AnnounceAck, OperationReply, JobEnded, PeerMessage, ReserveBundles,
                 CommitBundles, ReturnBundles, GroupChanged, GroupReply>;

}  // namespace rayd
