// Flight: what one end of a session has said and the other has not heard yet, in order. The session
// itself carries bytes (peers.h), or nothing at all where head and node share a process; this is
// what the checker counts, and what every arrival is compared with.
#pragma once

#include <deque>
#include <memory>
#include <variant>

#include "common/types/head_messages.h"
#include "common/types/peer_messages.h"

namespace rayd::sim {

using LinkMessage = std::variant<PeerMessage, NodeToHead, HeadToNode>;

struct Flight {
  NodeId from;
  NodeId to;
  std::deque<LinkMessage> messages;
  Time last;               // in one process: no delivery before
  bool is_closed = false;  // whoever would hear it is gone, or has begun another session
};
using FlightRef = std::shared_ptr<Flight>;

}  // namespace rayd::sim
