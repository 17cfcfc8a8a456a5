// ActorHost: incarnations that live on this node (protocols.md P3, side B), and this node's lease.
//
//   Start ──▶ its arguments come ──▶ waits for a worker ──▶ constructing ──▶ up ──▶ ending ──▶
//   ended
//                  │ refused               │ refused            │ threw      │ killed, exits    │
//                  ▼                       ▼                    └────────────┴──▶ reaped: Down,
//                  told
//              StartRefused          StartRefused                           until acknowledged ◀─┘
//
// Calls go into the worker's ring in order, several at once. Those of this node come from
// ActorCalls as they are ready (run_own). Those of other nodes wait in a line per caller until
// their arguments are here, and their replies are kept until the caller has acknowledged them.
//
// A node whose lease ran out freezes the actors that may be restarted elsewhere: calls wait, and so
// does everything their workers say. A renewed lease thaws them.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "daemon/node/parts.h"
#include "daemon/node/seq_table.h"

namespace rayd::node {

class ActorHost {
 public:
  explicit ActorHost(Parts& parts) : parts_(parts) {}

  void on_start(NodeContext& context, StartActor&& message);
  void on_end(NodeContext& context, const EndActor& message);
  void on_announce_ack(NodeContext& context, const AnnounceAck& message);
  void on_worker(NodeContext& context, ActorId actor, uint32_t incarnation, ClientId worker);
  void on_worker_failed(NodeContext& context, ActorId actor, uint32_t incarnation, ErrorRef cause);
  void on_worker_died(NodeContext& context, const WorkerDied& message);
  void on_done(NodeContext& context, ClientId worker, Done&& message);
  /// True if the slot is an actor's call (else Assignments knows it).
  bool on_slot_revoked(NodeContext& context, const SlotRevoked& message);
  void on_object_ready(NodeContext& context, TaskId task, ObjectId object);
  void on_peer(NodeContext& context, NodeId from, Attach&& message);
  void on_peer(NodeContext& context, NodeId from, Detach&& message);
  void on_peer(NodeContext& context, NodeId from, ActorCall&& message);
  void on_peer(NodeContext& context, NodeId from, SkipCall&& message);
  void on_peer(NodeContext& context, NodeId from, CancelCall&& message);
  void on_lease(NodeContext& context, const LeaseRenewed& message);
  void on_node_dead(NodeContext& context, NodeId node);
  /// The actor that lives in this worker; nil if none. A handle it holds to itself is not counted.
  ActorId actor_in(ClientId worker) const;
  /// False if the actor in this worker has no call to run: it waits for somebody to call it.
  bool is_at_work(ClientId worker) const;
  void reannounce(Announce& announce) const;
  void on_tick(NodeContext& context);
  std::optional<Time> next_deadline() const;
  void append_to(struct Snapshot& snapshot) const;

  // ---- for ActorCalls: calls of this node, without messages -----------------------------------
  enum class Taken : bool { kNo, kYes };
  /// The arguments are here, and held by the caller's record. kNo: the incarnation is gone.
  Taken run_own(NodeContext& context, ActorId actor, Run&& run);
  /// Its result comes, perhaps before this returns.
  void cancel_own(NodeContext& context, ActorId actor, TaskId task, Cancel::Recursive recursive);
  /// The caller's record goes, but the worker may still read what it holds: kept until it is
  /// reaped.
  void keep_until_reaped(NodeContext& context, ActorId actor, std::vector<ObjectId>&& held);

  // ---- for NodeCore -----------------------------------------------------------------------------
  /// True if what this worker says has to wait: the message was kept.
  bool keep_if_frozen(ClientId worker, ClientMessage& message);
  /// The next message that was kept and may be handled now.
  std::optional<FromClient> take_thawed();

 private:
  /// A call on its way to the worker's ring.
  struct Queued {
    Run run;
    NodeId from;  // of the caller
    ClientId caller;
    uint64_t n = 0;
    std::vector<ObjectId> held;  // calls of other nodes: by us
  };
  /// A run in the ring that has not ended.
  struct Slot {
    enum class State : uint8_t { kQueued, kRevoking, kStarted };
    TaskId task;
    TemplateRef call;
    State state = State::kQueued;
    NodeId from;
    ClientId caller;
    uint64_t n = 0;
    Cancel::Recursive cancels_children = Cancel::Recursive::kNo;
    std::vector<ObjectId> held;
    std::vector<ObjectId> granted;  // to the worker, by the Run
  };
  /// A call of another node that waits for its arguments.
  struct Waiting {
    ActorCall message;
    uint32_t missing = 0;
  };
  struct Kept {
    TaskId task;
    std::vector<Value> results;  // their references are held
    ErrorRef error;
  };
  struct RemoteCaller {
    NodeId node;
    uint64_t next = 1;
    std::deque<Waiting> line;
    std::map<uint64_t, Kept> replies;
  };
  struct Instance {
    enum class Phase : uint8_t { kArguments, kWorker, kConstructing, kUp, kEnding, kEnded };
    ActorId actor;
    uint32_t incarnation = 0;
    Phase phase = Phase::kArguments;
    TemplateRef creation;
    JobId job;
    ClientId worker;
    bool is_frozen = false;
    // the creation's
    std::vector<Arg> args;
    std::vector<Value> values;
    std::vector<ObjectId> held;
    uint32_t missing = 0;
    // the end
    ErrorRef end_cause;  // set before it is reaped: this is why
    ActorDown::Final final = ActorDown::Final::kNo;
    // calls
    std::deque<Queued> queue;
    std::deque<Slot> slots;
    std::vector<ObjectId> held_by_ended;  // calls whose records are gone
    std::map<ClientId, RemoteCaller> callers;
  };

  // life (actor_host.cc)
  Instance* find(ActorId actor) { return instances_.find(actor); }
  Instance* find(ActorId actor, uint32_t incarnation);
  Instance* in_worker(ClientId worker);
  void drop_all(NodeContext& context, std::vector<ObjectId>& objects);
  void await_creation(NodeContext& context, Instance& instance);
  void fail_creation(NodeContext& context, Instance& instance, const ErrorRef& lost);
  void forget_creation_waits(const Instance& instance);
  void refuse(NodeContext& context, Instance& instance, ErrorRef cause);
  void construct(NodeContext& context, Instance& instance);
  void on_constructed(NodeContext& context, Instance& instance, const ErrorRef& error);
  void end_process(NodeContext& context, Instance& instance, ErrorRef cause, StopWorker::How how);
  void tell_down(NodeContext& context, Instance& instance, ErrorRef cause);
  void leave_callers(NodeContext& context, Instance& instance, const WorkerDied& message);
  static std::string label(const Instance& instance);
  ErrorRef error_about(const Instance& instance, std::string message) const;

  // calls (actor_host_calls.cc)
  size_t depth(const Instance& instance) const;
  void enqueue(NodeContext& context, Instance& instance, Queued&& queued);
  void push_more(NodeContext& context, Instance& instance);
  void push(NodeContext& context, Instance& instance, Queued&& queued);
  void cancel(NodeContext& context, Instance& instance, TaskId task, Cancel::Recursive recursive);
  void set_cancel_word(NodeContext& context, const Instance& instance, const Slot& slot);
  void cancel_what_it_submitted(NodeContext& context, const Instance& instance);
  void answer(NodeContext& context, Instance& instance, Slot&& slot, std::vector<Value>&& results,
              ErrorRef error);
  ErrorRef complete_error(const Instance& instance, const Slot& slot, const ErrorInfo& error) const;
  ErrorRef not_begun_error(const Instance& instance, const Slot& slot) const;

  // callers of other nodes (actor_host_peers.cc)
  /// nullptr: not here, or it has ended.
  Instance* serving(ActorId actor, uint32_t incarnation);
  static RemoteCaller* find_caller(Instance& instance, ClientId client);
  void tell_stale(NodeContext& context, NodeId to, ActorId actor, uint32_t incarnation,
                  ClientId caller, uint64_t started);
  void advance(NodeContext& context, Instance& instance, RemoteCaller& caller);
  bool await_front(NodeContext& context, Instance& instance, RemoteCaller& caller);
  void end_front(NodeContext& context, Instance& instance, RemoteCaller& caller,
                 const ErrorRef& error);
  void on_argument_of_call(NodeContext& context, TaskId task, ObjectId object);
  void forget_waits(const Waiting& waiting);
  void reply(NodeContext& context, Instance& instance, ClientId client, uint64_t n, TaskId task,
             std::vector<Value>&& results, ErrorRef error);
  void send_reply(NodeContext& context, const Instance& instance, const RemoteCaller& caller,
                  ClientId client, uint64_t n, const Kept& kept);
  void acknowledge(NodeContext& context, RemoteCaller& caller, uint64_t acked);
  void drop_reply(NodeContext& context, const Kept& kept);
  void drop_caller(NodeContext& context, RemoteCaller& caller);

  // the lease (actor_host_lease.cc)
  void freeze(NodeContext& context);
  enum class Frozen : bool { kNo, kYes };
  void set_frozen(Frozen frozen);
  void thaw(NodeContext& context);
  bool has_ended_unheard(ClientId worker, TaskId task) const;

  Parts& parts_;
  SeqTables<Instance> instances_;
  std::unordered_map<ClientId, ActorId, IdHash> workers_;   // looked up only
  std::map<TaskId, std::pair<ActorId, ClientId>> waiting_;  // calls of other nodes, for arguments

  std::optional<Time> renew_at_;  // nullopt: no tick yet
  Time lease_from_;               // sending time of the newest renewal that was acknowledged
  uint64_t last_renewal_ = 0;
  std::deque<std::pair<uint64_t, Time>> renewals_;  // unacknowledged
  enum class Lease : uint8_t { kValid, kOver };
  Lease lease_ = Lease::kValid;
  std::map<ClientId, std::deque<ClientMessage>> frozen_;  // what their workers said
  std::deque<FromClient> thawed_;                         // the same, to be handled now
};

}  // namespace rayd::node
