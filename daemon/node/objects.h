// Objects: references (protocols.md P1), values, and who waits for them.
//
// Own objects (ObjectId.node == this node):
//
//   created (pending) ──fulfil──▶ ready ──last reference──▶ freed
//                         ▲          │ last copy lost
//                         └──rebuild─┘ (Tasks, from lineage)
//
// Foreign objects: known while `local` > 0 or a Borrow is out; their value arrives by Fetch, their
// bytes by a pull, one for all who ask. What once is here stays readable while it is held, even if
// the owner dies.
//
// A *hold* is one unit of `local`: whoever calls `hold` calls `drop` once. A client's count is one
// hold for each grant it got. `fulfil` takes over the holds on value.contains that its caller has;
// the record drops them when the object is freed.
//
// Nothing here calls another part back from within a call of that part: on_object_ready,
// on_return_freed, on_lost and on_last_handle come from `work`, which NodeCore calls after each
// handler, until nothing is left to do. So a chain of a million dependants needs no deep stack.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "daemon/node/objects_record.h"
#include "daemon/node/parts.h"
#include "daemon/node/seq_table.h"
#include "daemon/node/snapshot.h"

namespace rayd::node {

class Objects {
 public:
  explicit Objects(Parts& parts);
  ~Objects();

  // ---- own objects --------------------------------------------------------------------------
  /// A new pending object with one grant to `creator`, in whose space it is minted. False: the
  /// number is taken (a hostile client mints twice), and nothing was created.
  bool create(NodeContext& context, ObjectId object, ClientId creator);
  /// The handle of an actor: no value; ActorCalls::on_last_handle when its last reference goes.
  bool create_handle(NodeContext& context, ActorId actor, ClientId creator);
  /// True while no object of this number is alive: a client may mint it.
  bool is_free(TaskId number) const { return own_.find(number) == nullptr; }
  /// Ready now. A second fulfil of a ready object is ignored and its contains dropped (the winner
  /// stays). Unknown (already freed): the value is dropped and its space freed.
  void fulfil(NodeContext& context, ObjectId object, Value&& value);
  bool is_known(ObjectId object) const { return find(object) != nullptr; }
  /// Lineage: a return that was freed is needed again and will be rebuilt. It is pending, with one
  /// hold of the caller. Precondition: not known.
  void revive(NodeContext& context, ObjectId object);
  /// A stored result of an attempt that ran here for another owner: a copy that stays until that
  /// owner says DropCopy, or Discard of this attempt.
  void keep_result(NodeContext& context, ObjectId object, uint32_t attempt, const Value& value);
  void discard_result(NodeContext& context, ObjectId object, uint32_t attempt);
  /// A new head asks for none of the results that its predecessor's jobs left here.
  void drop_results_of_head(NodeContext& context);

  // ---- holds ----------------------------------------------------------------------------------
  /// Of a foreign object that this node does not hold yet: opens it (Borrow, no TransferDone). Of
  /// an own one that is freed: it is held as a lost one.
  void hold(NodeContext& context, ObjectId object);
  void drop(NodeContext& context, ObjectId object);

  // ---- values ---------------------------------------------------------------------------------
  /// The value if the need is met now; else registers the waiter (fetching or pulling as needed).
  /// Precondition: the caller holds it.
  const Value* await(NodeContext& context, ObjectId object, Waiter waiter);
  void forget_waiter(ObjectId object, const Waiter& waiter);
  /// What is known now; nullptr while nothing is.
  const Value* peek(ObjectId object) const;
  /// Where the bytes of an object lie in this node's store: what a peer's pull reads.
  std::optional<Extent> copy_here(ObjectId object) const;

  // ---- references in messages to and from nodes (P1 rules 1, 2) -------------------------------
  /// Counts (own) or pins (third party) the references for a message to `to`. The caller keeps its
  /// own holds. To this node itself: each reference is held once more, for the receiving part.
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
  /// The same for some object of a task (it may cancel it).
  bool holds_some_of(ClientId client, TaskId task) const;
  /// What the client wants and has not been told, in the order it asked.
  std::vector<ObjectId> wanted_by(ClientId client) const;
  bool is_wanted_by(ClientId client, ObjectId object) const;
  /// These wants end with this error as their value (max_workers are blocked).
  void fail_wants(NodeContext& context, ClientId client, const std::vector<ObjectId>& wanted,
                  const ErrorRef& cause);

  // ---- peers --------------------------------------------------------------------------------
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
  bool is_dead(NodeId node) const { return dead_.contains(node); }
  /// For Announce: the newest membership version whose SettledReport has left.
  uint64_t settled_reported() const { return settled_reported_; }

  // ---- for StoreGrants --------------------------------------------------------------------------
  /// Room for a waiting pull is there.
  void on_pull_room(NodeContext& context, ObjectId object, const Extent& room);
  void on_pull_refused(NodeContext& context, ObjectId object, ErrorRef cause);
  /// Gives up the oldest copy that nobody here uses; false: there is none.
  bool evict_copy(NodeContext& context);

  // ---- for NodeCore -----------------------------------------------------------------------------
  /// Tells who waits, frees what nobody references, until nothing is left to do.
  void work(NodeContext& context);
  bool has_work() const { return !work_.empty(); }
  void on_tick(NodeContext& context);
  std::optional<Time> next_deadline() const { return retry_at_; }
  void append_to(Snapshot& snapshot) const;

 private:
  struct WorkItem {
    ObjectId object;
    enum class What : uint8_t { kTell, kFree, kLost } what = What::kTell;
  };
  struct BorrowOut {
    std::vector<ObjectId> objects;
    NodeId sender;       // of the transfer that caused it
    uint64_t token = 0;  // of that transfer; 0: an opening of our own
  };
  /// What is between this node and another one.
  struct Peer {
    uint64_t last_transfer = 0;
    uint64_t last_borrow = 0;
    std::map<uint64_t, std::vector<ObjectId>> pins;  // by transfer token: until TransferDone
    std::map<uint64_t, BorrowOut> borrows;           // by borrow token: to this owner, unanswered
    std::map<uint64_t, uint32_t> transfers;          // from it: Borrows that are still out
  };

  // records (objects.cc)
  bool is_own(ObjectId object) const { return object.node() == parts_.options.node; }
  ObjectRecord* find(ObjectId object);
  const ObjectRecord* find(ObjectId object) const {
    return const_cast<Objects*>(this)->find(object);
  }
  OwnObject* find_own(ObjectId object);
  ForeignObject* find_foreign(ObjectId object);
  ForeignObject& foreign_record(ObjectId object);
  void drop_all(NodeContext& context, const std::vector<ObjectId>& objects);
  void drop_value(NodeContext& context, ObjectId object, Value&& value);
  void free_if_unreferenced(NodeContext& context, ObjectId object);
  void free_own(NodeContext& context, ObjectId object, OwnObject& record);
  void free_foreign(NodeContext& context, ObjectId object, ForeignObject& record);
  ErrorRef error_about(ObjectId object, ErrorCode code, std::string message) const;

  // waits (objects_waits.cc)
  void tell(NodeContext& context, ObjectId object);
  void tell_one(NodeContext& context, const Wait& wait);
  void answer(NodeContext& context, ClientId client, ObjectId object, const Value& value,
              Waiter::Need need);
  void add_wait(ObjectRecord& record, const Wait& wait);
  void add_want(ObjectRecord& record, ClientId client, ObjectId object, Waiter::Need need);
  uint32_t find_wait(const ObjectRecord& record, const Waiter& waiter, ClientId client) const;
  void remove_wait(ObjectRecord& record, uint32_t position);
  void remove_wants(ClientId client);
  bool has_wait(const ObjectRecord& record, Waiter::Need need) const;

  // clients (objects_clients.cc)
  ObjectsClient& client_state(ClientId client);
  const ObjectsClient* find_client(ClientId client) const;
  bool holds_counted(ClientId client, ObjectId object) const;
  bool take_from_client(ClientId client, const CountedObject& counted, uint32_t& holds);

  // values and copies (objects_values.cc)
  void pursue(NodeContext& context, ObjectId object, ObjectRecord& record);
  void start_pull(NodeContext& context, ObjectId object, ObjectRecord& record);
  void pull_into(NodeContext& context, ObjectId object, ObjectRecord& record, const Extent& room);
  void forget_location(NodeContext& context, ObjectId object, NodeId node);
  void lose(NodeContext& context, ObjectId object, OwnObject& record);
  void set_lost(ObjectId object, ForeignObject& record, ErrorRef cause);
  void send_value(NodeContext& context, NodeId to, ObjectId object, const Value& value);
  void add_copy(ObjectId object, const Copy& copy);
  void remove_copy(NodeContext& context, ObjectId object);
  void set_evictable(ObjectId object, Copy& copy);
  void set_in_use(ObjectId object);
  void tell_late(const ObjectRecord& record);
  void retry_later(NodeContext& context, ObjectId object);

  // P1 (objects_references.cc)
  void borrow(NodeContext& context, NodeId owner, BorrowOut&& borrow);
  void finish_borrow(NodeContext& context, const BorrowOut& borrow);
  void add_grant(OwnObject& record, NodeId node);
  void report_if_settled(NodeContext& context);
  void forget_locations_on(NodeContext& context, NodeId node);
  void empty(NodeContext& context, ObjectId object, OwnObject& record);

  Parts& parts_;
  SeqTables<OwnNumber> own_;
  std::map<ObjectId, ForeignObject> foreign_objects_;
  std::map<ObjectId, Copy> copies_;
  std::set<std::pair<uint64_t, ObjectId>> evictable_;  // {stamp, copy}
  uint64_t last_stamp_ = 0;
  std::map<ObjectId, Extent> pulls_;  // under way; length 0: waits for room
  std::set<ObjectId> retries_;        // fetches and pulls to begin again at retry_at_
  std::optional<Time> retry_at_;
  WaitPool waits_;
  std::unordered_map<ClientId, ObjectsClient, IdHash> clients_;
  ClientId last_client_;  // found last
  ObjectsClient* last_state_ = nullptr;
  std::map<NodeId, Peer> peers_;
  std::map<NodeId, uint64_t> dead_;  // and the version at which
  uint64_t settled_ = 0;
  uint64_t settled_reported_ = 0;
  uint64_t report_due_ = 0;  // 0: none
  std::set<std::pair<NodeId, uint64_t>> unsettled_borrows_;
  std::vector<WorkItem> work_;
  Value lost_;  // what somebody reads who holds nothing
};

}  // namespace rayd::node
