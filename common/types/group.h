// Placement groups: bundles of resources that are reserved on nodes together, all or none.
//
//   PENDING ──all reserved──▶ CREATED ◀──reserved again── RESCHEDULING
//      │                         │  └──a node of it died──────▲  │
//      └─────────────────────────┴──────removed──▶ REMOVED ◀─────┘
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/types/call.h"

namespace rayd {

/// As in Ray: soft and strict forms of "on as few nodes as possible" and "each on another".
enum class GroupStrategy : uint8_t { kPack, kSpread, kStrictPack, kStrictSpread };
enum class GroupState : uint8_t { kPending, kCreated, kRemoved, kRescheduling };

inline constexpr size_t kMaxBundles = 4'096;

struct Bundle {
  ResourceSet demand;
  NodeId node;         // 0: it has no place
  uint64_t round = 0;  // of the reservation that it has there
  auto operator<=>(const Bundle&) const = default;
};

struct GroupInfo {
  GroupId group;
  std::string name;        // empty: unnamed
  std::string name_space;  // of its name; empty: the job's
  GroupStrategy strategy = GroupStrategy::kPack;
  Lifetime lifetime = Lifetime::kJob;
  GroupState state = GroupState::kPending;
  std::vector<Bundle> bundles;
  std::string why;  // without a place: why
  auto operator<=>(const GroupInfo&) const = default;
};

/// What a client asks of a group, and what its node passes on to the head. The answer is GroupReply
/// with the same number.
struct GroupRequest {
  uint64_t request = 0;
  enum class What : uint8_t {
    kCreate,     // `group` has all but its state; it names itself, so twice is once
    kRemove,     // by id; one that is not there, or no longer, is removed already
    kGetById,    // one, or none
    kGetByName,  // one that is not removed, or none
    kList,       // all there are
    kAwait,      // by id: when it is CREATED or REMOVED, or at once if there is none
  };
  What what = What::kList;
  GroupInfo group;
};

struct GroupReply {
  uint64_t request = 0;
  ErrorRef error;
  std::vector<GroupInfo> groups;
};

}  // namespace rayd
