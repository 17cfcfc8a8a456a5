// Actors: the directory of the cluster's actors (protocols.md P3): where each lives, which
// incarnation is the one that is heard, and what becomes of it. States: actor_transitions.h.
//
// A number of an incarnation is never used again. A new one starts only after the head was told
// that the one before was reaped, or its node was declared dead.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/head/actor_transitions.h"
#include "daemon/head/head_core.h"
#include "daemon/head/head_parts.h"

namespace rayd::head {

class Actors {
 public:
  explicit Actors(HeadParts& parts) : parts_(parts) {}

  void load(ActorRow&& row);
  void begin_epoch(HeadContext& context);

  void on_create(HeadContext& context, NodeId from, CreateActorRow&& message);
  void on_abandon(HeadContext& context, NodeId from, const AbandonActor& message);
  void on_up(HeadContext& context, NodeId from, const ActorUp& message);
  void on_down(HeadContext& context, NodeId from, const ActorDown& message);
  void on_refused(HeadContext& context, NodeId from, const StartRefused& message);
  void on_kill(HeadContext& context, NodeId from, const KillActorRow& message);
  void on_subscribe(HeadContext& context, NodeId from, const Subscribe& message);
  void on_unsubscribe(NodeId from, const Unsubscribe& message);
  void on_find(HeadContext& context, NodeId from, const FindActor& message);
  /// What the node hosts is compared with the rows: adopted, ended or started again.
  void on_announce(HeadContext& context, NodeId from, const Announce& message);

  void on_node_dead(HeadContext& context, NodeId node);
  void on_job_ended(HeadContext& context, JobId job);
  /// Those in its bundles end.
  void on_group_removed(HeadContext& context, GroupId group);
  /// Room appeared: those that no node could have.
  void place_waiting(HeadContext& context);
  void on_tick(HeadContext& context);
  std::optional<Time> next_deadline() const;

  void append_to(HeadSnapshot& snapshot) const;

 private:
  using Name = std::pair<std::string, std::string>;  // namespace, name
  struct Actor {
    ActorRow row;
    Name name;                         // second is empty: none
    std::vector<ObjectId> references;  // named by the arguments
    std::set<NodeId> subscribers;
    std::map<NodeId, uint64_t> excluded;  // refused this actor at that version of their view
    std::optional<Time> start_at;         // in back-off
    enum class Handles : uint8_t { kSome, kGone };
    Handles handles = Handles::kSome;

    bool is_dead() const { return row.info.state == ActorState::kDead; }
    /// A node has been told to start its incarnation.
    bool is_placed() const { return row.info.node != kHeadNode; }
    bool is_at(NodeId node, uint32_t incarnation) const {
      return row.info.node == node && row.info.incarnation == incarnation;
    }
  };

  Actor* find(ActorId actor);
  Actor& add(ActorId id, NodeId owner);
  void save(HeadContext& context, const Actor& actor);
  void tell(HeadContext& context, const Actor& actor);
  void tell_people(HeadContext& context, const Actor& actor, const char* event);
  void reply(HeadContext& context, NodeId to, const OperationId& operation, ErrorRef error,
             const ActorInfo& info);
  /// Name, if it has one, or class.
  static std::string label(const Actor& actor);

  void start(HeadContext& context, Actor& actor);
  void send_start(HeadContext& context, const Actor& actor);
  void apply(HeadContext& context, Actor& actor, ActorEvent event, ErrorRef cause);
  void lose(HeadContext& context, Actor& actor, ErrorRef cause, ActorDown::Final final);
  void die(HeadContext& context, Actor& actor, ErrorRef cause);
  void next_incarnation(Actor& actor);
  void leave_queues(const Actor& actor);
  void release(HeadContext& context, Actor& actor);
  void reconcile(HeadContext& context, NodeId from, const Announce::Hosted& hosted);
  void start_again(HeadContext& context, NodeId from, const std::set<ActorId>& announced);

  HeadParts& parts_;
  std::map<ActorId, Actor> actors_;
  std::map<Name, ActorId> names_;  // of those that are not dead
  std::map<JobId, std::set<ActorId>> by_job_;
  std::map<ActorId, std::set<NodeId>> early_;  // subscribed before the row was there
  std::set<ActorId> unplaced_;
  std::set<std::pair<Time, ActorId>> backing_off_;
  std::deque<ActorId> released_;  // dead and without handles: kept for people, oldest first
};

}  // namespace rayd::head
