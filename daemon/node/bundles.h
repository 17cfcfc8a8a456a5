// Bundles: the reservations of placement groups on this node, by group and round.
//
//   ReserveBundles ──room for all──▶ reserved ──CommitBundles──▶ committed
//                                       │ ReturnBundles              │ ReturnBundles
//                                       ▼                            ▼
//                                     gone ◀──all holders reaped── returning
//
// What is reserved is granted in the ledger, as if something ran in it; what is committed is
// offered as resources of its own (common/types/bundle_resources.h), to the calls of its group.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "daemon/node/parts.h"
#include "daemon/node/snapshot.h"

namespace rayd::node {

class Bundles {
 public:
  explicit Bundles(Parts& parts) : parts_(parts) {}

  void on_reserve(NodeContext& context, ReserveBundles&& message);
  void on_commit(NodeContext& context, const CommitBundles& message);
  void on_return(NodeContext& context, const ReturnBundles& message);
  void reannounce(Announce& announce) const;
  /// Resources were released: what is being returned may be free of holders now.
  void on_released(NodeContext& context) {
    if (returning_ > 0) finish_returning(context);
  }
  void append_to(Snapshot& snapshot) const;

 private:
  struct Held {
    enum class Phase : uint8_t { kReserved, kCommitted, kReturning };
    Phase phase = Phase::kReserved;
    std::vector<ReserveBundles::Entry> bundles;
    ResourceSet sum;
  };
  using Key = std::pair<GroupId, uint64_t>;  // with the round

  static ResourceSet offer_of(GroupId group, const Held& held);
  bool has_committed(GroupId group) const;
  bool has_holders(GroupId group, const Held& held) const;
  void finish_returning(NodeContext& context);

  Parts& parts_;
  std::map<Key, Held> held_;
  uint32_t returning_ = 0;
};

}  // namespace rayd::node
