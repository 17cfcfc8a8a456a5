// Groups: drivers make placement groups, run tasks in them and remove them, at any time.
//
// Invariants: G (i): all bundles of a group have a place, or none (but for those that a death
// took); G (ii): no node reserves more than it has; G (iii): at rest nothing is reserved or
// offered.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "common/types/group.h"
#include "common/types/node_io.h"

namespace rayd::sim {

class Client;
class World;

class Groups {
 public:
  explicit Groups(World& world) : world_(world) {}

  /// This driver will make some, and remove them later.
  void schedule(Client& driver);
  /// Perhaps into a bundle of a group of this client: true.
  bool place(Client& client, CallTemplate& call);
  void on_reply(const GroupReply& reply);
  /// What the head says of all groups: G (i).
  void check();

 private:
  void make(Client& driver);
  void remove(Client& driver, GroupId group);

  World& world_;
  std::map<ClientId, std::vector<GroupId>> made_;
  std::set<GroupId> created_;  // that were, at least once
};

}  // namespace rayd::sim
