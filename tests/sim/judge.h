// Judge: the invariants of protocols.md that are about events: who claims what, in which order, and
// what the head says. Those about states are the Checker's.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/types/head_io.h"
#include "common/types/node_io.h"

namespace rayd::sim {

class Node;
class Worker;
class World;

class Judge {
 public:
  explicit Judge(World& world) : world_(world) {}

  /// A worker has claimed this and will run it: P2 (i), (iv), P3 (i), (ii), (iii).
  void on_claim(Worker& worker, const Run& run);
  void on_call_made(ClientId caller, ActorId actor, TaskId call) {
    calls_[{caller, actor}].push_back(call);
  }
  /// P2 (iii): each task that was accepted ends once, and an end stays.
  void on_accepted(ClientId client) { ++accepted_[client]; }
  void on_finished(const PublishFinished& message);
  void on_read(ObjectId object, const Value& value);
  /// P3 (i): what a node knows of incarnations, and which it hears.
  void on_told(NodeId node, const ActorInfo& info);
  bool would_be_late(NodeId node, const ActorReply& reply) const;
  /// P3 (v).
  void on_row(const Append& append);
  void on_head_says(const HeadAction& action, uint64_t committed);
  void on_head_leaves(const HeadAction& action, uint64_t committed);
  void on_head_restart(uint64_t committed);

 private:
  template <class... Parts>
  void violation(const Parts&... parts);
  void judge_attempt(Worker& worker, const Run& run);
  void judge_incarnation(const Worker& worker, const Run& run);
  void judge_order(const Worker& worker, const Run& run);
  bool may_be_passed_over(ClientId caller, TaskId call);
  void expect_row(const std::string& subject, const char* what, uint64_t waits_for);
  void expect_reserved(JobId job, uint64_t waits_for);

  World& world_;
  std::map<std::pair<NodeId, TaskId>, uint32_t> last_attempt_;         // claimed there
  std::set<std::pair<ActorId, uint32_t>> constructed_;                 // incarnations, ever
  std::map<std::pair<ClientId, ActorId>, std::vector<TaskId>> calls_;  // in the order made
  std::map<std::pair<ClientId, ClientId>, size_t> passed_;             // by worker and caller
  std::map<ClientId, uint64_t> accepted_;
  std::map<ClientId, uint64_t> finished_;
  std::set<ObjectId> failed_;  // read as an error that is final
  std::map<std::pair<NodeId, ActorId>, uint32_t> told_;
  std::map<std::string, uint64_t> rows_;         // by subject: the last one's number
  std::map<uint64_t, uint32_t> bounds_{{0, 1}};  // of jobs' numbers, by the row that has them
};

}  // namespace rayd::sim
