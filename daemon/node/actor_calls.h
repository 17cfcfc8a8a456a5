// ActorCalls: the caller's side of actors (protocols.md P3, side C): creation, order per caller and
// actor, resending to a new incarnation, failing what may not be repeated.
//
//   a call:  waits for its arguments ──▶ ready ──in order: n is given──▶ sent ──▶ ended
//                                          ▲                              │ its incarnation ended;
//                                          └──────────────────────────────┘ a retry is left, or
//                                                                           it had not begun
//
// For each caller and actor the calls that have not ended wait in the order made; those that are
// sent come first. A number that will not be sent (again) goes as a Skip before the next that is.
// An actor of this node gets its calls without messages: ActorHost::run_own, and back by
// on_own_result.
//
// What is outstanding keeps the actor: each caller with calls holds the handle, and so does a
// creation until it is up or dead.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/node/attempt_children.h"
#include "daemon/node/objects_record.h"
#include "daemon/node/parts.h"
#include "daemon/node/seq_table.h"

namespace rayd::node {

class ActorCalls {
 public:
  explicit ActorCalls(Parts& parts) : parts_(parts) {}

  void on_create(NodeContext& context, ClientId client, CreateActor&& message);
  void on_call(NodeContext& context, ClientId client, CallActor&& message);
  void on_kill(NodeContext& context, ClientId client, const KillActor& message);
  void on_get_actor(NodeContext& context, ClientId client, const GetActor& message);
  void on_cancel(NodeContext& context, ClientId client, const Cancel& message);
  /// True if `task` is a call or creation that this part knows (else Tasks does).
  bool owns(TaskId task) const;
  void on_object_ready(NodeContext& context, TaskId task, ObjectId object);
  /// The last reference to an actor of ours is gone: it ends after the calls already made.
  void on_last_handle(NodeContext& context, ActorId actor);
  void on_actor_changed(NodeContext& context, const ActorInfo& info);
  void on_operation_reply(NodeContext& context, const OperationReply& reply);
  void on_peer(NodeContext& context, NodeId from, ActorReply&& message);
  void on_peer(NodeContext& context, NodeId from, StaleIncarnation&& message);
  void on_client_gone(NodeContext& context, ClientId client);
  void on_job_ended(NodeContext& context, JobId job);
  /// The calls of a cancelled attempt of this client.
  void cancel_children(NodeContext& context, ClientId parent, const AttemptChildren& children,
                       const ErrorRef& cause);
  void on_node_dead(NodeContext& context, NodeId node);
  /// After a head restart: subscriptions, and then unanswered operations again.
  void reannounce(Announce& announce) const;
  void ask_again(NodeContext& context) const;
  void append_to(struct Snapshot& snapshot) const;

  // ---- for ActorHost: what became of calls to actors of this node -----------------------------
  /// The references in the results are held for the record.
  void on_own_result(NodeContext& context, TaskId task, uint32_t incarnation,
                     std::vector<Value>&& results, const ErrorRef& error);
  /// The incarnation was reaped; these calls had not begun.
  void on_own_incarnation_gone(NodeContext& context, ActorId actor, uint32_t incarnation,
                               const std::vector<TaskId>& not_begun);

 private:
  struct Actor;
  struct Caller;
  struct Call {
    TaskId id;
    TemplateRef call;
    Caller* caller = nullptr;
    JobId job;
    uint64_t n = 0;        // 0: none yet
    uint32_t missing = 0;  // arguments that are not there
    uint32_t retries = 0;  // charged so far
    bool may_have_begun = false;
    ErrorRef cancel;  // set: asked to be cancelled, and ends so whatever comes
    std::vector<Arg> args;
    std::vector<ObjectId> held;
  };
  /// The calls of one client to one actor.
  struct Caller {
    Actor* actor = nullptr;
    ClientId client;
    std::deque<Call*> calls;  // the first `sent` are sent
    size_t sent = 0;
    uint64_t last_n = 0;   // given
    uint64_t next = 0;     // that the incarnation expects; 0: not attached
    bool is_gone = false;  // the client
  };
  struct Creation {
    enum class State : uint8_t { kArguments, kAsked, kDone };  // kDone: up once, or dead
    State state = State::kArguments;
    ClientId client;
    JobId job;
    std::vector<Arg> args;
    std::vector<ObjectId> held;
    uint32_t missing = 0;
    std::vector<std::pair<ClientId, GetActor>> finders;  // ask once the head has heard of it
  };
  struct Actor {
    enum class State : uint8_t { kUnknown, kStarting, kAlive, kDead };
    ActorId id;
    State state = State::kUnknown;
    NodeId node;
    uint32_t incarnation = 0;
    ErrorRef cause;        // kDead: why; kStarting: why it does not start
    TemplateRef creation;  // null while it is not known
    std::map<ClientId, Caller> callers;
    Caller* last_caller = nullptr;
    std::unique_ptr<Creation> made_here;
    bool is_released = false;  // the head knows that no handle is left
  };
  struct Find {
    ClientId client;
    uint64_t request = 0;
  };
  using Name = std::pair<std::string, std::string>;  // namespace, name

  bool is_own_node(NodeId node) const { return node == parts_.options.node; }
  static ObjectId handle_of(ActorId actor) { return actor.creation().object(0); }
  Actor* find(ActorId actor) { return actors_.find(actor); }

  // calls (actor_calls.cc)
  std::string fault_in(ClientId client, TaskId task, const CallTemplate& call,
                       CallTemplate::Kind kind, const std::vector<Arg>& args) const;
  Caller& caller_of(Actor& actor, ClientId client);
  void hold_arguments(NodeContext& context, const std::vector<Arg>& args,
                      std::vector<ObjectId>& held);
  enum class Awaited : uint8_t { kReady, kWaits, kEnded };
  Awaited await_arguments(NodeContext& context, Call& call, Waiter::Need need);
  void forget_waits(const Call& call);
  void pump(NodeContext& context, Actor& actor);
  void pump(NodeContext& context, Actor& actor, Caller& caller);
  void send_own(NodeContext& context, Actor& actor, Call& call);
  void send_remote(NodeContext& context, Actor& actor, Caller& caller, Call& call);
  void finish(NodeContext& context, Call& call, std::vector<Value>&& results);
  void finish_with_error(NodeContext& context, Call& call, ErrorRef error);
  void on_result(NodeContext& context, Call& call, uint32_t incarnation,
                 std::vector<Value>&& results, const ErrorRef& error);
  void discard(NodeContext& context, TaskId task, uint32_t incarnation,
               const std::vector<Value>& results);

  // creation, names, the head's answers (actor_calls_creation.cc)
  void await_creation(NodeContext& context, Actor& actor);
  void on_creation_argument(NodeContext& context, TaskId creation, ObjectId object);
  void forget_creation_waits(const Actor& actor);
  void ask_for_creation(NodeContext& context, Actor& actor);
  void abandon(NodeContext& context, Actor& actor, ErrorRef cause);
  void leave_arguments(NodeContext& context, Actor& actor);
  void creation_done(NodeContext& context, Actor& actor);
  void find_by_name(NodeContext& context, ClientId client, const GetActor& message);
  OperationId next_operation();
  template <class Message>
  void ask(NodeContext& context, Message message) {
    unanswered_[message.operation.seq] = message;
    context.out.emplace_back(ToHead{std::move(message)});
  }

  // what happens to actors (actor_calls_changes.cc)
  Actor& know(NodeContext& context, ActorId actor);
  bool is_used(const Actor& actor) const;
  void forget_unused(NodeContext& context);
  void forget(NodeContext& context, Actor& actor);
  void forget_caller(NodeContext& context, Actor& actor, Caller& caller);
  bool ends_with_its_handles(const Actor& actor) const;
  void release_row(NodeContext& context, Actor& actor);
  void leave_incarnation(NodeContext& context, Actor& actor);
  void die(NodeContext& context, Actor& actor, NodeId node, ErrorRef cause);
  void cancel(NodeContext& context, Call& call, const ErrorRef& cause, Cancel::Recursive recursive);
  ErrorRef call_error(const Call& call, ErrorCode code, std::string message) const;
  ErrorRef death_error(const Actor& actor, const Call& call) const;
  ErrorRef cancelled_error(const Call& call) const;

  // for people (actor_calls_text.cc)
  static std::string label(const Actor& actor);
  std::string pending_reason(const Actor& actor, const Call& call) const;

  Parts& parts_;
  SeqTables<Call> calls_;
  SeqTables<Actor> actors_;
  std::map<ClientId, std::set<ActorId>> called_by_;  // which actors have a record of this caller
  std::map<Name, ActorId> naming_;                   // creations that wait for arguments
  std::map<uint64_t, NodeToHead> unanswered_;        // by operation number
  std::map<uint64_t, Find> finds_;                   // the same
  uint64_t last_operation_ = 0;
  size_t forget_at_ = 64;  // so many actors known: look for those that are not used
};

}  // namespace rayd::node
