// Stories about actors: node cores as in node_fixture.h, and a real head core that commits at once.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/head/head_core.h"
#include "tests/unit/daemon/node_fixture.h"

namespace rayd::node::test {

inline bool may_have_executed(const ErrorRef& error) {
  return error->may_have_executed == ErrorInfo::MayHaveExecuted::kYes;
}

class ActorCluster : public Cluster {
 public:
  explicit ActorCluster(Config config = {});

  // ---- callers --------------------------------------------------------------------------------
  ActorId create(ClientId client, const ActorOptions& options = {}, std::vector<Arg> args = {});
  TaskId call(ClientId client, ActorId actor, std::vector<Arg> args = {});
  void kill(ClientId client, ActorId actor,
            KillActor::NoRestart no_restart = KillActor::NoRestart::kYes);
  void cancel(ClientId client, TaskId task);
  /// nil: there is none of that name.
  ActorId find(ClientId client, const std::string& name);
  /// Gives back every handle that `create` gave.
  void drop_handle(ClientId client, ActorId actor, uint32_t count = 1);
  static ObjectId handle(ActorId actor) { return actor.creation().object(0); }
  /// What the caller reads of the call: its text, or the error's code. Wants it first.
  std::string result(TaskId task);
  ErrorRef failure(TaskId task);
  std::string refusal(ClientId client) const;

  // ---- actors' workers ------------------------------------------------------------------------
  /// The worker in which it lives; nullptr: none.
  FakeWorker* home(ActorId actor);
  /// Claims and ends the creation.
  FakeWorker& construct(ActorId actor);
  void fail_construction(ActorId actor);
  /// Claims the next call and ends it; its task.
  TaskId serve_one(ActorId actor, const std::string& text = "");
  /// Everything that is queued, in order.
  std::vector<TaskId> serve(ActorId actor);
  /// Ends a claimed call out of order.
  void done(FakeWorker& worker, TaskId task, const std::string& text);
  void exit_in(FakeWorker& worker);

  // ---- the head -------------------------------------------------------------------------------
  ActorInfo info(ActorId actor) const;
  ActorState state(ActorId actor) const { return info(actor).state; }
  /// The machine is gone; time passes until the head has said so.
  void lose_node(uint32_t node);
  /// What the node and the head tell each other waits until `join_head`.
  void part_from_head(uint32_t node) { parted_.insert(node); }
  void join_head(uint32_t node);
  /// Time for back-offs.
  void rest() { advance(Duration::millis(700)); }
  /// Nothing is held or known any more of objects and calls.
  bool is_clean(uint32_t node) const;

 protected:
  void on_head(Node& node, NodeToHead&& message) override;
  void on_time() override;
  std::optional<Time> other_deadline() const override;

 private:
  void to_head(HeadInput input);
  uint32_t template_of(ClientId client, const CallTemplate& call);

  head::HeadCore head_;
  Random head_random_{3};
  uint64_t committed_ = 0;
  bool is_real_ = false;
  std::map<ClientId, std::vector<std::pair<CallTemplate, uint32_t>>> templates_;
  std::set<uint32_t> parted_;
  std::deque<std::pair<uint32_t, NodeToHead>> held_to_head_;
  std::deque<Pending> held_from_head_;
};

/// The text of a value, or what kind of error it is.
std::string text_of(const Value& value);

}  // namespace rayd::node::test
