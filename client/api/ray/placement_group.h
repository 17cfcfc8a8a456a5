// Placement groups: bundles of resources that are reserved on nodes together, all or none. Tasks
// and actors run in them by SetPlacementGroup(group, bundle).
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ray/config.h"

namespace ray {

/// How bundles share nodes. Strict forms wait rather than do otherwise.
enum class PlacementStrategy {
  PACK = 0,           // on as few nodes as there is room on
  SPREAD = 1,         // on as many nodes as there is room on
  STRICT_PACK = 2,    // all on one node
  STRICT_SPREAD = 3,  // each on a node of its own
  UNRECOGNIZED = -1,
};

enum class PlacementGroupState {
  PENDING = 0,       // it waits for room
  CREATED = 1,       // all bundles are reserved
  REMOVED = 2,       // and what ran in it was ended
  RESCHEDULING = 3,  // a node with some of its bundles died
  UNRECOGNIZED = -1,
};

struct PlacementGroupCreationOptions {
  std::string name;  // empty: none
  /// What each reserves: {{{"CPU", 1}}, {{"CPU", 1}, {"GPU", 1}}}.
  std::vector<std::unordered_map<std::string, double>> bundles;
  PlacementStrategy strategy = PlacementStrategy::PACK;
  /// NON_DETACHED: removed with the job that made it.
  ActorLifetime lifetime = ActorLifetime::NON_DETACHED;
};

/// A name of a group: copies are the same group. It lives until it is removed.
class PlacementGroup {
 public:
  PlacementGroup() = default;
  PlacementGroup(std::string id, PlacementGroupCreationOptions options)
      : id_(std::move(id)), options_(std::move(options)) {}

  std::string GetID() const { return id_; }
  std::string GetName() const { return options_.name; }
  std::vector<std::unordered_map<std::string, double>> GetBundles() const {
    return options_.bundles;
  }
  PlacementStrategy GetStrategy() const { return options_.strategy; }
  /// As it is now.
  PlacementGroupState GetState() const;
  /// True once it is created; false after so many seconds, or if it is removed. A task that waits
  /// here lends its CPUs.
  bool Wait(int timeout_seconds) const;
  /// It names no group: what GetPlacementGroup returns for an unknown name.
  bool Empty() const { return id_.empty(); }

 private:
  std::string id_;
  PlacementGroupCreationOptions options_;
};

/// Returns at once; Wait says when it is reserved. Throws if its name is taken or a bundle is
/// empty.
PlacementGroup CreatePlacementGroup(const PlacementGroupCreationOptions& options);
/// Ends what runs in it. One that is gone already is ignored.
void RemovePlacementGroup(const std::string& id);
PlacementGroup GetPlacementGroupById(const std::string& id);
/// That of this name in the job's namespace.
PlacementGroup GetPlacementGroup(const std::string& name);
/// That of this name in any namespace; the oldest, if there are several.
PlacementGroup GetGlobalPlacementGroup(const std::string& name);
std::vector<PlacementGroup> GetAllPlacementGroups();

}  // namespace ray
