// This node's lease (protocols.md §5), and the actors that freeze when it runs out.
#include <algorithm>

#include "daemon/node/actor_host.h"

namespace rayd::node {
namespace {

constexpr Duration kRenewEvery = Duration::millis(500);
constexpr size_t kRenewalsKept = 64;  // older ones would be worth nothing

}  // namespace

// Measured from the sending of the renewal that was acknowledged.
void ActorHost::on_lease(NodeContext& context, const LeaseRenewed& message) {
  while (!renewals_.empty() && renewals_.front().first <= message.number) {
    if (renewals_.front().first == message.number)
      lease_from_ = std::max(lease_from_, renewals_.front().second);
    renewals_.pop_front();
  }
  const bool is_valid = context.now < lease_from_ + parts_.options.lease;
  if (lease_ == Lease::kOver && is_valid) thaw(context);
}

void ActorHost::on_tick(NodeContext& context) {
  if (!renew_at_) {
    lease_from_ = context.now;
    renew_at_ = context.now;
  }
  if (lease_ == Lease::kValid && lease_from_ + parts_.options.lease <= context.now) freeze(context);
  if (*renew_at_ > context.now) return;
  renew_at_ = context.now + kRenewEvery;
  renewals_.push_back({++last_renewal_, context.now});
  if (renewals_.size() > kRenewalsKept) renewals_.pop_front();
  context.out.emplace_back(ToHead{RenewLease{last_renewal_}});
}

std::optional<Time> ActorHost::next_deadline() const {
  if (!renew_at_) return Time{};
  if (lease_ == Lease::kOver) return renew_at_;
  return std::min(*renew_at_, lease_from_ + parts_.options.lease);
}

void ActorHost::set_frozen(Frozen frozen) {
  std::vector<ActorId> actors;
  instances_.for_each([&](TaskId, const Instance& instance) {
    if (instance.creation->actor.max_restarts != 0) actors.push_back(instance.actor);
  });
  for (const ActorId actor : actors) find(actor)->is_frozen = frozen == Frozen::kYes;
}

void ActorHost::freeze(NodeContext& context) {
  lease_ = Lease::kOver;
  set_frozen(Frozen::kYes);
  context.out.emplace_back(Event{Event::Level::kWarn, "lease_over",
                                 "the head has not answered for a lease: actors that may be "
                                 "restarted elsewhere are frozen"});
}

void ActorHost::thaw(NodeContext& context) {
  lease_ = Lease::kValid;
  set_frozen(Frozen::kNo);
  context.out.emplace_back(Event{Event::Level::kInfo, "lease_renewed", "frozen actors go on"});
  for (auto& [worker, messages] : frozen_)
    for (ClientMessage& message : messages) thawed_.push_back({worker, std::move(message)});
  frozen_.clear();
  std::vector<ActorId> actors;
  instances_.for_each([&](TaskId, const Instance& instance) {
    if (!instance.queue.empty()) actors.push_back(instance.actor);
  });
  for (const ActorId actor : actors) push_more(context, *find(actor));
}

// Once something of a worker waits, what it says next waits behind it.
bool ActorHost::keep_if_frozen(ClientId worker, ClientMessage& message) {
  if (lease_ == Lease::kValid && thawed_.empty()) return false;
  const Instance* instance = in_worker(worker);
  if (instance == nullptr) return false;
  if (instance->is_frozen) {
    frozen_[worker].push_back(std::move(message));
    return true;
  }
  const bool waits = std::any_of(thawed_.begin(), thawed_.end(),
                                 [&](const FromClient& kept) { return kept.client == worker; });
  if (waits) thawed_.push_back({worker, std::move(message)});
  return waits;
}

// A frozen worker that died may have said the end of this call, which nobody will hear.
bool ActorHost::has_ended_unheard(ClientId worker, TaskId task) const {
  const auto it = frozen_.find(worker);
  if (it == frozen_.end()) return false;
  return std::any_of(it->second.begin(), it->second.end(), [&](const ClientMessage& message) {
    const auto* done = std::get_if<Done>(&message);
    return done != nullptr && done->task == task;
  });
}

std::optional<FromClient> ActorHost::take_thawed() {
  if (thawed_.empty()) return std::nullopt;
  FromClient next = std::move(thawed_.front());
  thawed_.pop_front();
  return next;
}

}  // namespace rayd::node
