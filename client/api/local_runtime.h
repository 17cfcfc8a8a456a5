// local_mode: the whole cluster as threads of this process, with the same semantics.
//
// Values are packed and unpacked as anywhere, so what works here works there. Tasks run on threads
// that start on demand, as many at once as the resources allow; one that blocks in Get or Wait
// lends its CPUs. Differences, by nature: nothing can be killed from outside, so a forced Cancel
// and Kill answer the caller at once while the function goes on to its end unheard; threads of user
// code that are no tasks count as the driver. Shutdown waits for functions that are running.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "client/api/local_resources.h"
#include "client/api/local_state.h"
#include "ray/internal/runtime.h"

namespace ray::internal {

class LocalRuntime final : public Runtime, public std::enable_shared_from_this<LocalRuntime> {
 public:
  explicit LocalRuntime(const RayConfig& config);
  ~LocalRuntime() override;

  TemplateId register_template(const CallTemplate& definition) override;
  void submit(const CallSpec& call, std::span<ObjectId> returns) override;
  void call_actor(ActorId actor, const CallSpec& call, std::span<ObjectId> returns) override;
  ActorId create_actor(const CallSpec& call) override;
  ObjectId put(const SerializedValue& value) override;
  Waited get(std::span<const ObjectId> ids, int64_t timeout_ms,
             std::span<FetchedValue> values) override;
  void wait(std::span<const ObjectId> ids, size_t count, int64_t timeout_ms,
            std::span<uint8_t> ready) override;
  void add_reference(ObjectId id) noexcept override;
  void release_reference(ObjectId id) noexcept override;
  void cancel(ObjectId id, Force force, Recursive recursive) override;
  void kill(ActorId actor, NoRestart no_restart) override;
  std::optional<ActorId> get_actor(std::string_view name,
                                   std::optional<std::string_view> ray_namespace) override;
  GroupInfo create_group(const PlacementGroupCreationOptions& options) override;
  void remove_group(const std::string& id) override;
  std::vector<GroupInfo> find_groups(GroupKey key, const std::string& what) override;
  Waited await_group(const std::string& id, int64_t timeout_ms) override;
  RuntimeContext context() const override;
  bool is_cancelled() const override;
  void exit_actor() override;
  bool was_current_actor_restarted() const override;
  std::string current_namespace() const override { return namespace_; }
  void shutdown() override;

  /// For tests: objects and handles that are still known.
  size_t object_count() const;

 private:
  /// The lock, and what outlives it. Dies in this order: the lock, then the garbage.
  struct Locked {
    explicit Locked(LocalRuntime& runtime) : lock(runtime.mutex_) {}
    Garbage garbage;
    std::unique_lock<std::mutex> lock;
  };
  class Sink;
  class Blocking;

  /// A call that came to its end, with what it left.
  struct Ran {
    TaskPointer task;
    uint32_t attempt;
    Execution execution;
    ValuePointer value;
    std::shared_ptr<ActorInstance> instance;
  };

  // ---- local_objects.cc
  ValuePointer store(const SerializedValue& value);
  LocalObject* find(ObjectId id);
  void count_up(ObjectId id);
  void count_down(Locked& locked, ObjectId id);
  void set_ready(Locked& locked, ObjectId id, ValuePointer value);
  size_t add_waiter(std::span<const ObjectId> ids, Waiter& waiter);
  void remove_waiter(std::span<const ObjectId> ids, const Waiter& waiter);
  Waited block(Locked& locked, std::span<const ObjectId> ids, size_t count, int64_t timeout_ms);
  void check_running() const;

  // ---- local_tasks.cc
  TaskPointer make_task(const CallTemplate& call, std::vector<LocalArgument> arguments);
  std::vector<LocalArgument> take_arguments(std::span<const Argument> arguments);
  void check_arguments(const std::vector<LocalArgument>& arguments);
  void await_arguments(const TaskPointer& task);
  void on_arguments_ready(Locked& locked, const TaskPointer& task);
  ValuePointer failed_argument(const LocalTask& task);
  void enqueue(const TaskPointer& task);
  void dispatch();
  void hand_out(TaskPointer task);
  bool threads_are_used_up() const;
  TaskPointer take_unstarted(std::span<const ObjectId> ids);
  std::shared_ptr<const ErrorInfo> reason_not_to_block() const;
  void thread_main();
  void run(const TaskPointer& task);
  void on_ran(Locked& locked, Ran ran);
  void settle(Locked& locked, const Ran& ran);
  void finish(Locked& locked, const TaskPointer& task, ValuePointer value);
  bool should_retry(const LocalTask& task, const Execution& execution) const;
  void cancel_task(Locked& locked, const TaskPointer& task, Force force, Recursive recursive);
  ValuePointer error_value(const LocalTask& task, ErrorInfo error) const;
  ValuePointer cancelled_value(const LocalTask& task) const;

  // ---- local_groups.cc
  GroupInfo* find_group(const std::string& id);
  void reserve_groups();

  // ---- local_actors.cc
  ActorPointer find_actor(ActorId id);
  void start_creation(Locked& locked, const ActorPointer& actor);
  void on_constructed(Locked& locked, Ran ran);
  void pump(Locked& locked, LocalActor& actor);
  void cut(Locked& locked, LocalActor& actor);
  void end_actor(Locked& locked, LocalActor& actor, ErrorInfo cause);
  void restart_actor(Locked& locked, const ActorPointer& actor);
  void end_if_unused(Locked& locked, LocalActor& actor);
  void give_back(Locked& locked, std::vector<LocalArgument>& arguments);
  ErrorInfo death_of(const LocalActor& actor, std::string message) const;

  const uint64_t client_bits_;
  const std::string namespace_;
  const ActorLifetime default_lifetime_;

  mutable std::mutex mutex_;
  enum class State : uint8_t { kRunning, kStopping, kStopped };
  State state_ = State::kRunning;
  LocalResources resources_;
  uint64_t next_seq_ = 1;
  std::deque<CallTemplate> templates_;
  std::unordered_map<ObjectId, LocalObject, ObjectIdHash> objects_;
  std::map<std::pair<std::string, std::string>, ActorPointer> named_actors_;
  std::vector<GroupInfo> groups_;  // oldest first
  uint64_t next_group_ = 1;
  std::condition_variable group_changed_;
  std::map<Demand, std::deque<TaskPointer>> queued_;  // resources wanted; by shape, in order
  std::deque<TaskPointer> work_;                      // resources taken; for the next free thread
  std::set<TaskPointer> begun_;                       // in the hands of a thread
  std::deque<TaskPointer> settling_;                  // an argument came; see set_ready
  bool is_settling_ = false;

  const size_t max_threads_;
  std::condition_variable work_ready_;
  std::vector<std::thread> threads_;
  size_t idle_threads_ = 0;
  size_t blocked_threads_ = 0;
};

}  // namespace ray::internal
