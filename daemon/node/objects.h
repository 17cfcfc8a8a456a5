// Objects: references (protocols.md P1), values, and who waits for them.
//
// Own objects (ObjectId.node == this node):
//
//   created (pending) ──fulfil──▶ ready ──last reference──▶ freed
//                         ▲          │ last copy lost
//                         └──rebuild─┘ (Tasks, from lineage)
//
// Foreign objects: known while `local` > 0 or `seen` > 0; their value arrives by Fetch.
//
// A *hold* is one unit of `local`: whoever calls `hold` calls `drop` once. A client's count is one
// hold for each grant it got. `fulfil` takes over the holds on value.contains that its caller has;
// the record drops them when the object is freed.
#pragma once

#include <vector>

#include "daemon/node/parts.h"

namespace rayd::node {

/// Who is told when an object is ready.
struct Waiter {
  enum class Who : uint8_t { kTask, kAssignment, kActorCall, kActorCreation };
  Who who = Who::kTask;
  TaskId task;  // its on_object_ready(context, task, object) is called
  /// kReady: the owner's word suffices (location known); kHere: bytes, extent or error on this
  /// node.
  enum class Need : uint8_t { kReady, kHere };
  Need need = Need::kReady;
  auto operator<=>(const Waiter&) const = default;
};

class Objects {
 public:
  explicit Objects(Parts& parts) : parts_(parts) {}

  // ---- own objects --------------------------------------------------------------------------
  /// A new pending object with one grant to `creator`. Precondition: minted in creator's space.
  void create(NodeContext& context, ObjectId object, ClientId creator);
  /// The handle of an actor: no value; ActorCalls::on_last_handle when its last reference goes.
  void create_handle(NodeContext& context, ActorId actor, ClientId creator);
  /// Ready now. A second fulfil of a ready object is ignored and its contains dropped (the winner
  /// stays). Unknown (already freed): the value is dropped and its space freed.
  void fulfil(NodeContext& context, ObjectId object, Value&& value);
  bool is_known(ObjectId object) const;
  /// Lineage: a return that was freed is needed again and will be rebuilt. It is pending, with one
  /// hold of the caller. Precondition: not known.
  void revive(NodeContext& context, ObjectId object);
  /// A stored result of an attempt that ran here for another owner: a copy that stays until that
  /// owner says DropCopy, or Discard of this attempt.
  void keep_result(NodeContext& context, ObjectId object, uint32_t attempt, const Value& value);
  void discard_result(NodeContext& context, ObjectId object, uint32_t attempt);

  // ---- holds ----------------------------------------------------------------------------------
  void hold(NodeContext& context, ObjectId object);
  void drop(NodeContext& context, ObjectId object);

  // ---- values ---------------------------------------------------------------------------------
  /// The value if the need is met now; else registers the waiter (fetching or pulling as needed).
  const Value* await(NodeContext& context, ObjectId object, Waiter waiter);
  void forget_waiter(ObjectId object, const Waiter& waiter);
  /// What is known now; nullptr while nothing is.
  const Value* peek(ObjectId object) const;

  // ---- references in messages to and from nodes (P1 rules 1, 2) -------------------------------
  /// Counts (own) or pins (third party) the references for a message to `to`.
  Transfer attach(NodeContext& context, NodeId to, std::vector<ObjectId> references);
  /// Every reference of the transfer is now one hold of the receiving part.
  void receive(NodeContext& context, NodeId from, const Transfer& transfer);

  // ---- clients ----------------------------------------------------------------------------------
  /// One grant to the client, before a message that names the object goes to it.
  void grant(NodeContext& context, ClientId client, ObjectId object);
  void on_put(NodeContext& context, ClientId client, Put&& message);
  void on_release(NodeContext& context, ClientId client, const Release& message);
  void on_want(NodeContext& context, ClientId client, const Want& message);
  void on_unwant(NodeContext& context, ClientId client, const Unwant& message);
  void on_client_gone(NodeContext& context, ClientId client);
  /// True if the client was granted the object (it may name it in an argument).
  bool client_holds(ClientId client, ObjectId object) const;
  /// What the client wants and has not been told, in the order it asked.
  std::vector<ObjectId> wanted_by(ClientId client) const;
  /// Its wants end with this error as their value (max_workers are blocked).
  void fail_wants(NodeContext& context, ClientId client, ErrorRef cause);

  // ---- peers
  // --------------------------------------------------------------------------------------
  void on_peer(NodeContext& context, NodeId from, Borrow&& message);
  void on_peer(NodeContext& context, NodeId from, BorrowAck&& message);
  void on_peer(NodeContext& context, NodeId from, TransferDone&& message);
  void on_peer(NodeContext& context, NodeId from, PeerRelease&& message);
  void on_peer(NodeContext& context, NodeId from, Fetch&& message);
  void on_peer(NodeContext& context, NodeId from, FetchedValue&& message);
  void on_peer(NodeContext& context, NodeId from, CopyChanged&& message);
  void on_peer(NodeContext& context, NodeId from, DropCopy&& message);
  void on_pulled(NodeContext& context, const Pulled& message);
  void on_pull_failed(NodeContext& context, const PullFailed& message);
  void on_node_dead(NodeContext& context, NodeId node, uint64_t m);
  void on_settled(NodeContext& context, uint64_t m);

 private:
  Parts& parts_;
};

}  // namespace rayd::node
