#include "daemon/node/bundles.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/types/bundle_resources.h"
#include "daemon/node/assignments.h"
#include "daemon/node/workers.h"

namespace rayd::node {

void Bundles::on_reserve(NodeContext& context, ReserveBundles&& message) {
  const Key key{message.group, message.round};
  const BundlesRefused refusal{message.group, message.round, parts_.workers.view_version()};
  if (const auto known = held_.find(key); known != held_.end()) {
    if (known->second.phase == Held::Phase::kReturning)
      context.out.emplace_back(ToHead{refusal});
    else
      context.out.emplace_back(ToHead{BundlesReserved{message.group, message.round}});
    return;
  }
  Held held;
  held.bundles = std::move(message.bundles);
  for (const ReserveBundles::Entry& bundle : held.bundles) held.sum.add(bundle.demand);
  if (!held.sum.is_zero() && !parts_.assignments.room().covers(held.sum)) {
    parts_.assignments.note_refusal();
    context.out.emplace_back(ToHead{refusal});
    return;
  }
  parts_.workers.set_apart(held.sum);
  held_.emplace(key, std::move(held));
  context.out.emplace_back(ToHead{BundlesReserved{message.group, message.round}});
}

ResourceSet Bundles::offer_of(GroupId group, const Held& held) {
  ResourceSet offer;
  for (const ReserveBundles::Entry& bundle : held.bundles)
    offer.add(bundle_offer(bundle.demand, group, static_cast<int32_t>(bundle.index)));
  return offer;
}

void Bundles::on_commit(NodeContext& context, const CommitBundles& message) {
  const auto it = held_.find({message.group, message.round});
  if (it == held_.end() || it->second.phase == Held::Phase::kReturning) return;
  if (it->second.phase == Held::Phase::kReserved) {
    it->second.phase = Held::Phase::kCommitted;
    parts_.workers.add_offer(offer_of(message.group, it->second));
  }
  context.out.emplace_back(
      ToHead{BundlesCommitted{message.group, message.round, parts_.workers.view()}});
}

void Bundles::on_return(NodeContext& context, const ReturnBundles& message) {
  const auto it = held_.find({message.group, message.round});
  if (it == held_.end()) return;
  Held& held = it->second;
  switch (held.phase) {
    case Held::Phase::kReturning: return;
    case Held::Phase::kReserved: break;
    case Held::Phase::kCommitted: parts_.workers.remove_offer(offer_of(message.group, held)); break;
  }
  held.phase = Held::Phase::kReturning;
  ++returning_;
  // Those in any bundle of the group may use the others that are left here.
  std::vector<std::string> markers;
  for (const ReserveBundles::Entry& bundle : held.bundles)
    markers.push_back(bundle_marker(message.group, static_cast<int32_t>(bundle.index)));
  if (!has_committed(message.group))
    markers.push_back(bundle_marker(message.group, Placement::kAnyBundle));
  parts_.workers.end_holders(context, markers);
  finish_returning(context);
}

bool Bundles::has_committed(GroupId group) const {
  return std::any_of(held_.begin(), held_.end(), [&](const auto& entry) {
    return entry.first.first == group && entry.second.phase == Held::Phase::kCommitted;
  });
}

bool Bundles::has_holders(GroupId group, const Held& held) const {
  const ResourceSet& granted = parts_.workers.ledger().granted();
  if (!has_committed(group) &&
      granted.custom_quantity(bundle_marker(group, Placement::kAnyBundle)) > 0)
    return true;
  return std::any_of(held.bundles.begin(), held.bundles.end(), [&](const auto& bundle) {
    return granted.custom_quantity(bundle_marker(group, static_cast<int32_t>(bundle.index))) > 0;
  });
}

void Bundles::finish_returning(NodeContext& context) {
  std::vector<ResourceSet> free;
  for (auto it = held_.begin(); it != held_.end();) {
    const bool is_over =
        it->second.phase == Held::Phase::kReturning && !has_holders(it->first.first, it->second);
    if (!is_over) {
      ++it;
      continue;
    }
    free.push_back(std::move(it->second.sum));
    it = held_.erase(it);
    --returning_;
  }
  for (const ResourceSet& sum : free) parts_.workers.take_again(sum);
  // What waited for them waits elsewhere.
  parts_.assignments.revoke_infeasible(context);
  if (!free.empty()) parts_.workers.serve(context);
}

void Bundles::reannounce(Announce& announce) const {
  for (const auto& [key, held] : held_) {
    if (held.phase == Held::Phase::kReturning) continue;
    announce.bundles.push_back({key.first, key.second,
                                held.phase == Held::Phase::kReserved
                                    ? Announce::Bundles::Phase::kReserved
                                    : Announce::Bundles::Phase::kCommitted});
  }
}

void Bundles::append_to(Snapshot& snapshot) const {
  for (const auto& [key, held] : held_)
    snapshot.bundles.push_back({key.first, key.second, held.sum});
}

}  // namespace rayd::node
