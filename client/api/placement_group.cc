#include "ray/placement_group.h"

#include <algorithm>

#include "ray/internal/runtime.h"
#include "ray/runtime_context.h"

namespace ray {
namespace internal {
namespace {

[[noreturn]] void throw_without_groups() {
  throw_error(ErrorCode::kInvalidArgument, "this runtime has no placement groups");
}

}  // namespace

GroupInfo Runtime::create_group(const PlacementGroupCreationOptions&) { throw_without_groups(); }
void Runtime::remove_group(const std::string&) { throw_without_groups(); }
std::vector<GroupInfo> Runtime::find_groups(GroupKey, const std::string&) {
  throw_without_groups();
}
Waited Runtime::await_group(const std::string&, int64_t) { throw_without_groups(); }
RuntimeContext Runtime::context() const { return {}; }

namespace {

PlacementGroup first_of(const std::vector<GroupInfo>& groups) {
  return groups.empty() ? PlacementGroup() : PlacementGroup(groups[0].id, groups[0].options);
}

void check(const PlacementGroupCreationOptions& options) {
  if (options.bundles.empty())
    throw_error(ErrorCode::kInvalidArgument, "a placement group needs at least one bundle");
  for (const auto& bundle : options.bundles) {
    const bool has_some = std::any_of(bundle.begin(), bundle.end(),
                                      [](const auto& entry) { return entry.second > 0; });
    if (!has_some)
      throw_error(ErrorCode::kInvalidArgument,
                  "a bundle of a placement group reserves nothing; one looks like {\"CPU\": 1}");
  }
  const auto strategy = static_cast<int>(options.strategy);
  if (strategy < 0 || strategy > static_cast<int>(PlacementStrategy::STRICT_SPREAD))
    throw_error(ErrorCode::kInvalidArgument, "a placement group of unknown strategy");
}

}  // namespace
}  // namespace internal

PlacementGroup CreatePlacementGroup(const PlacementGroupCreationOptions& options) {
  internal::check(options);
  const internal::GroupInfo made = internal::runtime().create_group(options);
  return {made.id, made.options};
}

void RemovePlacementGroup(const std::string& id) { internal::runtime().remove_group(id); }

PlacementGroup GetPlacementGroupById(const std::string& id) {
  return internal::first_of(internal::runtime().find_groups(internal::GroupKey::kId, id));
}

PlacementGroup GetPlacementGroup(const std::string& name) {
  return internal::first_of(internal::runtime().find_groups(internal::GroupKey::kName, name));
}

PlacementGroup GetGlobalPlacementGroup(const std::string& name) {
  auto groups = internal::runtime().find_groups(internal::GroupKey::kAll, {});
  std::erase_if(groups, [&](const internal::GroupInfo& group) {
    return group.options.name != name || group.state == PlacementGroupState::REMOVED;
  });
  return internal::first_of(groups);
}

std::vector<PlacementGroup> GetAllPlacementGroups() {
  std::vector<PlacementGroup> groups;
  for (const auto& group : internal::runtime().find_groups(internal::GroupKey::kAll, {}))
    groups.emplace_back(group.id, group.options);
  return groups;
}

PlacementGroupState PlacementGroup::GetState() const {
  if (Empty()) return PlacementGroupState::UNRECOGNIZED;
  const auto found = internal::runtime().find_groups(internal::GroupKey::kId, id_);
  return found.empty() ? PlacementGroupState::REMOVED : found[0].state;
}

bool PlacementGroup::Wait(int timeout_seconds) const {
  if (Empty()) internal::throw_error(ErrorCode::kInvalidArgument, "Wait on no placement group");
  const int64_t timeout_ms = timeout_seconds < 0 ? -1 : int64_t{timeout_seconds} * 1'000;
  return internal::runtime().await_group(id_, timeout_ms) == internal::Waited::kReady;
}

RuntimeContext GetRuntimeContext() { return internal::runtime().context(); }

}  // namespace ray
