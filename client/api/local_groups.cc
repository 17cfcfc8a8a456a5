// Placement groups of local_mode: one node, so a group is there when its bundles fit beside each
// other, and a STRICT_SPREAD of several never is. What runs in a removed group goes on to its end.
#include <algorithm>
#include <chrono>

#include "client/api/local_blocking.h"
#include "client/api/local_current.h"
#include "client/api/local_runtime.h"

namespace ray::internal {
namespace {

Demand sum_of(const PlacementGroupCreationOptions& options) {
  Demand sum;
  for (const auto& bundle : options.bundles)
    for (const auto& [name, amount] : demand_of(bundle)) sum[name] += amount;
  return sum;
}

Demand offer_of(const GroupInfo& group) {
  Demand offer;
  for (size_t i = 0; i < group.options.bundles.size(); ++i) {
    const Demand bundle = demand_of(group.options.bundles[i]);
    for (const auto& [name, amount] : bundle_offer(bundle, group.id, static_cast<int>(i)))
      offer[name] += amount;
  }
  return offer;
}

bool needs_other_nodes(const PlacementGroupCreationOptions& options) {
  return options.strategy == PlacementStrategy::STRICT_SPREAD && options.bundles.size() > 1;
}

}  // namespace

GroupInfo* LocalRuntime::find_group(const std::string& id) {
  const auto it = std::find_if(groups_.begin(), groups_.end(),
                               [&](const GroupInfo& group) { return group.id == id; });
  return it == groups_.end() ? nullptr : &*it;
}

// Resources came back, or a group is new.
void LocalRuntime::reserve_groups() {
  for (GroupInfo& group : groups_) {
    if (group.state != PlacementGroupState::PENDING || needs_other_nodes(group.options)) continue;
    const Demand sum = sum_of(group.options);
    if (!resources_.fits(sum)) continue;
    resources_.take(sum);
    resources_.add(offer_of(group));
    group.state = PlacementGroupState::CREATED;
    group_changed_.notify_all();
  }
}

GroupInfo LocalRuntime::create_group(const PlacementGroupCreationOptions& options) {
  Locked locked(*this);
  check_running();
  for (const GroupInfo& group : groups_) {
    const bool is_taken = !options.name.empty() && group.options.name == options.name &&
                          group.state != PlacementGroupState::REMOVED;
    if (is_taken)
      throw_error(ErrorCode::kAlreadyExists, "there is a placement group named " + options.name);
  }
  GroupInfo group;
  group.id = "group-0.0." + std::to_string(next_group_++);
  group.options = options;
  groups_.push_back(group);
  reserve_groups();
  dispatch();
  return groups_.back();
}

void LocalRuntime::remove_group(const std::string& id) {
  Locked locked(*this);
  GroupInfo* group = find_group(id);
  if (group == nullptr || group->state == PlacementGroupState::REMOVED) return;
  if (group->state == PlacementGroupState::CREATED) {
    resources_.remove(offer_of(*group));
    resources_.give(sum_of(group->options));
  }
  group->state = PlacementGroupState::REMOVED;
  group_changed_.notify_all();
  reserve_groups();
  dispatch();
}

std::vector<GroupInfo> LocalRuntime::find_groups(GroupKey key, const std::string& what) {
  Locked locked(*this);
  reserve_groups();
  std::vector<GroupInfo> found = groups_;
  std::erase_if(found, [&](const GroupInfo& group) {
    if (key == GroupKey::kId) return group.id != what;
    return key == GroupKey::kName &&
           (group.options.name != what || group.state == PlacementGroupState::REMOVED);
  });
  return found;
}

Waited LocalRuntime::await_group(const std::string& id, int64_t timeout_ms) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + std::chrono::milliseconds(std::max<int64_t>(timeout_ms, 0));
  Locked locked(*this);
  const Blocking blocking(*this);
  while (true) {
    check_running();
    reserve_groups();
    const GroupInfo* group = find_group(id);
    if (group == nullptr || group->state == PlacementGroupState::REMOVED) return Waited::kTimeout;
    if (group->state == PlacementGroupState::CREATED) return Waited::kReady;
    if (timeout_ms >= 0 && Clock::now() >= deadline) return Waited::kTimeout;
    // Resources come back without a word to those who wait here.
    group_changed_.wait_for(locked.lock, std::chrono::milliseconds(5));
  }
}

RuntimeContext LocalRuntime::context() const {
  RuntimeContext context;
  context.node = "node-1";
  if (current_local_task == nullptr) return context;
  context.task = to_text(current_local_task->result);
  context.attempt = current_local_task->attempt;
  if (current_local_task->actor != nullptr) context.actor = to_text(current_local_task->actor->id);
  return context;
}

}  // namespace ray::internal
