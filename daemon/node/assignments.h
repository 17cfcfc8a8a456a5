// Assignments: attempts this node has accepted (protocols.md P2, side B), its own tasks' included.
//
//   accepted ──pull all arguments──▶ queued ──work ring──▶ slot ──claim──▶ running ──▶ Done |
//   Failed
//                                      ▲                     │ Revoke won: Revoked{not started}
//                                      └── worker blocked, overtaken, or died unclaimed: free
//
// The reservation belongs to a worker's running slot; tasks of the same shape and image queued
// behind it in the ring hold none and inherit it at the claim.
//
// Order: first every free CPU gets a task, then tasks line up behind running ones, on the shortest
// line first, about `overtake_after` of work deep as far as durations are known. Nested tasks go
// before those that wait less deep, so that a tree of waiting tasks holds few workers; among
// equals, and between shapes that starve, the older goes first.
//
// An own attempt's arguments stay in the owner's record (Tasks), which outlives the attempt.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "daemon/node/parts.h"
#include "daemon/node/snapshot.h"
#include "daemon/node/workers_record.h"

namespace rayd::node {

inline constexpr uint32_t kNoAttempt = UINT32_MAX;

class Assignments {
 public:
  explicit Assignments(Parts& parts) : parts_(parts) {}

  void on_peer(NodeContext& context, NodeId from, Assign&& message);
  void on_peer(NodeContext& context, NodeId from, Revoke&& message);
  void on_peer(NodeContext& context, NodeId from, Discard&& message);
  void on_object_ready(NodeContext& context, TaskId task, ObjectId object);
  /// The copies of an argument are gone, though its owner may make it again.
  void on_argument_late(TaskId task);
  /// A worker's terminal message for a plain task. The caller then calls Workers::serve.
  void on_done(NodeContext& context, ClientId worker, Done&& message);
  void on_slot_revoked(NodeContext& context, const SlotRevoked& message);
  void on_worker_died(NodeContext& context, const WorkerDied& message);
  void on_node_dead(NodeContext& context, NodeId node);
  /// At the end of every input, when all who wait have been told what there is to tell: should
  /// max_workers leave no worker for what they wait for, it runs inside of a wait, or one fails.
  void relieve_limit(NodeContext& context);
  /// Resources or a worker became free: hand out queued attempts.
  void dispatch(NodeContext& context);
  void on_tick(NodeContext& context);
  std::optional<Time> next_deadline() const { return deadline_; }
  void append_to(Snapshot& snapshot) const;

  // ---- for Tasks: the local path, without messages --------------------------------------------
  /// Opens an attempt of an own task. Its record must know the number before `begin` is called.
  uint32_t open_own(TaskId task, uint32_t number, const TemplateRef& call, JobId job,
                    uint8_t depth);
  /// May end the attempt before it returns.
  void begin(NodeContext& context, uint32_t index);
  void revoke(NodeContext& context, uint32_t index, RevokeReason reason,
              Cancel::Recursive recursive);
  /// What is free and not promised to attempts that are not in a slot yet.
  ResourceSet room() const;
  /// How many queued attempts of this shape wait for resources; and gives up to `count` own ones
  /// back to Tasks.
  uint32_t starved(ShapeId shape) const;
  void give_back(NodeContext& context, ShapeId shape, uint32_t count);
  /// Shapes with queued attempts.
  const std::vector<ShapeId>& waiting_shapes() const { return waiting_; }
  /// How deep a task that this client submits now is nested.
  uint8_t depth_below(ClientId client) const;
  enum class Activity : uint8_t { kWaits, kRuns };
  Activity activity_of(uint32_t index) const;
  /// For people; empty if it runs.
  std::string pending_reason(uint32_t index) const;

  // ---- for Bundles ------------------------------------------------------------------------------
  /// One was refused for the lack of room: the view is renewed when promised room is back.
  void note_refusal() { has_refused_ = true; }
  /// What waits here for resources that are gone goes back to its owner.
  void revoke_infeasible(NodeContext& context);

  // ---- for Workers ------------------------------------------------------------------------------
  void on_worker_blocked(NodeContext& context, Worker& worker);
  /// The wait is over for which the worker was given its first slot, which it has not begun.
  void on_wait_over(NodeContext& context, Worker& worker);
  /// No worker of this runtime can be started.
  void fail_runtime(NodeContext& context, RuntimeId runtime, const ErrorRef& cause);
  void on_job_ended(NodeContext& context, JobId job);
  JobId job_of(const Worker& worker) const;
  TaskId running_task(const Worker& worker) const;
  /// nullptr: it runs none.
  const CallTemplate* running_call(const Worker& worker) const;
  uint32_t queued() const { return queued_; }

 private:
  struct Attempt {
    enum class Phase : uint8_t { kFree, kPulling, kQueued, kSlot };
    /// What the owner wants.
    enum class Wish : uint8_t { kNone, kMove, kCancel, kForce };
    TaskId task;
    uint32_t number = 0;
    Phase phase = Phase::kFree;
    Wish wish = Wish::kNone;
    Cancel::Recursive recursive = Cancel::Recursive::kNo;
    bool is_orphan = false;    // its owner is dead: nobody is told
    bool is_promised = false;  // counted in promised_
    uint8_t depth = 0;
    NodeId owner;
    JobId job;
    ShapeId shape = scheduling::kNoId;
    uint32_t missing = 0;  // arguments that are not here yet
    uint64_t order = 0;
    TemplateRef call;
    Worker* worker = nullptr;  // kSlot
    // Foreign attempts: what the message brought.
    std::vector<Arg> args;
    std::vector<Value> values;
    std::vector<ObjectId> held;
    std::vector<ObjectId> granted;  // to the worker, by the Run in its ring
  };
  struct QueueEntry {
    uint64_t order = 0;
    uint32_t index = 0;
  };
  struct ShapeQueue {
    std::vector<std::deque<QueueEntry>> by_depth;  // entries whose attempt moved on are skipped
    uint32_t live = 0;
    std::vector<Worker*> workers;  // busy with this shape
    int64_t usual_ns = -1;         // moving average of a task's duration; −1: not known
    bool is_listed = false;        // in waiting_
  };
  enum class Started : bool { kNo, kYes };

  bool is_own(const Attempt& attempt) const { return attempt.owner == parts_.options.node; }
  uint32_t allocate();
  uint32_t index_of(TaskId task) const;
  const std::vector<Arg>& args_of(const Attempt& attempt) const;

  // ends
  void release(NodeContext& context, uint32_t index);
  void tell_revoked(NodeContext& context, uint32_t index);
  void tell_failed(NodeContext& context, uint32_t index, ErrorRef cause, Started started);
  void tell_done(NodeContext& context, uint32_t index, Done&& message);
  ErrorRef complete_error(const Attempt& attempt, const ErrorInfo& error) const;
  ErrorRef died_of(const Attempt& attempt, const Worker& worker, const std::string& cause) const;

  // arguments
  bool await_arguments(NodeContext& context, uint32_t index);
  bool resolve(NodeContext& context, uint32_t index, std::vector<Value>& values);
  void forget_waits(uint32_t index);

  // queues
  ShapeQueue& queue_of(ShapeId shape);
  void enqueue(uint32_t index);
  uint32_t head(ShapeQueue& queue);
  uint64_t head_order(ShapeId shape);
  void promise(Attempt& attempt);
  void fulfil_promise(Attempt& attempt);
  static void note_duration(ShapeQueue& queue, Duration duration);
  void leave_queue(Attempt& attempt);
  void push(NodeContext& context, Worker& worker, uint32_t index, std::vector<Value>&& values);
  Run enter_slot(NodeContext& context, Worker& worker, uint32_t index, std::vector<Value>&& values);
  void sort_waiting();
  void place_on_free(NodeContext& context, ShapeId shape);
  void line_up(NodeContext& context, ShapeId shape, uint64_t barrier);
  uint64_t oldest_starved();
  size_t line_limit(const ShapeQueue& queue, ShapeId shape) const;
  Worker* shortest_line(NodeContext& context, const ShapeQueue& queue, size_t limit,
                        ClientId submitter) const;
  void take_back_overtaken(NodeContext& context);

  // slots
  void revoke_slot(NodeContext& context, Worker& worker, Slot& slot);
  void revoke_behind(NodeContext& context, Worker& worker);
  void on_started_despite(NodeContext& context, Worker& worker, Slot& slot);
  void cancel_what_it_submitted(NodeContext& context, const Worker& worker, size_t position);
  void remove_slot(NodeContext& context, Worker& worker, size_t position);
  void check_condemned(NodeContext& context, Worker& worker);
  void leave_worker(NodeContext& context, Worker& worker);
  void leave_shape(Worker& worker);
  void join_shape(Worker& worker, ShapeId shape);

  // calls inside of waits
  std::vector<ObjectId> unanswered(const Worker& worker) const;
  bool run_inline(NodeContext& context, Worker& worker);
  bool holds_resources(uint32_t index) const;
  bool may_run_inline(const Worker& worker, uint32_t index, ObjectId wanted) const;
  void end_inline(NodeContext& context, Worker& worker);
  void fail_wait(NodeContext& context, Worker& worker);

  void remember_ended(TaskId task, uint32_t attempt);

  Parts& parts_;
  std::deque<Attempt> attempts_;
  std::vector<uint32_t> free_;
  std::unordered_map<TaskId, uint32_t, IdHash> foreign_;  // looked up only
  /// The last attempt numbers of foreign tasks that ended here: a repeated Assign is ignored.
  std::unordered_map<TaskId, uint32_t, IdHash> ended_;
  std::deque<TaskId> ended_order_;

  std::deque<ShapeQueue> queues_;  // by shape; addresses are stable
  std::vector<ShapeId> waiting_;   // shapes with queued attempts, oldest first when dispatched
  std::vector<ShapeId> active_;    // shapes with busy workers
  uint32_t queued_ = 0;
  ResourceSet promised_;          // demands of what is accepted and in no slot
  bool has_refused_ = false;      // for the lack of room, since the view was renewed
  std::optional<Time> deadline_;  // when a line may be overtaken
  bool is_dispatching_ = false;
};

}  // namespace rayd::node
