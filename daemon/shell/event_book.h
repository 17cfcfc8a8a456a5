// The event book: what happened lately in the cluster, on all its machines, for `rayctl events`. At
// the head; belongs to the control thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/types/node_io.h"

namespace rayd::shell {

struct ClusterEvent {
  int64_t unix_ms = 0;
  NodeId node;  // where it was noticed
  Event::Level level = Event::Level::kInfo;
  std::string name;  // "node_joined"
  std::string text;
};

class EventBook {
 public:
  /// The oldest goes when it is full.
  void add(ClusterEvent event);
  /// In the order of their arrival here, and the cursor behind them.
  std::pair<std::vector<ClusterEvent>, uint64_t> since(uint64_t cursor) const;

  /// Called once, at the next event. Returns a ticket to forget it.
  uint64_t on_change(std::function<void()> wake);
  void forget(uint64_t ticket) { waiters_.erase(ticket); }

 private:
  std::deque<ClusterEvent> events_;
  uint64_t added_ = 0;  // in all: the cursor behind the newest
  std::map<uint64_t, std::function<void()>> waiters_;
  uint64_t next_ticket_ = 1;
};

}  // namespace rayd::shell
