#include "daemon/shell/event_book.h"

#include <algorithm>

namespace rayd::shell {
namespace {

constexpr size_t kEventsKept = 10'000;

}  // namespace

void EventBook::add(ClusterEvent event) {
  events_.push_back(std::move(event));
  if (events_.size() > kEventsKept) events_.pop_front();
  ++added_;
  const auto waiters = std::move(waiters_);
  waiters_.clear();
  for (const auto& [ticket, wake] : waiters) wake();
}

std::pair<std::vector<ClusterEvent>, uint64_t> EventBook::since(uint64_t cursor) const {
  const uint64_t fresh = added_ - std::min(cursor, added_);
  const size_t count = std::min<uint64_t>(fresh, events_.size());
  return {{events_.end() - static_cast<ptrdiff_t>(count), events_.end()}, added_};
}

uint64_t EventBook::on_change(std::function<void()> wake) {
  waiters_[next_ticket_] = std::move(wake);
  return next_ticket_++;
}

}  // namespace rayd::shell
