// NodeCore: every decision of one node's daemon, as a state machine without I/O, clock or thread.
//
// `on` takes one input and appends actions to context.out; time and chance are inputs. Late,
// repeated and out-of-epoch messages are ignored. After each `on`, `next_deadline` says when a Tick
// is due.
#pragma once

#include <memory>
#include <optional>

#include "daemon/node/parts.h"
#include "daemon/node/snapshot.h"

namespace rayd::node {

/// What a node is, before anything runs on it.
NodeView view_of(const NodeOptions& options);
/// What a node without an ordinal says to the head: who it is and what it has.
Announce first_words(const NodeOptions& options);

class NodeCore {
 public:
  explicit NodeCore(NodeOptions options);
  ~NodeCore();
  NodeCore(const NodeCore&) = delete;
  NodeCore& operator=(const NodeCore&) = delete;

  void on(NodeContext& context, NodeInput&& input);

  /// When the next Tick is due; none while nothing waits for time to pass.
  std::optional<Time> next_deadline() const;

  /// For parts: sends to a peer, to the head (kHeadNode), or to this node itself.
  void send(NodeContext& context, NodeId to, PeerMessage&& message);

  /// Where an object's bytes lie in this node's store, for a peer that pulls; nullopt: not here.
  std::optional<Extent> copy_here(ObjectId object) const;

  /// What is known of an object's value; nullptr: nothing.
  const Value* peek(ObjectId object) const;

  /// For `status`, `list`, `describe` and for the simulator's checker: a consistent copy.
  Snapshot snapshot() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace rayd::node
