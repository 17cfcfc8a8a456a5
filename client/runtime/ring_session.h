// RingSession: the runtime of a program that has a daemon beside it: rings, store, waits.
//
// One mutex guards everything; it is held for the packing of a message, never for a wait or a large
// copy. There is no thread in the background: whoever waits drains the answers, one at a time (the
// leader); the others sleep on a condition until the leader has news or hands over.
//
// The worker's executor (executor.cc) uses the same object: its idle wait for work takes part in
// leading, so that a user's thread and the executor never sleep on one doorbell at once.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "client/core/session_core.h"
#include "client/runtime/store_view.h"
#include "common/shm/channel.h"
#include "common/wire/hot_lane.h"
#include "ray/internal/runtime.h"

namespace rayd::client {

struct SessionOptions {
  ClientId self;
  ImageHash image;         // of this program; a worker learns it from its first work
  std::string name_space;  // the job's
  ray::ActorLifetime default_lifetime = ray::ActorLifetime::NON_DETACHED;
  uint64_t max_pending_tasks = 2'000'000;
  Duration remote_timeout = Duration::millis(60'000);
  /// Ends what was started for this session (a private cluster), after the last message has left.
  std::function<void()> on_shutdown;
};

/// The call that this thread runs; null in a driver and in a user's own threads.
struct CurrentCall {
  TaskId task;
  uint32_t attempt = 0;
  uint64_t slot = 0;  // its sequence in the work ring: for the cancel word
  ActorId actor;
  uint32_t incarnation = 0;
  std::string name_space;
  bool exits_actor = false;
};

class RingSession final : public ray::internal::Runtime,
                          public std::enable_shared_from_this<RingSession> {
 public:
  RingSession(SessionOptions options, shm::ChannelPeer channel, StoreView store);
  ~RingSession() override;

  using ObjectId = ray::internal::ObjectId;
  using ActorId = ray::internal::ActorId;

  ray::internal::TemplateId register_template(
      const ray::internal::CallTemplate& definition) override;
  void submit(const ray::internal::CallSpec& call, std::span<ObjectId> returns) override;
  void call_actor(ActorId actor, const ray::internal::CallSpec& call,
                  std::span<ObjectId> returns) override;
  ActorId create_actor(const ray::internal::CallSpec& call) override;
  ObjectId put(const ray::internal::SerializedValue& value) override;
  ray::internal::Waited get(std::span<const ObjectId> ids, int64_t timeout_ms,
                            std::span<ray::internal::FetchedValue> values) override;
  void wait(std::span<const ObjectId> ids, size_t count, int64_t timeout_ms,
            std::span<uint8_t> ready) override;
  void add_reference(ObjectId id) noexcept override;
  void release_reference(ObjectId id) noexcept override;
  void cancel(ObjectId id, ray::internal::Force force, ray::internal::Recursive recursive) override;
  void kill(ActorId actor, ray::internal::NoRestart no_restart) override;
  std::optional<ActorId> get_actor(std::string_view name,
                                   std::optional<std::string_view> ray_namespace) override;
  bool is_cancelled() const override;
  void exit_actor() override;
  bool was_current_actor_restarted() const override;
  std::string current_namespace() const override;
  void shutdown() override;

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
  void set_image(const ImageHash& image);
  static thread_local CurrentCall* current_call;

 private:
  using Lock = std::unique_lock<std::mutex>;
  using Condition = std::function<bool()>;
  enum class Waiting : uint8_t { kForAnswers, kForWork, kForRoom };

  CallTemplate translate(const ray::internal::CallTemplate& definition) const;
  std::vector<Arg> pack_arguments(Lock& lock, std::span<const ray::internal::Argument> arguments,
                                  std::vector<rayd::ObjectId>& temporaries);
  void await_pending_limit(Lock& lock);
  TaskId begin_call(Lock& lock, const ray::internal::CallSpec& call, std::vector<Arg>& args,
                    std::vector<rayd::ObjectId>& temporaries);
  void end_call(Lock& lock, const std::vector<rayd::ObjectId>& temporaries);
  rayd::ObjectId put_locked(Lock& lock, const ray::internal::SerializedValue& value);
  Value make_value(Lock& lock, const ray::internal::SerializedValue& value, size_t inline_limit);
  Extent allocate(Lock& lock, uint64_t bytes);
  void close_arena(const Extent& arena);
  void close_idle_arena(Lock& lock);
  void on_results_left(size_t stored);
  ray::internal::FetchedValue fetched(const Value& value, rayd::ObjectId object);

  void send(Lock& lock);
  void push(Lock& lock, const ClientMessage& message);
  void push_part(Lock& lock, ByteSpan part);
  void drain();
  void on_answer(ClientAnswer&& answer);
  bool wait_until(Lock& lock, const Condition& ready, Time deadline, Waiting waiting);
  /// wait_until for a running call: lends its CPUs meanwhile.
  bool block_until(Lock& lock, const Condition& ready, Time deadline);
  [[noreturn]] void throw_gone(const std::string& why) const;

  const SessionOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable followers_;
  mutable shm::ChannelPeer channel_;  // the cancel word is read without the lock
  StoreView store_;
  SessionCore core_;
  wire::Encoder encoder_;
  shm::MessageBuffer buffer_;
  wire::Reassembler answer_parts_;
  wire::Reassembler work_parts_;
  ImageHash image_;
  std::map<ray::internal::CallTemplate, ray::internal::TemplateId> templates_;
  std::map<uint64_t, ClientAnswer> replies_;  // to getActor and requestArena, by request
  uint64_t next_request_ = 1;
  uint64_t submitted_ = 0;
  size_t unsent_results_ = 0;    // written to the store; their Done has not left
  std::vector<Extent> leaving_;  // arenas to be closed when all of those have left
  bool leading_ = false;         // a thread sleeps on the bell
  bool sending_ = false;         // a thread empties the outbox
  int waiting_to_send_ = 0;
  std::atomic<bool> work_wanted_{false};
  std::string gone_;  // not empty: the session is over, and why
};

/// A session that ended with the daemon or by shutdown; RayException with kUnavailable.
ray::internal::ErrorInfo to_api(const ErrorInfo& error);
ErrorInfo from_api(const ray::internal::ErrorInfo& error);

}  // namespace rayd::client
