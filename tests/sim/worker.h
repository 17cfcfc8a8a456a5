// Worker: a process that claims slots of its work ring and runs what is in them.
#pragma once

#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "tests/sim/client.h"

namespace rayd::sim {

class Worker : public Client {
 public:
  Worker(World& world, Node& node, ClientId id) : Client(world, node, id) {}

  // ---- for the node ---------------------------------------------------------------------------
  void push(Run&& run);
  /// The daemon's side of the claim word.
  SlotRevoked::Outcome revoke(TaskId task, uint32_t attempt);
  void set_cancel_word(TaskId task, uint32_t attempt);
  /// Ends after what it runs now.
  void stop_gracefully();
  /// Slots that it claimed and has no Done of.
  std::vector<std::pair<TaskId, uint32_t>> claimed() const;

  /// References granted by Runs that it has not read: given back with the claim, or by the daemon
  /// when it hears that it won the slot back.
  const std::map<std::pair<TaskId, uint32_t>, std::vector<ObjectId>>& unread() const {
    return unread_;
  }
  void forget_unread(TaskId task, uint32_t attempt) { unread_.erase({task, attempt}); }

  ActorId actor() const { return actor_; }
  uint32_t incarnation() const { return incarnation_; }
  bool is_stopping() const { return is_stopping_; }

 private:
  struct Slot {
    Run run;
    enum class State : uint8_t { kQueued, kStarted, kRevoked } state = State::kQueued;
  };

  void schedule_claim();
  void claim();
  void start(Run&& run);
  void finish(Fiber& fiber, std::vector<Value>&& results, ErrorRef error) override;
  void on_idle() override;
  void on_run_inline(uint64_t wait) override;
  void schedule_inline();
  void claim_inline();
  void begin(Slot& slot);

  std::deque<Slot> ring_;
  std::map<std::pair<TaskId, uint32_t>, std::vector<ObjectId>> unread_;
  bool is_claim_scheduled_ = false;
  uint64_t offered_ = 0;  // the wait inside of which the next slot may be run
  bool is_stopping_ = false;
  ActorId actor_;
  OutcomeRef actor_outcome_;
  uint32_t incarnation_ = 0;
  bool is_constructed_ = false;
};

}  // namespace rayd::sim
