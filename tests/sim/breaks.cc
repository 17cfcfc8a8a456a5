// Planted bugs of sessions: what they do to a message on its way.

#include "tests/sim/breaks.h"

#include "tests/sim/checker.h"
#include "tests/sim/world.h"

namespace rayd::sim {
namespace {

const Transfer* transfer_of(const PeerMessage& message) {
  return std::visit(
      [](const auto& m) -> const Transfer* {
        if constexpr (requires { m.transfer; }) return &m.transfer;
        return nullptr;
      },
      message);
}

// Nothing else keeps it alive.
bool is_held_by_one_grant(Node& owner, ObjectId object) {
  for (const auto& known : owner.core().snapshot().objects)
    if (known.object == object)
      return known.local == 0 && known.grants.size() == 1 && known.grants.front().second == 1;
  return false;
}

}  // namespace

// One grant of the first reference that the sender owns goes back behind the receiver's back.
void World::forge_release(NodeId from, NodeId to, const LinkMessage& message) {
  const auto* peer = std::get_if<PeerMessage>(&message);
  const Transfer* transfer = peer == nullptr ? nullptr : transfer_of(*peer);
  if (transfer == nullptr) return;
  for (const ObjectId object : transfer->references)
    if (object.node() == from && is_held_by_one_grant(*find_node(from), object))
      return hand_over(to, from, PeerMessage{PeerRelease{{{object, 1}}}});
}

// True: it has been seen to.
bool World::break_message(Flight& flight, const LinkMessage& message) {
  const NodeId from = flight.from;
  const NodeId to = flight.to;
  if (options_.broken == Break::kNone) return false;
  const auto* peer = std::get_if<PeerMessage>(&message);
  if (is_broken(Break::kForgedRelease)) {
    const LinkMessage copy = message;
    hand_over(from, to, LinkMessage(message));
    forge_release(from, to, copy);
    return true;
  }
  if (peer == nullptr) return false;
  if (is_broken(Break::kReleaseInTransit)) {
    flight.messages.push_front(LinkMessage(message));
    forge_release(from, to, message);
    checker_->check({from});
    flight.messages.pop_front();
    return false;
  }
  if (is_broken(Break::kCountedTwice))
    if (const Transfer* transfer = transfer_of(*peer);
        transfer != nullptr && !transfer->references.empty())
      hand_over(from, to, LinkMessage(message));
  if (is_broken(Break::kLostTransferDone)) return std::holds_alternative<TransferDone>(*peer);
  if (is_broken(Break::kLostDiscard))
    return std::holds_alternative<Discard>(*peer) || std::holds_alternative<DropCopy>(*peer);
  if (is_broken(Break::kAssignedTwice) && std::holds_alternative<Assign>(*peer))
    for (Node* node : live_nodes())
      if (node->id() != from && node->id() != to) {
        hand_over(from, node->id(), LinkMessage(message));
        break;
      }
  return false;
}

}  // namespace rayd::sim
