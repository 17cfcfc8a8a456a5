// Placement groups, and where a call may run, as a session with a daemon asks for them.
#include <algorithm>

#include "client/runtime/session.h"
#include "client/runtime/session_ids.h"

namespace rayd::client {

namespace api = ray::internal;

namespace {

NodeId node_of(const std::string& text) {
  const auto node = parse_node_id(text);
  if (!node) api::throw_error(ray::ErrorCode::kInvalidArgument, node.error().message);
  return *node;
}

GroupId group_of(const std::string& text) {
  const auto group = parse_group_id(text);
  if (!group) api::throw_error(ray::ErrorCode::kInvalidArgument, group.error().message);
  return *group;
}

std::vector<LabelTerm> terms_of(const std::vector<std::string>& texts) {
  std::vector<LabelTerm> terms;
  for (const std::string& text : texts) {
    auto term = parse_label_term(text);
    if (!term) api::throw_error(ray::ErrorCode::kInvalidArgument, term.error().message);
    terms.push_back(std::move(*term));
  }
  return terms;
}

std::unordered_map<std::string, double> resources_of(const ResourceSet& demand) {
  std::unordered_map<std::string, double> resources;
  const auto units = [](Quantity quantity) { return static_cast<double>(quantity) / kUnit; };
  if (demand.cpu != 0) resources["CPU"] = units(demand.cpu);
  if (demand.gpu != 0) resources["GPU"] = units(demand.gpu);
  if (demand.memory_bytes != 0) resources["memory"] = static_cast<double>(demand.memory_bytes);
  for (const auto& [name, quantity] : demand.custom) resources[name] = units(quantity);
  return resources;
}

api::GroupInfo to_api(const GroupInfo& info) {
  api::GroupInfo group;
  group.id = to_string(info.group);
  group.options.name = info.name;
  for (const Bundle& bundle : info.bundles)
    group.options.bundles.push_back(resources_of(bundle.demand));
  group.options.strategy = static_cast<ray::PlacementStrategy>(info.strategy);
  group.options.lifetime = info.lifetime == Lifetime::kDetached ? ray::ActorLifetime::DETACHED
                                                                : ray::ActorLifetime::NON_DETACHED;
  group.state = static_cast<ray::PlacementGroupState>(info.state);
  return group;
}

}  // namespace

Placement placement_of(const api::CallPlacement& asked) {
  using Strategy = api::CallPlacement::Strategy;
  Placement placement;
  placement.strategy = static_cast<Placement::Strategy>(asked.strategy);
  placement.affinity = static_cast<Placement::Affinity>(asked.affinity);
  if (asked.strategy == Strategy::kNode) placement.node = node_of(asked.node);
  if (asked.strategy == Strategy::kBundle) {
    placement.group = group_of(asked.group);
    placement.bundle = asked.bundle;
  }
  placement.required = terms_of(asked.required);
  placement.preferred = terms_of(asked.preferred);
  return placement;
}

std::vector<GroupInfo> Session::ask_groups(Lock& lock, GroupRequest&& question, Time deadline) {
  const uint64_t request = next_request_++;
  question.request = request;
  core_.outbox().push_back(std::move(question));
  send(lock);
  const bool is_answered = block_until(
      lock, [&] { return replies_.contains(request); }, deadline);
  if (!is_answered) {
    given_up_.insert(request);
    return {};
  }
  const ClientAnswer answer = std::move(replies_.extract(request).mapped());
  const auto& reply = std::get<GroupReply>(answer);
  if (reply.error)
    api::throw_error(std::make_shared<const api::ErrorInfo>(client::to_api(*reply.error)));
  return reply.groups;
}

api::GroupInfo Session::create_group(const ray::PlacementGroupCreationOptions& options) {
  GroupRequest question;
  question.what = GroupRequest::What::kCreate;
  GroupInfo& group = question.group;
  group.name = options.name;
  group.strategy = static_cast<GroupStrategy>(options.strategy);
  group.lifetime =
      options.lifetime == ray::ActorLifetime::DETACHED ? Lifetime::kDetached : Lifetime::kJob;
  for (const auto& bundle : options.bundles)
    group.bundles.push_back({demand_of({bundle.begin(), bundle.end()}), {}, 0});
  Lock lock{mutex_};
  group.group = GroupId::of(core_.mint());
  const auto made = ask_groups(lock, std::move(question), kNoDeadline);
  if (made.empty()) api::throw_error(ray::ErrorCode::kInternal, "the head made no placement group");
  return to_api(made.front());
}

void Session::remove_group(const std::string& id) {
  GroupRequest question;
  question.what = GroupRequest::What::kRemove;
  question.group.group = group_of(id);
  Lock lock{mutex_};
  ask_groups(lock, std::move(question), kNoDeadline);
}

std::vector<api::GroupInfo> Session::find_groups(api::GroupKey key, const std::string& what) {
  GroupRequest question;
  switch (key) {
    case api::GroupKey::kId:
      question.what = GroupRequest::What::kGetById;
      question.group.group = group_of(what);
      break;
    case api::GroupKey::kName:
      question.what = GroupRequest::What::kGetByName;
      question.group.name = what;
      break;
    case api::GroupKey::kAll: question.what = GroupRequest::What::kList; break;
  }
  Lock lock{mutex_};
  std::vector<api::GroupInfo> groups;
  for (const GroupInfo& info : ask_groups(lock, std::move(question), kNoDeadline))
    groups.push_back(to_api(info));
  return groups;
}

api::Waited Session::await_group(const std::string& id, int64_t timeout_ms) {
  GroupRequest question;
  question.what = GroupRequest::What::kAwait;
  question.group.group = group_of(id);
  const Time deadline =
      timeout_ms < 0 ? kNoDeadline : now_boottime() + Duration::millis(timeout_ms);
  Lock lock{mutex_};
  const auto found = ask_groups(lock, std::move(question), deadline);
  const bool is_created = !found.empty() && found.front().state == GroupState::kCreated;
  return is_created ? api::Waited::kReady : api::Waited::kTimeout;
}

ray::RuntimeContext Session::context() const {
  ray::RuntimeContext context;
  context.node = to_string(options_.self.owner());
  return context;
}

}  // namespace rayd::client
