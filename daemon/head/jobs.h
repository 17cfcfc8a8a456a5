// Jobs: drivers outside of the cluster, and submitted workloads, whose root tasks the head owns
// (protocols.md P2, side A, as NodeId 0).
//
//   pending ──a node is chosen: Assign──▶ running ──▶ succeeded | failed | cancelled
//      ▲   Refused, Revoked{not started}: free │
//      └── failed with retries left: k+1 ──────┘      (a driver's job begins as running)
//
// The end of a job is told to all nodes, and ends its actors.
//
// Numbers of jobs are journalled in blocks, ahead of their use, so that a driver gets its job
// without waiting for the disk: its row may be lost with the head, and then its node announces it
// again.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/head/head_core.h"
#include "daemon/head/head_parts.h"

namespace rayd::head {

/// A longer result fails its job: it would live in the journal and in every list.
inline constexpr uint64_t kMaxResultBytes = uint64_t{16} << 20;

class Jobs {
 public:
  explicit Jobs(HeadParts& parts) : parts_(parts) {}

  void load(JobRow&& row);
  /// What was running when the head before this one ended. After `reserve_numbers`, before the
  /// nodes of an earlier epoch are declared dead.
  void begin_epoch(HeadContext& context);
  /// Before the membership row of a new epoch is appended, and then with its record's number.
  void reserve_numbers();
  void on_numbers_reserved(uint64_t record) { bound_record_ = record; }

  void on_driver_connected(HeadContext& context, const DriverConnected& message);
  void on_driver_gone(HeadContext& context, ClientId driver);
  void on_submit(HeadContext& context, SubmitJob&& message);
  void on_cancel(HeadContext& context, const CancelJob& message);
  void on_result_fetched(HeadContext& context, ResultFetched&& message);

  // what the node says that was assigned a root
  void on_peer(HeadContext& context, NodeId from, AttemptDone&& message);
  void on_peer(HeadContext& context, NodeId from, AttemptFailed&& message);
  void on_peer(HeadContext& context, NodeId from, const Revoked& message);
  void on_peer(HeadContext& context, NodeId from, const Refused& message);

  void on_node_dead(HeadContext& context, NodeId node);
  /// Roots that ask for its bundles fail.
  void on_group_removed(HeadContext& context, GroupId group);
  /// Roots that were asked to end and did not are killed.
  void on_tick(HeadContext& context);
  std::optional<Time> next_deadline() const;
  /// Room appeared: roots that wait are placed.
  void place_waiting(HeadContext& context);

  bool has_ended(JobId job) const;
  /// "" for a job that is not known.
  std::string name_space_of(JobId job) const;
  void append_to(HeadSnapshot& snapshot) const;

 private:
  struct Job {
    JobRow row;
    enum class Root : uint8_t { kNone, kWaiting, kAssigned, kFetching };
    Root root = Root::kNone;  // kNone: a driver's job, or ended
    std::map<NodeId, uint64_t> excluded;
  };

  Job& add(JobRow&& row, const std::string& name_space);
  JobId next_number(HeadContext& context);
  /// True: no head will ever give it to another job.
  bool is_safe(JobId job);
  void reserve_in_time(HeadContext& context);
  Job& add_driver(HeadContext& context, const DriverConnected& message);
  void save(HeadContext& context, const Job& job);
  void place(HeadContext& context, Job& job);
  enum class Placed : bool { kNo, kYes };
  Placed choose_node(HeadContext& context, Job& job);
  void send_root(HeadContext& context, const Job& job);
  /// The job whose root runs at `from` as this attempt; nullptr: ignore the message.
  Job* expecting(NodeId from, TaskId task, uint32_t attempt);
  void on_not_started(HeadContext& context, Job& job);
  void on_result(HeadContext& context, Job& job, const Value& result);
  void fail_or_retry(HeadContext& context, Job& job, ErrorRef cause);
  void end(HeadContext& context, Job& job, JobState state, ErrorRef error);
  void revoke_root(HeadContext& context, const Job& job, RevokeReason reason);
  void give_back(HeadContext& context, NodeId from, const Transfer& transfer);
  void discard(HeadContext& context, NodeId from, const AttemptDone& message);
  void forget_oldest(HeadContext& context);

  HeadParts& parts_;
  uint32_t next_number_ = 0;
  uint32_t safe_bound_ = 0;    // numbers below are reserved by a committed row
  uint64_t bound_record_ = 0;  // the row with the present bound
  std::map<JobId, Job> jobs_;
  std::map<ClientId, JobId> drivers_;                // of jobs that have not ended
  std::map<OperationId, JobId> operations_;          // submits
  std::set<JobId> waiting_;                          // their roots
  std::deque<JobId> ended_;                          // oldest first
  std::deque<std::pair<Time, JobId>> to_be_killed_;  // cancelled without force, oldest first
};

}  // namespace rayd::head
