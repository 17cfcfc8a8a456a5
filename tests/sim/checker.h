// Checker: the invariants of protocols.md over the snapshots of all nodes, the messages in flight
// and the counts of all clients, after every step; and what must be left when all is done: nothing.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/node/snapshot.h"

namespace rayd::sim {

class Node;
class World;

class Checker {
 public:
  explicit Checker(World& world) : world_(world) {}

  /// `touched`: whose cores have done something since.
  void check(const std::set<NodeId>& touched);
  void check_rest();

 private:
  /// What a node knew when it was touched last.
  struct Seen {
    node::Snapshot snapshot;
    std::map<ObjectId, const node::ObjectSnapshot*> objects;
    int64_t overcommitted = 0;  // granted − lent − total, if positive
    int64_t used = 0;
  };
  using Counts = std::map<std::pair<ObjectId, NodeId>, int64_t>;

  void look(NodeId node);
  bool is_trusted(NodeId node) const;
  const node::ObjectSnapshot* find(NodeId node, ObjectId object) const;

  void check_references();
  void check_in_flight(NodeId from, NodeId to, const Transfer& transfer, Counts& counts);
  Counts count_grants();
  void check_clients(NodeId node);
  std::set<std::pair<NodeId, ObjectId>> copies_in_flight() const;
  void check_copies();
  void check_attempts();
  void check_resources(NodeId node);
  void check_grants(NodeId node);
  void check_store(NodeId node);
  template <class... Parts>
  void violation(const Parts&... parts);

  World& world_;
  std::map<NodeId, Seen> seen_;
  std::set<NodeId> dead_;  // to the head
};

}  // namespace rayd::sim
