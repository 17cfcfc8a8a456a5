// Groups: the placement groups of the cluster. Bundles are reserved in two phases, all or none:
//
//   PENDING ──ReserveBundles to each node──▶ all reserved: row CREATED ──CommitBundles──▶ all
//      ▲          │ one refused, or died          journalled                committed: told
//      └──────────┘ ReturnBundles to the others
//
// A row that is CREATED names node and round of each bundle before any node may commit; subscribers
// hear of it when every node has committed and all views say what the bundles offer. When a node
// dies its bundles are reserved anew, in a round of their own (RESCHEDULING); the others stay.
//
// Rounds are never used twice, also by a head that starts anew: the epoch is their upper half. So a
// late answer is told from a new one, and what nobody knows is taken back.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/head/head_core.h"
#include "daemon/head/head_parts.h"
#include "daemon/scheduling/bundles.h"

namespace rayd::head {

class Groups {
 public:
  explicit Groups(HeadParts& parts) : parts_(parts) {}

  void load(GroupRow&& row);
  void begin_epoch(HeadContext& context);

  void on_asked(HeadContext& context, NodeId from, GroupAsked&& message);
  void on_subscribe(HeadContext& context, NodeId from, GroupId group);
  void on_reserved(HeadContext& context, NodeId from, const BundlesReserved& message);
  void on_refused(HeadContext& context, NodeId from, const BundlesRefused& message);
  void on_committed(HeadContext& context, NodeId from, const BundlesCommitted& message);
  void on_announce(HeadContext& context, NodeId from, const Announce& message);
  void on_node_dead(HeadContext& context, NodeId node);
  void on_job_ended(HeadContext& context, JobId job);
  /// Room appeared: those that wait for a place.
  void place_waiting(HeadContext& context);

  /// kCreated: its bundles may be used; kRemoved: also one that nobody knows.
  GroupState state_of(GroupId group) const;
  void append_to(HeadSnapshot& snapshot) const;

 private:
  using Name = std::pair<std::string, std::string>;  // namespace, name
  /// Bundles on one node that answer together.
  struct Share {
    enum class Phase : uint8_t { kAsked, kReserved, kCommitting, kCommitted };
    Phase phase = Phase::kAsked;
    std::vector<uint32_t> bundles;  // indices
  };
  struct Group {
    GroupRow row;
    std::map<std::pair<NodeId, uint64_t>, Share> shares;  // by node and round
    uint64_t round = 0;                                   // being reserved; 0: none
    std::set<NodeId> subscribers;
    std::map<NodeId, uint64_t> excluded;  // refused it at that version of their view
  };

  Group* find(GroupId group);
  Share* find_share(Group& group, NodeId node, uint64_t round);
  void save(HeadContext& context, const Group& group);
  void say(HeadContext& context, NodeId to, const GroupInfo& info);
  void tell(HeadContext& context, const Group& group);
  void reply(HeadContext& context, NodeId to, uint64_t request, ErrorRef error,
             std::vector<GroupInfo> groups);
  void create(HeadContext& context, NodeId from, GroupAsked&& message);
  void remove(HeadContext& context, Group& group, const std::string& why);
  void place(HeadContext& context, Group& group);
  void reserve(HeadContext& context, Group& group, const std::vector<uint32_t>& bundles,
               const std::vector<NodeId>& nodes);
  void abort_round(HeadContext& context, Group& group);
  void settle_round(HeadContext& context, Group& group);
  void commit(HeadContext& context, const Group& group, NodeId node, uint64_t round);
  void take_back(HeadContext& context, NodeId node, GroupId group, uint64_t round);
  void lose_bundles(HeadContext& context, Group& group, const std::vector<uint32_t>& bundles);
  void set_why(HeadContext& context, Group& group, std::string why);
  void forget_oldest(HeadContext& context);

  HeadParts& parts_;
  std::map<GroupId, Group> groups_;
  std::map<Name, GroupId> names_;              // of those that are not removed
  std::map<GroupId, std::set<NodeId>> early_;  // subscribed before the row was there
  std::set<GroupId> unplaced_;
  std::deque<GroupId> removed_;  // kept for people, oldest first
  uint64_t last_round_ = 0;
  uint64_t last_change_ = 0;  // said
};

}  // namespace rayd::head
