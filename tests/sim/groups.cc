#include "tests/sim/groups.h"

#include "tests/sim/client.h"
#include "tests/sim/head.h"
#include "tests/sim/world.h"

namespace rayd::sim {

void Groups::schedule(Client& driver) {
  for (uint64_t count = 1 + world_.random.below(4); count > 0; --count) {
    const auto late = static_cast<int64_t>(world_.random.below(1'500));
    world_.after(Duration::millis(late), [this, &driver] { make(driver); });
  }
}

void Groups::make(Client& driver) {
  if (!driver.is_alive() || !driver.has_fibers()) return;
  GroupInfo group;
  group.group = driver.mint_group();
  group.strategy = static_cast<GroupStrategy>(world_.random.below(4));
  if (world_.random.chance(1, 3)) group.name = "g" + std::to_string(world_.random.below(3));
  for (uint64_t count = 1 + world_.random.below(3); count > 0; --count)
    group.bundles.push_back({world_.demand(static_cast<uint32_t>(world_.random.below(4))), {}, 0});
  world_.count("group");
  made_[driver.id()].push_back(group.group);
  const GroupId id = group.group;
  world_.trace.line(world_.now, "client ", driver.id(), " makes ", to_string(id));
  driver.ask(GroupRequest::What::kCreate, std::move(group));
  if (world_.random.chance(1, 2)) {
    GroupInfo asked;
    asked.group = id;
    driver.ask(GroupRequest::What::kAwait, std::move(asked));
  }
  const auto until = static_cast<int64_t>(1 + world_.random.below(3'000));
  world_.after(Duration::millis(until), [this, &driver, id] { remove(driver, id); });
}

void Groups::remove(Client& driver, GroupId id) {
  if (!driver.is_alive()) return;
  world_.oracle.excuses.groups = true;
  world_.count("group_removed");
  world_.trace.line(world_.now, "client ", driver.id(), " removes ", to_string(id));
  GroupInfo group;
  group.group = id;
  driver.ask(GroupRequest::What::kRemove, std::move(group));
}

bool Groups::place(Client& client, CallTemplate& call) {
  const auto made = made_.find(client.id());
  if (made == made_.end() || !world_.random.chance(1, 2)) return false;
  call.placement.strategy = Placement::Strategy::kBundle;
  call.placement.group = made->second[world_.random.below(made->second.size())];
  call.placement.bundle = world_.random.chance(1, 2) ? 0 : Placement::kAnyBundle;
  world_.count("task_in_bundle");
  return true;
}

// Only a name that is taken is an error.
void Groups::on_reply(const GroupReply& reply) {
  if (reply.error == nullptr) return;
  if (reply.error->code != ErrorCode::kAlreadyExists)
    world_.violation("G: a request about groups failed: " + reply.error->message);
  world_.oracle.excuses.groups = true;  // what was to run in it never will
}

void Groups::check() {
  for (const GroupRow& row : world_.head().snapshot().groups) {
    const GroupInfo& info = row.info;
    size_t placed = 0;
    for (const Bundle& bundle : info.bundles) placed += bundle.node != kHeadNode ? 1 : 0;
    const bool has_all = placed == info.bundles.size();
    const bool is_right = info.state == GroupState::kCreated        ? has_all
                          : info.state == GroupState::kRescheduling ? !has_all
                                                                    : placed == 0;
    if (!is_right)
      world_.violation("G i: " + to_string(info.group) + " has " + std::to_string(placed) +
                       " of its bundles in state " + std::to_string(static_cast<int>(info.state)));
    if (info.state == GroupState::kCreated && created_.insert(info.group).second)
      world_.count("group_created");
  }
}

}  // namespace rayd::sim
