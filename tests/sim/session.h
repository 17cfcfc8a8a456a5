// Link: one direction of a session between two daemons: ordered, exactly once while both live, as
// slow as chance wants.
#pragma once

#include <deque>
#include <variant>

#include "common/types/head_messages.h"
#include "common/types/peer_messages.h"

namespace rayd::sim {

using LinkMessage = std::variant<PeerMessage, NodeToHead, HeadToNode>;

struct Link {
  std::deque<LinkMessage> messages;  // in flight
  Time last;                         // no delivery before
  uint64_t generation = 0;           // a new session's deliveries are not the old one's
  bool is_closed = false;            // one end is dead
};

}  // namespace rayd::sim
