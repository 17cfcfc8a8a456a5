#include "daemon/node/groups.h"

#include <algorithm>

#include "daemon/node/clients.h"
#include "daemon/node/tasks.h"

namespace rayd::node {
namespace {

/// Removed groups that are remembered; of others the head is asked again.
constexpr size_t kRemovedKept = 1'000;

bool is_final(const GroupInfo& info) {
  return info.state == GroupState::kCreated || info.state == GroupState::kRemoved;
}

}  // namespace

// ---- clients ------------------------------------------------------------------------------------

// Empty: an honest client may say it.
std::string Groups::fault_in(ClientId client, const GroupRequest& message) {
  const GroupInfo& group = message.group;
  if (message.what != GroupRequest::What::kCreate) return {};
  if (group.group.client() != client || group.group.index() != 0)
    return to_string(group.group) + " is no placement group of this client";
  if (group.bundles.empty() || group.bundles.size() > kMaxBundles)
    return "a placement group of " + std::to_string(group.bundles.size()) + " bundles";
  for (const Bundle& bundle : group.bundles)
    if (const std::string mistake = mistake_in_demand(bundle.demand); !mistake.empty())
      return mistake;
  return {};
}

void Groups::on_request(NodeContext& context, ClientId client, GroupRequest&& message) {
  if (const std::string fault = fault_in(client, message); !fault.empty())
    return parts_.clients.refuse(context, client, fault);
  if (message.what == GroupRequest::What::kAwait) return await(context, client, message);
  const uint64_t number = ++last_number_;
  const uint64_t request = message.request;
  message.request = number;
  GroupAsked asked{std::move(message), parts_.clients.job_of(client)};
  context.out.emplace_back(ToHead{asked});
  asked_.emplace(number, Asked{client, request, std::move(asked)});
}

// Awaiting it again takes the place of the wait before, which the client gave up.
void Groups::await(NodeContext& context, ClientId client, const GroupRequest& message) {
  const GroupInfo* info = need(context, message.group.group);
  if (info != nullptr && is_final(*info))
    return answer(context, client, {message.request, nullptr, {*info}});
  awaiting_[message.group.group][client] = message.request;
}

void Groups::answer(NodeContext& context, ClientId client, GroupReply&& reply) const {
  context.out.emplace_back(ToClient{client, std::move(reply)});
}

void Groups::on_client_gone(ClientId client) {
  std::erase_if(asked_, [&](const auto& entry) {
    return entry.second.client == client &&
           entry.second.message.request.what != GroupRequest::What::kRemove;
  });
  for (auto it = awaiting_.begin(); it != awaiting_.end();) {
    it->second.erase(client);
    it = it->second.empty() ? awaiting_.erase(it) : std::next(it);
  }
}

// ---- the head -----------------------------------------------------------------------------------

void Groups::on_reply(NodeContext& context, GroupReply&& message) {
  const auto it = asked_.find(message.request);
  if (it == asked_.end()) return;
  const ClientId client = it->second.client;
  message.request = it->second.request;
  asked_.erase(it);
  if (parts_.clients.is_connected(client)) answer(context, client, std::move(message));
}

void Groups::on_changed(NodeContext& context, GroupChanged&& message) {
  const GroupId id = message.info.group;
  Known& entry = known_[id];
  if (entry.info.state == GroupState::kRemoved || message.version <= entry.version) return;
  entry.version = message.version;
  GroupInfo& known = entry.info;
  known = std::move(message.info);
  subscribed_.insert(id);  // whoever makes one hears of it, and says so to a head that starts anew
  if (known.state == GroupState::kRemoved) {
    subscribed_.erase(id);
    removed_.push_back(id);
  }
  if (is_final(known)) {
    if (const auto waiting = awaiting_.extract(id); !waiting.empty())
      for (const auto& [client, request] : waiting.mapped())
        answer(context, client, {request, nullptr, {known}});
  }
  if (removed_.size() > kRemovedKept) {
    known_.erase(removed_.front());
    removed_.pop_front();
  }
  parts_.tasks.place(context);
}

const GroupInfo* Groups::need(NodeContext& context, GroupId group) {
  if (const GroupInfo* info = find(group)) return info;
  if (subscribed_.insert(group).second) context.out.emplace_back(ToHead{SubscribeGroup{group}});
  return nullptr;
}

const GroupInfo* Groups::find(GroupId group) const {
  const auto it = known_.find(group);
  return it == known_.end() ? nullptr : &it->second.info;
}

void Groups::reannounce(Announce& announce) const {
  for (const GroupId group : subscribed_)
    if (!is_being_made(group)) announce.groups.push_back(group);
}

// The head may not know it yet, and would say that there is none.
bool Groups::is_being_made(GroupId group) const {
  return std::any_of(asked_.begin(), asked_.end(), [&](const auto& entry) {
    const GroupRequest& request = entry.second.message.request;
    return request.what == GroupRequest::What::kCreate && request.group.group == group;
  });
}

void Groups::ask_again(NodeContext& context) const {
  for (const auto& [number, asked] : asked_) context.out.emplace_back(ToHead{asked.message});
  for (const GroupId group : subscribed_)
    if (is_being_made(group)) context.out.emplace_back(ToHead{SubscribeGroup{group}});
}

}  // namespace rayd::node
