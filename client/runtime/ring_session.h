// RingSession: the session of a program that has a daemon beside it: rings, store, waits.
//
// There is no thread in the background: whoever waits drains the answers, one at a time (the
// leader); the others sleep on a condition until the leader has news or hands over.
//
// The worker's executor (executor.cc) uses the same object: its idle wait for work takes part in
// leading, so that a user's thread and the executor never sleep on one doorbell at once.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "client/runtime/session.h"
#include "client/runtime/store_view.h"
#include "common/shm/channel.h"
#include "common/wire/hot_lane.h"

namespace rayd::client {

/// The call that this thread runs; null in a driver and in a user's own threads.
struct CurrentCall {
  TaskId task;
  uint32_t attempt = 0;
  uint64_t slot = 0;  // its sequence in the work ring: for the cancel word
  ActorId actor;
  uint32_t incarnation = 0;
  std::string name_space;
  bool exits_actor = false;
  std::vector<uint32_t> gpus;
};

class RingSession final : public Session {
 public:
  RingSession(SessionOptions options, shm::ChannelPeer channel, StoreView store);
  ~RingSession() override;

  ray::RuntimeContext context() const override;
  bool is_cancelled() const override;
  void exit_actor() override;
  bool was_current_actor_restarted() const override;
  std::string current_namespace() const override;

  // ---- for the executor of a worker
  struct Work {
    wire::WorkMessage message;
    uint64_t slot = 0;
  };
  /// Waits for the next work; none: the daemon is gone.
  std::optional<Work> next_work();
  /// The references and values of a call's arguments, alive as long as the result.
  std::vector<ray::internal::FetchedValue> open_arguments(const std::vector<Value>& args);
  void close_arguments(const std::vector<Value>& args);
  /// A result as a Value: inline, or written to the store. Throws kStoreFull.
  Value store_result(const ray::internal::SerializedValue& result);
  void send_done(Done&& done);
  /// A stored result that will not be in a Done.
  void abandon_result(const Value& result);
  /// What this worker is: what its calls submit runs in such workers too.
  void set_runtime(const CallTemplate& call);
  /// What takes work that is to run inside of a wait of this thread. Without it none is taken.
  void set_inline_runner(std::function<void(Work&&)> runner) { inline_runner_ = std::move(runner); }
  static thread_local CurrentCall* current_call;

 private:
  enum class Waiting : uint8_t { kForAnswers, kForWork, kForRoom };

  void push(Lock& lock, const ClientMessage& message) override;
  void on_pushed() override { channel_.ring(); }
  void drain() override;
  bool wait_until(Lock& lock, const Condition& ready, Time deadline) override {
    return wait_until(lock, ready, deadline, Waiting::kForAnswers);
  }
  bool wait_until(Lock& lock, const Condition& ready, Time deadline, Waiting waiting);
  /// Lends a running call's CPUs meanwhile. What makes the values that are needed may run here,
  /// when the daemon has no other worker for it.
  bool block_until(Lock& lock, const Condition& ready, Time deadline,
                   std::span<const rayd::ObjectId> needed) override;
  std::optional<Work> claim_work();
  bool may_run_inline() const;
  bool run_inline(Lock& lock, const Condition& ready, Time deadline);
  uint64_t finished_tasks() const override { return channel_.finished_tasks(); }
  void store(Lock& lock, const ray::internal::SerializedValue& value, Value& result) override;
  Result<Payload> payload(Lock& lock, const Extent& extent, rayd::ObjectId object,
                          uint64_t bytes) override;

  Extent allocate(Lock& lock, uint64_t bytes);
  void close_arena(const Extent& arena);
  void close_idle_arena(Lock& lock);
  void on_results_left(size_t stored);
  void push_part(Lock& lock, ByteSpan part);

  mutable shm::ChannelPeer channel_;  // the cancel word is read without the lock
  StoreView store_;
  wire::Encoder encoder_;
  shm::MessageBuffer buffer_;
  wire::Reassembler answer_parts_;
  wire::Reassembler work_parts_;
  size_t unsent_results_ = 0;    // written to the store; their Done has not left
  std::vector<Extent> leaving_;  // arenas to be closed when all of those have left
  std::function<void(Work&&)> inline_runner_;
  uint64_t waits_ = 0;    // that were numbered for the daemon
  uint64_t offered_ = 0;  // in the wait of this number the next work may be taken
  int inline_runs_ = 0;   // of this worker's thread, inside of each other
  bool leading_ = false;  // a thread sleeps on the bell
  std::atomic<bool> work_wanted_{false};
};

}  // namespace rayd::client
