// Tasks: the owner's side of plain tasks (protocols.md P2, side A), with placement and lineage.
//
//   waiting for arguments ──▶ queued ──Assign(B,k)──▶ assigned(B,k) ──Done/Failed──▶ finished
//                               ▲  Refused, Revoked{not started}: free │
//                               └── Failed with retries left: k+1 ─────┘
//
// Queued means that no node could be given the task; what waits for a CPU of this node is assigned
// to it already, and comes back when another node has room.
//
// From the submit to the end the record holds its arguments. A finished record stays as lineage
// while a return or another record needs it; it keeps records alive, not objects. A record that is
// needed again starts again (on_lost): charged to its retries, its own arguments first.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "daemon/node/assignments.h"
#include "daemon/node/attempt_children.h"
#include "daemon/node/parts.h"
#include "daemon/node/seq_table.h"
#include "daemon/node/snapshot.h"
#include "daemon/scheduling/cluster_view.h"

namespace rayd::node {

/// Finished records kept for one job, by estimate; the oldest go first.
inline constexpr uint64_t kMaxLineageBytes = uint64_t{256} << 20;

class Tasks {
 public:
  explicit Tasks(Parts& parts);

  void on_submit(NodeContext& context, ClientId client, Submit&& message);
  void on_object_ready(NodeContext& context, TaskId task, ObjectId object);
  /// From a client; of a task of this node (others are forwarded to the owner by the caller).
  void on_cancel(NodeContext& context, ClientId client, const Cancel& message);
  void on_job_ended(NodeContext& context, JobId job);
  /// Children of an attempt that was cancelled, its calls of actors among them. What it submits
  /// from now on is cancelled too.
  /// `inline_runs`: how many run inline above the attempt.
  void cancel_children(NodeContext& context, ClientId parent, size_t inline_runs,
                       Cancel::Force force, ErrorRef cause);
  /// The worker's attempt has ended: what it submits from now on belongs to its next one.
  void begin_attempt(ClientId worker);
  /// The worker's attempt waits, and another runs inside of the wait; and the wait goes on.
  void begin_inline(ClientId worker);
  void end_inline(ClientId worker);
  /// The client is dead. A driver's tasks are cancelled, and the children of the attempt that a
  /// worker ran; what a worker submitted in earlier attempts goes on.
  void on_client_gone(NodeContext& context, ClientId client, ErrorRef cause);
  /// Children of the dead that did not heed their cancel are killed.
  void on_tick(NodeContext& context);
  std::optional<Time> next_deadline() const;
  /// Set while the client runs an attempt that was cancelled with its children: what it calls now
  /// is cancelled too.
  ErrorRef cancelled(ClientId client) const;

  // terminal and other messages of B
  void on_peer(NodeContext& context, NodeId from, Refused&& message);
  void on_peer(NodeContext& context, NodeId from, AttemptDone&& message);
  void on_peer(NodeContext& context, NodeId from, AttemptFailed&& message);
  void on_peer(NodeContext& context, NodeId from, Revoked&& message);
  // the same of this node, without messages; the results' references are held for the record
  void on_own_done(NodeContext& context, TaskId task, uint32_t attempt, Done&& message);
  void on_own_failed(NodeContext& context, const AttemptFailed& message);
  void on_own_revoked(NodeContext& context, TaskId task, uint32_t attempt);

  void on_views(NodeContext& context, const std::vector<NodeView>& changed);
  void on_node_state(NodeContext& context, NodeId node, NodeState state);
  /// A client's call or creation of an actor was accepted, or has ended: counted with its tasks, so
  /// that PublishFinished and ClientSnapshot.unfinished_tasks speak of all.
  void on_call_accepted(ClientId client, TaskId call);
  void on_call_ended(NodeContext& context, ClientId client);
  uint64_t unfinished_of(ClientId client) const;
  /// The last copy of a return of ours is gone, and it is pending again: rebuild it
  /// (single-flight), or fail it as lost.
  void on_lost(NodeContext& context, ObjectId object);
  /// A return was freed: its record may go.
  void on_return_freed(NodeContext& context, ObjectId object);
  /// Room appeared somewhere: place queued tasks, and move queued attempts of this node to others
  /// that have room.
  void place(NodeContext& context);
  /// The same of this node's own room: for tasks that wait for any, not in its queue.
  void on_room_here(NodeContext& context);
  void append_to(Snapshot& snapshot) const;

  // ---- for Assignments --------------------------------------------------------------------------
  /// The arguments of an own task that has not ended.
  const std::vector<Arg>& args_of(TaskId task) const;
  /// The number of an own task's attempt on this node; kNoAttempt: none.
  uint32_t own_attempt(TaskId task) const;
  /// Records that are kept, finished ones included.
  size_t record_count() const { return tasks_.size(); }

 private:
  struct Task {
    enum class State : uint8_t { kWaiting, kQueued, kAssigned, kFinished };
    State state = State::kWaiting;
    uint8_t depth = 0;
    bool is_rebuild = false;   // some returns may be there already
    bool has_lineage = false;  // counted in its job's lineage
    uint32_t attempt = 0;      // k of the last Assign
    int32_t retries_left = 0;  // −1: for ever
    NodeId node;               // kAssigned
    uint32_t own_attempt = kNoAttempt;
    uint32_t missing = 0;       // kWaiting: arguments that are not ready
    uint32_t live_returns = 0;  // returns that are not freed
    uint32_t pins = 0;          // records whose arguments are returns of this one
    JobId job;
    TemplateRef call;
    std::vector<Arg> args;
    ErrorRef cancel;  // set: asked to be cancelled, and ends so whatever comes
  };
  /// A client as a submitter.
  struct Submitter {
    uint64_t last_seq = 0;       // of a task
    uint64_t last_call_seq = 0;  // of a call of an actor, or a creation
    uint64_t accepted = 0;
    uint64_t finished = 0;
    uint64_t published = 0;
    AttemptChildren running;             // of the attempt that runs
    std::vector<AttemptChildren> outer;  // of those that wait below it, the outermost first
    bool is_gone = false;

    uint64_t last_of_all() const { return std::max(last_seq, last_call_seq); }
    AttemptChildren children_below(size_t inline_runs) const;
  };
  struct Lineage {
    uint64_t bytes = 0;
    size_t records = 0;
    std::deque<TaskId> order;  // oldest first; those that are gone are skipped
  };

  bool is_own_node(NodeId node) const { return node == parts_.options.node; }
  Submitter* find_submitter(ClientId client) const;
  Submitter& submitter_of(ClientId client);
  void forget_submitter(ClientId client);
  std::string fault_in(ClientId client, const Submit& message, const CallTemplate& call) const;

  // to the arguments and to a node
  void hold_arguments(NodeContext& context, const Task& task);
  void wait_for_arguments(NodeContext& context, TaskId id, Task& task);
  void forget_waits(TaskId id, const Task& task);
  void place_one(NodeContext& context, TaskId id, Task& task);
  void place_as_asked(NodeContext& context, TaskId id, Task& task);
  std::string why_never(const CallTemplate& call) const;
  std::string waits_for_group(const Placement& placement) const;
  std::map<NodeId, uint64_t> argument_bytes(const std::vector<Arg>& args) const;
  void queue_up(TaskId id, Task& task);
  void leave_queue(TaskId id, const Task& task);
  void place_queued(NodeContext& context);
  void move_backlog(NodeContext& context);
  const scheduling::ClusterSnapshot& cluster() const;
  scheduling::Plan plan_elsewhere(NodeContext& context, const scheduling::Request& request,
                                  uint32_t count) const;
  void assign(NodeContext& context, TaskId id, Task& task, NodeId node);
  void assign_remote(NodeContext& context, TaskId id, Task& task);
  void unassign(TaskId id, Task& task);
  /// The record if it is assigned to `from` with this attempt; nullptr: ignore the message.
  Task* expecting(NodeId from, TaskId id, uint32_t attempt);

  // ends
  void on_results(NodeContext& context, TaskId id, Task& task, std::vector<Value>&& results,
                  const ErrorRef& error);
  void on_failure(NodeContext& context, TaskId id, Task& task, const AttemptFailed& message);
  void on_not_started(NodeContext& context, TaskId id, Task& task);
  enum class Retry : bool { kNo, kYes };
  Retry charge_retry(Task& task) const;
  void finish(NodeContext& context, TaskId id, Task& task, std::vector<Value>&& results);
  void finish_with_error(NodeContext& context, TaskId id, Task& task, ErrorRef error);
  void discard_results(NodeContext& context, TaskId id, uint32_t attempt,
                       const std::vector<Value>& results);
  void discard(NodeContext& context, ObjectId object, uint32_t attempt, const Value& value);
  void count_finished(NodeContext& context, ClientId client);

  // cancel
  void cancel(NodeContext& context, TaskId id, Cancel::Force force, Cancel::Recursive recursive,
              const ErrorRef& cause);
  std::vector<TaskId> children_of(ClientId parent, size_t inline_runs) const;
  ErrorRef cancelled_error(TaskId id, const Task& task, const ErrorRef& cause) const;
  ErrorRef node_died_error(TaskId id, const Task& task) const;

  // lineage
  void keep_as_lineage(TaskId id, Task& task);
  void drop_lineage(Task& task);
  void trim_lineage(JobId job);
  static uint64_t bytes_of(const Task& task);
  bool is_needed(const Task& task) const;
  void erase(TaskId id);
  void fail_as_lost(NodeContext& context, TaskId id, const std::string& why);
  /// Holds or revives the arguments; empty if all are there or will be rebuilt, else what is not.
  std::string regain_arguments(NodeContext& context, const Task& task,
                               std::vector<TaskId>& to_rebuild);

  std::string pending_reason(const Task& task, const scheduling::ClusterSnapshot& cluster,
                             TaskSnapshot::Infeasible& infeasible) const;

  Parts& parts_;
  scheduling::ClusterView cluster_;
  SeqTables<Task> tasks_;
  mutable std::unordered_map<ClientId, Submitter, IdHash> submitters_;  // looked up only
  mutable ClientId last_client_;                                        // found last
  mutable Submitter* last_submitter_ = nullptr;
  std::deque<std::pair<Time, TaskId>> to_be_killed_;  // children of the dead, oldest first
  std::map<JobId, Lineage> lineage_;
  std::map<ShapeId, std::set<TaskId>> queued_;      // no node could be given them
  std::map<NodeId, std::set<TaskId>> assigned_to_;  // other nodes
  std::set<ShapeId> full_for_;  // shapes that no node had room for, since room last appeared
  bool is_placing_ = false;
};

}  // namespace rayd::node
