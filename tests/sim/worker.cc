#include "tests/sim/worker.h"

#include <algorithm>

#include "tests/sim/node.h"
#include "tests/sim/world.h"

namespace rayd::sim {

// ---- the work ring ------------------------------------------------------------------------------

void Worker::push(Run&& run) {
  auto& granted = unread_[{run.task, run.attempt}];
  for (const Value& value : run.args)
    granted.insert(granted.end(), value.contains.begin(), value.contains.end());
  ring_.push_back({std::move(run)});
  if (!is_alive()) return;
  schedule_claim();
  schedule_inline();
}

// The last slot of the attempt: one that was revoked may lie before it, and the same attempt may
// have been pushed again.
SlotRevoked::Outcome Worker::revoke(TaskId task, uint32_t attempt) {
  for (auto slot = ring_.rbegin(); slot != ring_.rend(); ++slot)
    if (slot->run.task == task && slot->run.attempt == attempt) {
      if (slot->state == Slot::State::kStarted) return SlotRevoked::Outcome::kAlreadyStarted;
      if (!world_.is_broken(Break::kRunsRevoked)) slot->state = Slot::State::kRevoked;
      return SlotRevoked::Outcome::kWon;
    }
  return SlotRevoked::Outcome::kAlreadyStarted;  // it has ended: its Done is in the ring
}

void Worker::set_cancel_word(TaskId task, uint32_t attempt) {
  for (const auto& fiber : fibers_)
    if (fiber->run.task == task && fiber->run.attempt == attempt) fiber->is_cancelled = true;
}

std::vector<std::pair<TaskId, uint32_t>> Worker::claimed() const {
  std::vector<std::pair<TaskId, uint32_t>> claimed;
  for (const Slot& slot : ring_)
    if (slot.state == Slot::State::kStarted) claimed.push_back({slot.run.task, slot.run.attempt});
  return claimed;
}

void Worker::stop_gracefully() {
  is_stopping_ = true;
  on_idle();
}

void Worker::on_idle() {
  if (!is_alive() || !fibers_.empty()) return;
  if (is_stopping_) return world_.kill_worker(*this, "exit status 0");
  schedule_claim();
}

// ---- running ------------------------------------------------------------------------------------

void Worker::schedule_claim() {
  if (is_claim_scheduled_ || !fibers_.empty()) return;
  is_claim_scheduled_ = true;
  world_.after(world_.step_delay(), [this] {
    is_claim_scheduled_ = false;
    if (is_alive() && fibers_.empty()) claim();
  });
}

void Worker::claim() {
  while (!ring_.empty() && ring_.front().state == Slot::State::kRevoked) ring_.pop_front();
  if (ring_.empty() || ring_.front().state != Slot::State::kQueued) return;
  if (ring_.size() > 1 && ring_[1].state == Slot::State::kQueued && !actor_.is_nil()) {
    if (world_.is_broken(Break::kOutOfOrder)) std::swap(ring_[0], ring_[1]);
    if (world_.is_broken(Break::kSkipsCall)) ring_.pop_front();
  }
  begin(ring_.front());
}

void Worker::begin(Slot& slot) {
  slot.state = Slot::State::kStarted;
  world_.trace.line(world_.now, "worker ", id_, " claims ", slot.run.task, " k=", slot.run.attempt);
  world_.judge.on_claim(*this, slot.run);
  forget_unread(slot.run.task, slot.run.attempt);
  start(Run(slot.run));
}

// ---- inside of a wait ---------------------------------------------------------------------------

void Worker::on_run_inline(uint64_t wait) {
  offered_ = wait;
  schedule_inline();
}

void Worker::schedule_inline() {
  if (offered_ == 0) return;
  world_.after(world_.step_delay(), [this] {
    if (is_alive() && offered_ != 0 && !fibers_.empty() && fibers_.back()->wait == offered_)
      claim_inline();
  });
}

void Worker::claim_inline() {
  std::erase_if(ring_, [](const Slot& slot) { return slot.state == Slot::State::kRevoked; });
  const auto slot = std::find_if(ring_.begin(), ring_.end(),
                                 [](const Slot& one) { return one.state == Slot::State::kQueued; });
  if (slot == ring_.end()) return;
  offered_ = 0;
  world_.count("inline_run");
  begin(*slot);
}

// The program is the first argument; the others are read as it would read them.
void Worker::start(Run&& run) {
  const bool is_creation = run.call->kind == CallTemplate::Kind::kActorCreation;
  Fiber& fiber = add_fiber(ScriptSpec::decode(run.args.front().bytes));
  fiber.run = std::move(run);
  Oracle::Task* task = world_.oracle.find_task(fiber.run.task);
  if (is_creation) {
    actor_ = fiber.run.actor;
    incarnation_ = fiber.run.incarnation;
    actor_outcome_ = world_.oracle.outcome_of(actor_.creation().object(0));
  } else if (!fiber.run.actor.is_nil()) {
    fiber.script.fold(actor_outcome_->token);
  }
  if (take_run_arguments(fiber, task->arguments)) schedule(fiber);
}

void Worker::finish(Fiber& fiber, std::vector<Value>&& results, ErrorRef error) {
  const Run& run = fiber.run;
  publish(Done{run.task, run.attempt, std::move(results), std::move(error)});
  for (auto it = ring_.begin(); it != ring_.end(); ++it)
    if (it->state == Slot::State::kStarted && it->run.task == run.task &&
        it->run.attempt == run.attempt) {
      ring_.erase(it);
      return;
    }
}

}  // namespace rayd::sim
