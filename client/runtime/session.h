// Session: the runtime of a program with a cluster, whatever carries its messages: what the API
// asks becomes messages of a client, what the daemon answers becomes values.
//
//   RingSession    rings and a store, with a daemon beside it   (ring_session.h)
//   RemoteSession  RPC and copies, with a head elsewhere        (remote_session.h)
//
// One mutex guards everything; it is held for the packing of a message, never for a wait or a large
// copy. Messages leave in the order in which they were put into the core's outbox.
#pragma once

#include <condition_variable>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "client/core/session_core.h"
#include "common/types/client_messages.h"
#include "ray/internal/runtime.h"

namespace rayd::client {

inline constexpr Time kNoDeadline{std::numeric_limits<int64_t>::max()};

struct SessionOptions {
  ClientId self;
  ImageHash image;         // of this program; a worker learns it from its first work
  std::string name_space;  // the job's
  ray::ActorLifetime default_lifetime = ray::ActorLifetime::NON_DETACHED;
  uint64_t max_pending_tasks = 2'000'000;
  Duration remote_timeout = Duration::millis(60'000);
  /// Ends what was started for this session (a private cluster), after the last message has left.
  std::function<void()> on_shutdown;
  size_t inline_limit = kMaxInlineInRing;  // larger values go to the store
};

class Session : public ray::internal::Runtime, public std::enable_shared_from_this<Session> {
 public:
  using ObjectId = ray::internal::ObjectId;
  using ActorId = ray::internal::ActorId;

  explicit Session(SessionOptions options)
      : options_(std::move(options)), core_(options_.self), image_(options_.image) {}

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
  ray::internal::GroupInfo create_group(const ray::PlacementGroupCreationOptions& options) override;
  void remove_group(const std::string& id) override;
  std::vector<ray::internal::GroupInfo> find_groups(ray::internal::GroupKey key,
                                                    const std::string& what) override;
  ray::internal::Waited await_group(const std::string& id, int64_t timeout_ms) override;
  ray::RuntimeContext context() const override;
  bool is_cancelled() const override { return false; }
  void exit_actor() override;
  bool was_current_actor_restarted() const override { return false; }
  std::string current_namespace() const override { return options_.name_space; }
  void shutdown() override;

 protected:
  using Lock = std::unique_lock<std::mutex>;
  using Condition = std::function<bool()>;

  /// A stored value's payload. `keep` none: it lies in memory for as long as the object is held.
  struct Payload {
    ByteSpan bytes;
    std::shared_ptr<const void> keep;
  };

  // ---- what carries it
  /// The next message; may wait for room. Called by one thread at a time.
  virtual void push(Lock& lock, const ClientMessage& message) = 0;
  /// Messages were pushed, and no more come just now.
  virtual void on_pushed() = 0;
  /// Takes the answers that are there.
  virtual void drain() = 0;
  /// False: the deadline passed before. Throws when the session is over.
  virtual bool wait_until(Lock& lock, const Condition& ready, Time deadline) = 0;
  /// How many tasks of this client have ended so far.
  virtual uint64_t finished_tasks() const = 0;
  /// Brings a large value to the store: fills in kind and extent. Lets go of the lock meanwhile.
  virtual void store(Lock& lock, const ray::internal::SerializedValue& value, Value& result) = 0;
  /// Reads from it. May let go of the lock meanwhile; the object is held by its reader.
  virtual Result<Payload> payload(Lock& lock, const Extent& extent, rayd::ObjectId object,
                                  uint64_t bytes) = 0;

  /// wait_until for a program that has nothing else to do: what it let go of is released before.
  /// `needed`, at most kMaxIdsPerMessage: it is ready when the values of all these are there; none:
  /// nobody can say.
  virtual bool block_until(Lock& lock, const Condition& ready, Time deadline,
                           std::span<const rayd::ObjectId> needed);
  bool block_until(Lock& lock, const Condition& ready, Time deadline) {
    return block_until(lock, ready, deadline, {});
  }

  CallTemplate translate(const ray::internal::CallTemplate& definition) const;
  std::vector<Arg> pack_arguments(Lock& lock, std::span<const ray::internal::Argument> arguments,
                                  std::vector<rayd::ObjectId>& temporaries);
  void await_pending_limit(Lock& lock);
  TaskId begin_call(Lock& lock, const ray::internal::CallSpec& call, std::vector<Arg>& args,
                    std::vector<rayd::ObjectId>& temporaries);
  void create_returns(TaskId task, std::span<ray::internal::ObjectId> returns);
  void end_call(Lock& lock, const std::vector<rayd::ObjectId>& temporaries);
  rayd::ObjectId put_locked(Lock& lock, const ray::internal::SerializedValue& value);
  Value make_value(Lock& lock, const ray::internal::SerializedValue& value);
  /// `value` may be one of the core's.
  ray::internal::FetchedValue fetched(Lock& lock, const Value& value, rayd::ObjectId object);

  std::vector<GroupInfo> ask_groups(Lock& lock, GroupRequest&& question, Time deadline);
  void send(Lock& lock);
  void on_answer(ClientAnswer&& answer);
  [[noreturn]] void throw_gone(const std::string& why) const;

  const SessionOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable followers_;
  SessionCore core_;
  ImageHash image_;
  std::vector<std::pair<std::string, std::string>> environment_;  // given to a worker
  std::map<ray::internal::CallTemplate, ray::internal::TemplateId> templates_;
  std::map<uint64_t, ClientAnswer> replies_;  // to getActor and requestArena, by request
  std::set<uint64_t> given_up_;               // whose answers may still come
  uint64_t next_request_ = 1;
  uint64_t submitted_ = 0;
  bool sending_ = false;  // a thread empties the outbox
  int waiting_to_send_ = 0;
  std::string gone_;  // not empty: the session is over, and why
};

/// Throws RayException (kInvalidArgument) for what is no id, label selector or quantity.
Placement placement_of(const ray::internal::CallPlacement& asked);
ResourceSet demand_of(const std::map<std::string, double>& resources);

/// A session that ended with the daemon or by shutdown; RayException with kUnavailable.
ray::internal::ErrorInfo to_api(const ErrorInfo& error);
ErrorInfo from_api(const ray::internal::ErrorInfo& error);

}  // namespace rayd::client
