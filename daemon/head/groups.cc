#include "daemon/head/groups.h"

#include <algorithm>

#include "common/base/check.h"
#include "daemon/head/actors.h"
#include "daemon/head/jobs.h"
#include "daemon/head/nodes.h"

namespace rayd::head {
namespace {

/// Removed groups stay listed until so many followed them.
constexpr size_t kRemovedKept = 1'000;

}  // namespace

// ---- the journal --------------------------------------------------------------------------------

void Groups::load(GroupRow&& row) {
  const GroupId id = row.info.group;
  if (row.info.bundles.empty()) {
    groups_.erase(id);
    return;
  }
  groups_[id].row = std::move(row);
}

// What the rows say is expected to be announced; a node that died with the head is declared dead
// after this, and its bundles are lost then.
void Groups::begin_epoch(HeadContext&) {
  last_round_ = last_change_ = parts_.membership.epoch << 32;
  for (auto& [id, group] : groups_) {
    const GroupInfo& info = group.row.info;
    if (info.state == GroupState::kRemoved) {
      removed_.push_back(id);
      continue;
    }
    if (!info.name.empty()) names_[{info.name_space, info.name}] = id;
    for (uint32_t i = 0; i < info.bundles.size(); ++i) {
      const Bundle& bundle = info.bundles[i];
      if (bundle.node == kHeadNode) {
        unplaced_.insert(id);
      } else {
        Share& share = group.shares[{bundle.node, bundle.round}];
        share.phase = Share::Phase::kCommitting;
        share.bundles.push_back(i);
      }
    }
  }
}

// ---- rows ---------------------------------------------------------------------------------------

Groups::Group* Groups::find(GroupId group) {
  const auto it = groups_.find(group);
  return it == groups_.end() ? nullptr : &it->second;
}

Groups::Share* Groups::find_share(Group& group, NodeId node, uint64_t round) {
  const auto it = group.shares.find({node, round});
  return it == group.shares.end() ? nullptr : &it->second;
}

void Groups::save(HeadContext& context, const Group& group) {
  parts_.outbox.append(context, group.row);
}

void Groups::say(HeadContext& context, NodeId to, const GroupInfo& info) {
  parts_.outbox.to_node(context, to, GroupChanged{info, ++last_change_});
}

void Groups::tell(HeadContext& context, const Group& group) {
  for (const NodeId node : group.subscribers)
    if (parts_.nodes.is_live(node)) say(context, node, group.row.info);
}

void Groups::reply(HeadContext& context, NodeId to, uint64_t request, ErrorRef error,
                   std::vector<GroupInfo> groups) {
  parts_.outbox.to_node(context, to, GroupReply{request, std::move(error), std::move(groups)});
}

// ---- what clients ask ---------------------------------------------------------------------------

void Groups::on_asked(HeadContext& context, NodeId from, GroupAsked&& message) {
  using What = GroupRequest::What;
  const uint64_t request = message.request.request;
  GroupInfo& asked = message.request.group;
  Group* known = find(asked.group);
  std::vector<GroupInfo> found;
  switch (message.request.what) {
    case What::kCreate: return create(context, from, std::move(message));
    case What::kRemove:
      if (known != nullptr) remove(context, *known, "it was removed");
      break;
    case What::kGetById:
    case What::kAwait:
      if (known != nullptr) found.push_back(known->row.info);
      break;
    case What::kGetByName: {
      if (asked.name_space.empty()) asked.name_space = parts_.jobs.name_space_of(message.job);
      const auto named = names_.find({asked.name_space, asked.name});
      if (named != names_.end()) found.push_back(groups_.at(named->second).row.info);
      break;
    }
    case What::kList:
      for (const auto& [id, group] : groups_) found.push_back(group.row.info);
      break;
  }
  reply(context, from, request, nullptr, std::move(found));
}

void Groups::create(HeadContext& context, NodeId from, GroupAsked&& message) {
  const uint64_t request = message.request.request;
  const GroupId id = message.request.group.group;
  if (const Group* known = find(id))
    return reply(context, from, request, nullptr, {known->row.info});
  GroupInfo info = std::move(message.request.group);
  if (info.name_space.empty()) info.name_space = parts_.jobs.name_space_of(message.job);
  if (!info.name.empty() && names_.contains({info.name_space, info.name})) {
    const std::string taken = "there is a placement group named " + info.name + " in namespace " +
                              info.name_space + "; remove it, or take another name";
    return reply(context, from, request, make_error(ErrorCode::kAlreadyExists, taken), {});
  }
  info.state = GroupState::kPending;
  info.why.clear();
  for (Bundle& bundle : info.bundles) bundle = {bundle.demand, kHeadNode, 0};
  if (!info.name.empty()) names_[{info.name_space, info.name}] = id;
  Group& group = groups_[id];
  group.row = {std::move(info), message.job};
  group.subscribers.insert(from);
  if (const auto early = early_.find(id); early != early_.end()) {
    group.subscribers.insert(early->second.begin(), early->second.end());
    early_.erase(early);
  }
  save(context, group);
  reply(context, from, request, nullptr, {group.row.info});
  unplaced_.insert(id);
  const bool is_attached = group.row.info.lifetime != Lifetime::kDetached;
  if (is_attached && parts_.jobs.has_ended(message.job))
    return remove(context, group, "its job has ended");
  place(context, group);
}

void Groups::on_subscribe(HeadContext& context, NodeId from, GroupId id) {
  if (Group* group = find(id)) {
    group->subscribers.insert(from);
    return say(context, from, group->row.info);
  }
  if (id.node() != from && parts_.nodes.is_live(id.node())) {
    early_[id].insert(from);
    return;
  }
  GroupInfo nothing;
  nothing.group = id;
  nothing.state = GroupState::kRemoved;
  nothing.why = "there is no such placement group";
  say(context, from, nothing);
}

// The row is final, and journalled before anything of it is taken back.
void Groups::remove(HeadContext& context, Group& group, const std::string& why) {
  GroupInfo& info = group.row.info;
  if (info.state == GroupState::kRemoved) return;
  info.state = GroupState::kRemoved;
  info.why = why;
  for (Bundle& bundle : info.bundles) bundle = {std::move(bundle.demand), kHeadNode, 0};
  if (const auto name = names_.find({info.name_space, info.name});
      name != names_.end() && name->second == info.group)
    names_.erase(name);
  unplaced_.erase(info.group);
  group.round = 0;
  save(context, group);
  for (const auto& [where, share] : group.shares)
    take_back(context, where.first, info.group, where.second);
  group.shares.clear();
  tell(context, group);
  parts_.actors.on_group_removed(context, info.group);
  parts_.jobs.on_group_removed(context, info.group);
  removed_.push_back(info.group);
  forget_oldest(context);
}

void Groups::forget_oldest(HeadContext& context) {
  if (removed_.size() <= kRemovedKept) return;
  GroupRow nothing;
  nothing.info.group = removed_.front();
  groups_.erase(removed_.front());
  removed_.pop_front();
  parts_.outbox.append(context, std::move(nothing));
}

// ---- placing ------------------------------------------------------------------------------------

void Groups::place(HeadContext& context, Group& group) {
  GroupInfo& info = group.row.info;
  if (group.round != 0 || info.state == GroupState::kRemoved) return;
  std::vector<uint32_t> missing;
  std::vector<ResourceSet> demands;
  std::vector<NodeId> taken;
  for (uint32_t i = 0; i < info.bundles.size(); ++i) {
    if (info.bundles[i].node != kHeadNode) {
      taken.push_back(info.bundles[i].node);
      continue;
    }
    missing.push_back(i);
    demands.push_back(info.bundles[i].demand);
  }
  scheduling::ClusterSnapshot cluster = parts_.nodes.candidates();
  // A strict pack that has a node keeps it.
  if (info.strategy == GroupStrategy::kStrictPack && !taken.empty())
    std::erase_if(cluster.nodes, [&](const auto& load) { return load.node != taken.front(); });
  for (scheduling::NodeLoad& load : cluster.nodes) {
    const auto refused = group.excluded.find(load.node);
    if (refused != group.excluded.end() && parts_.nodes.view_version(load.node) <= refused->second)
      load.accepts = scheduling::NodeLoad::Accepts::kNotNow;
  }
  scheduling::BundlePlan plan = scheduling::plan_bundles(cluster, demands, info.strategy, taken);
  if (plan.nodes.empty()) {
    unplaced_.insert(info.group);
    return set_why(context, group, cluster.nodes.empty() ? std::string{} : std::move(plan.why));
  }
  unplaced_.erase(info.group);
  reserve(context, group, missing, plan.nodes);
}

void Groups::set_why(HeadContext& context, Group& group, std::string why) {
  if (group.row.info.why == why) return;
  group.row.info.why = std::move(why);
  tell(context, group);
}

void Groups::reserve(HeadContext& context, Group& group, const std::vector<uint32_t>& bundles,
                     const std::vector<NodeId>& nodes) {
  const GroupInfo& info = group.row.info;
  group.round = ++last_round_;
  std::map<NodeId, ReserveBundles> messages;
  for (size_t i = 0; i < bundles.size(); ++i) {
    const ResourceSet& demand = info.bundles[bundles[i]].demand;
    messages[nodes[i]].bundles.push_back({bundles[i], demand});
    group.shares[{nodes[i], group.round}].bundles.push_back(bundles[i]);
    parts_.nodes.on_reserved(nodes[i], demand);
  }
  for (auto& [node, message] : messages) {
    message.group = info.group;
    message.round = group.round;
    parts_.outbox.to_node(context, node, std::move(message));
  }
}

void Groups::take_back(HeadContext& context, NodeId node, GroupId group, uint64_t round) {
  if (parts_.nodes.is_live(node)) parts_.outbox.to_node(context, node, ReturnBundles{group, round});
}

// None of this round is kept.
void Groups::abort_round(HeadContext& context, Group& group) {
  std::erase_if(group.shares, [&](const auto& entry) {
    if (entry.first.second != group.round) return false;
    take_back(context, entry.first.first, group.row.info.group, group.round);
    return true;
  });
  group.round = 0;
  unplaced_.insert(group.row.info.group);
}

void Groups::on_reserved(HeadContext& context, NodeId from, const BundlesReserved& message) {
  Group* group = find(message.group);
  Share* share = group == nullptr ? nullptr : find_share(*group, from, message.round);
  if (share == nullptr) return take_back(context, from, message.group, message.round);
  switch (share->phase) {
    case Share::Phase::kAsked: break;
    case Share::Phase::kReserved: return;  // said twice
    case Share::Phase::kCommitting:
    case Share::Phase::kCommitted: return commit(context, *group, from, message.round);
  }
  share->phase = Share::Phase::kReserved;
  settle_round(context, *group);
}

// All of the round are reserved: the row says where they are, then the nodes may offer them.
void Groups::settle_round(HeadContext& context, Group& group) {
  for (const auto& [where, share] : group.shares)
    if (where.second == group.round && share.phase == Share::Phase::kAsked) return;
  GroupInfo& info = group.row.info;
  std::vector<NodeId> nodes;
  for (auto& [where, share] : group.shares) {
    if (where.second != group.round) continue;
    for (const uint32_t index : share.bundles) {
      info.bundles[index].node = where.first;
      info.bundles[index].round = group.round;
    }
    share.phase = Share::Phase::kCommitting;
    nodes.push_back(where.first);
  }
  info.state = GroupState::kCreated;
  info.why.clear();
  group.excluded.clear();
  save(context, group);
  for (const NodeId node : nodes) commit(context, group, node, group.round);
  group.round = 0;
}

void Groups::commit(HeadContext& context, const Group& group, NodeId node, uint64_t round) {
  parts_.outbox.to_node(context, node, CommitBundles{group.row.info.group, round});
}

void Groups::on_refused(HeadContext& context, NodeId from, const BundlesRefused& message) {
  Group* group = find(message.group);
  if (group == nullptr || group->round == 0 || group->round != message.round) return;
  if (group->shares.erase({from, message.round}) == 0) return;
  group->excluded[from] = message.view;
  abort_round(context, *group);
  place(context, *group);
}

void Groups::on_committed(HeadContext& context, NodeId from, const BundlesCommitted& message) {
  Group* group = find(message.group);
  Share* share = group == nullptr ? nullptr : find_share(*group, from, message.round);
  if (share == nullptr) return take_back(context, from, message.group, message.round);
  parts_.nodes.on_view(context, from, message.view);
  if (share->phase == Share::Phase::kCommitted) return;
  share->phase = Share::Phase::kCommitted;
  if (state_of(message.group) != GroupState::kCreated) return;
  // Whoever hears that it is there shall find room in it.
  parts_.nodes.send_views(context);
  tell(context, *group);
  parts_.actors.place_waiting(context);
  parts_.jobs.place_waiting(context);
}

void Groups::place_waiting(HeadContext& context) {
  const std::set<GroupId> waiting = unplaced_;
  for (const GroupId id : waiting) place(context, groups_.at(id));
}

// ---- ends of others -----------------------------------------------------------------------------

void Groups::lose_bundles(HeadContext& context, Group& group,
                          const std::vector<uint32_t>& bundles) {
  if (bundles.empty()) return;
  GroupInfo& info = group.row.info;
  for (const uint32_t index : bundles) {
    info.bundles[index].node = kHeadNode;
    info.bundles[index].round = 0;
  }
  info.state = GroupState::kRescheduling;
  save(context, group);
  tell(context, group);
  unplaced_.insert(info.group);
}

void Groups::on_node_dead(HeadContext& context, NodeId node) {
  std::vector<GroupId> affected;
  for (auto& [id, group] : groups_) {
    group.subscribers.erase(node);
    group.excluded.erase(node);
    const bool is_there = std::any_of(group.shares.begin(), group.shares.end(),
                                      [&](auto& entry) { return entry.first.first == node; });
    if (is_there) affected.push_back(id);
  }
  for (const GroupId id : affected) {
    Group& group = groups_.at(id);
    std::vector<uint32_t> lost;
    bool is_round_lost = false;
    std::erase_if(group.shares, [&](const auto& entry) {
      if (entry.first.first != node) return false;
      if (entry.first.second == group.round)
        is_round_lost = true;
      else
        lost.insert(lost.end(), entry.second.bundles.begin(), entry.second.bundles.end());
      return true;
    });
    if (is_round_lost) abort_round(context, group);
    lose_bundles(context, group, lost);
    place(context, group);
  }
  for (auto it = early_.begin(); it != early_.end();) {
    it->second.erase(node);
    if (it->first.node() == node) {
      const std::set<NodeId> subscribers = std::move(it->second);
      const GroupId id = it->first;
      it = early_.erase(it);
      for (const NodeId subscriber : subscribers) on_subscribe(context, subscriber, id);
    } else {
      ++it;
    }
  }
}

void Groups::on_job_ended(HeadContext& context, JobId job) {
  std::vector<GroupId> ended;
  for (const auto& [id, group] : groups_) {
    const GroupInfo& info = group.row.info;
    const bool is_attached = group.row.job == job && info.lifetime != Lifetime::kDetached;
    if (is_attached && info.state != GroupState::kRemoved) ended.push_back(id);
  }
  for (const GroupId id : ended)
    if (Group* group = find(id)) remove(context, *group, "its job has ended");
}

// What the rows have is committed, also if the earlier head could not say so any more; what they do
// not have is taken back, and what is not announced is lost.
void Groups::on_announce(HeadContext& context, NodeId from, const Announce& message) {
  std::set<std::pair<GroupId, uint64_t>> announced;
  for (const Announce::Bundles& bundles : message.bundles) {
    announced.insert({bundles.group, bundles.round});
    if (bundles.phase == Announce::Bundles::Phase::kReserved)
      on_reserved(context, from, {bundles.group, bundles.round});
    else
      on_committed(context, from, {bundles.group, bundles.round, message.view});
  }
  std::vector<GroupId> affected;
  for (auto& [id, group] : groups_) {
    std::vector<uint32_t> lost;
    std::erase_if(group.shares, [&](const auto& entry) {
      const bool is_lost = entry.first.first == from && entry.first.second != group.round &&
                           !announced.contains({id, entry.first.second});
      if (is_lost)
        lost.insert(lost.end(), entry.second.bundles.begin(), entry.second.bundles.end());
      return is_lost;
    });
    lose_bundles(context, group, lost);
    if (!lost.empty()) affected.push_back(id);
  }
  for (const GroupId id : affected) place(context, groups_.at(id));
  for (const GroupId id : message.groups) on_subscribe(context, from, id);
}

// ---- questions ----------------------------------------------------------------------------------

GroupState Groups::state_of(GroupId id) const {
  const auto it = groups_.find(id);
  if (it == groups_.end()) return GroupState::kRemoved;
  const Group& group = it->second;
  if (group.row.info.state != GroupState::kCreated) return group.row.info.state;
  const bool is_committed = std::all_of(group.shares.begin(), group.shares.end(), [](auto& entry) {
    return entry.second.phase == Share::Phase::kCommitted;
  });
  return is_committed ? GroupState::kCreated : GroupState::kPending;
}

void Groups::append_to(HeadSnapshot& snapshot) const {
  for (const auto& [id, group] : groups_) snapshot.groups.push_back(group.row);
}

}  // namespace rayd::head
