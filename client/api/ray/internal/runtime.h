// The seam: everything the C++ API needs from whoever runs the calls, without any user type.
//
// Two runtimes exist: local_mode (client/api/local_runtime.h) and a session with a daemon
// (client/runtime). The templates of the public headers pack and unpack; a Runtime moves bytes,
// counts references and waits. All functions may be called from several threads at once, and throw
// RayException (or a kind of it) when they refuse, unless they are noexcept.
//
// Counting. An id that a function here returns carries one reference, which the caller owns (an
// ObjectRef adopts it). Ids in arguments and `contained` are borrowed for the call: a runtime that
// keeps them counts them itself. While a FetchedValue's keep_alive lives, the runtime holds every
// reference inside that value; unpacking calls add_reference for each handle it makes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ray/config.h"
#include "ray/exception.h"
#include "ray/internal/ids.h"
#include "ray/internal/value_tag.h"
#include "ray/placement_group.h"
#include "ray/runtime_context.h"

namespace ray::internal {

struct FunctionEntry;

/// A value on its way in. The bytes belong to the caller and live until the function returns: for a
/// raw value they are the user's own memory, so a runtime's copy into the store is the only one.
struct SerializedValue {
  ValueTag tag = kNilTag;
  std::span<const uint8_t> bytes;
  std::span<const ObjectId> contained;  // each once, in order of first appearance; actors' too
};

/// A value on its way out, or the error that reading it throws.
struct FetchedValue {
  ValueTag tag = kNilTag;
  std::span<const uint8_t> bytes;          // arrays and records: aligned to 16 or more
  std::shared_ptr<const void> keep_alive;  // the bytes live as long as this
  std::shared_ptr<const ErrorInfo> error;  // not null: there are no bytes
};

/// An argument: a reference that is resolved before the function runs, or a value. A reference that
/// shall arrive as one (a parameter of type ObjectRef<T>) is a value that contains it.
struct Argument {
  ObjectId reference;  // nil: `value`
  SerializedValue value;
};

enum class CallKind : uint8_t { kTask, kActorCreation, kActorCall };
enum class RetryExceptions : bool { kNo, kYes };
enum class GetIfExists : bool { kNo, kYes };
enum class Force : bool { kNo, kYes };
enum class Recursive : bool { kNo, kYes };
enum class NoRestart : bool { kNo, kYes };

/// Where it may run. Label selectors as text: "zone=a", "zone in (a, b)", "zone".
struct CallPlacement {
  enum class Strategy : uint8_t { kDefault, kSpread, kNode, kBundle };
  enum class Affinity : bool { kHard, kSoft };
  Strategy strategy = Strategy::kDefault;
  Affinity affinity = Affinity::kHard;
  std::string node;   // kNode
  std::string group;  // kBundle
  int32_t bundle = -1;
  std::vector<std::string> required;
  std::vector<std::string> preferred;
  auto operator<=>(const CallPlacement&) const = default;
};

struct CallOptions {
  std::string name;                         // empty: the function's
  std::map<std::string, double> resources;  // empty: the default demand of the kind
  int32_t max_retries = 3;  // −1: for ever. Actor calls: the actor's setting rules
  RetryExceptions retry_exceptions = RetryExceptions::kNo;
  CallPlacement placement;  // of tasks and creations
  auto operator<=>(const CallOptions&) const = default;
};

struct ActorOptions {
  std::string name;                          // empty: unnamed
  std::optional<std::string> ray_namespace;  // none: the job's
  std::optional<ActorLifetime> lifetime;     // none: RayConfig::default_actor_lifetime
  int32_t max_restarts = 0;                  // −1: for ever
  int32_t max_task_retries = 0;              // −1: for ever
  int32_t max_concurrency = 1;
  GetIfExists get_if_exists = GetIfExists::kNo;
  auto operator<=>(const ActorOptions&) const = default;
};

/// What all calls of one kind have in common. Registered once per runtime, then named by a number.
struct CallTemplate {
  CallKind kind = CallKind::kTask;
  const FunctionEntry* function = nullptr;
  CallOptions options;
  ActorOptions actor;  // kActorCreation
  auto operator<=>(const CallTemplate&) const = default;
};

/// Given by the runtime: dense, from 0.
using TemplateId = uint32_t;

struct CallSpec {
  TemplateId template_id = 0;
  std::span<const Argument> arguments;
};

enum class Waited : bool { kTimeout, kReady };

/// A placement group as it is now.
struct GroupInfo {
  std::string id;
  PlacementGroupCreationOptions options;
  PlacementGroupState state = PlacementGroupState::PENDING;
};
enum class GroupKey : uint8_t { kId, kName, kAll };

class Runtime {
 public:
  virtual ~Runtime() = default;

  // ---- calls: the hot path is one of these with ready-made arguments
  virtual TemplateId register_template(const CallTemplate& definition) = 0;
  virtual void submit(const CallSpec& call, std::span<ObjectId> returns) = 0;
  virtual void call_actor(ActorId actor, const CallSpec& call, std::span<ObjectId> returns) = 0;
  /// The id carries the handle's reference. GetIfExists: may be that of an older actor.
  virtual ActorId create_actor(const CallSpec& call) = 0;

  // ---- objects. Timeouts in milliseconds: −1 for ever, 0 looks and returns
  virtual ObjectId put(const SerializedValue& value) = 0;
  /// Fills `values` (as many as ids) if all are ready in time; else they are unspecified.
  virtual Waited get(std::span<const ObjectId> ids, int64_t timeout_ms,
                     std::span<FetchedValue> values) = 0;
  /// Returns when `count` of the ids are ready (an error is ready too) or the time is over; then
  /// ready[i] is 1 or 0. Precondition: 0 < count ≤ ids.size(), no id twice.
  virtual void wait(std::span<const ObjectId> ids, size_t count, int64_t timeout_ms,
                    std::span<uint8_t> ready) = 0;
  /// Nil and unknown ids (of an earlier runtime, say) are ignored.
  virtual void add_reference(ObjectId id) noexcept = 0;
  virtual void release_reference(ObjectId id) noexcept = 0;
  virtual void cancel(ObjectId id, Force force, Recursive recursive) = 0;

  // ---- actors
  virtual void kill(ActorId actor, NoRestart no_restart) = 0;
  /// The id carries a reference. No namespace: the job's. Unknown: none.
  virtual std::optional<ActorId> get_actor(std::string_view name,
                                           std::optional<std::string_view> ray_namespace) = 0;

  // ---- placement groups; a runtime without them throws
  virtual GroupInfo create_group(const PlacementGroupCreationOptions& options);
  virtual void remove_group(const std::string& id);
  /// kId: one or none; kName: of the job's namespace, not removed; kAll: all, oldest first.
  virtual std::vector<GroupInfo> find_groups(GroupKey key, const std::string& what);
  /// kReady: created; kTimeout: not in time, or removed.
  virtual Waited await_group(const std::string& id, int64_t timeout_ms);

  // ---- the call that this thread runs
  virtual RuntimeContext context() const;
  virtual bool is_cancelled() const = 0;
  /// Notes that the running actor ends with this call; the API then unwinds. Elsewhere: throws.
  virtual void exit_actor() = 0;
  virtual bool was_current_actor_restarted() const = 0;
  virtual std::string current_namespace() const = 0;

  // ---- ends what this runtime started. Later calls throw; add and release do nothing
  virtual void shutdown() = 0;
};

/// Makes the runtime that `config` asks for. This folder knows local_mode; a session with a daemon
/// comes from the factory, if one was registered, else RayException says that there is none.
std::shared_ptr<Runtime> make_runtime(const RayConfig& config);
using RuntimeFactory = std::shared_ptr<Runtime> (*)(const RayConfig& config);
/// May be called from a static initialiser. The factory gets every config without local_mode.
void set_runtime_factory(RuntimeFactory factory) noexcept;

/// Makes `runtime` the process's. Init does it; a worker's executor does it with its own before
/// user code runs, so that Init there is ignored. Null: none (Shutdown). The previous one is kept
/// until the process ends, because a handle in another thread may be in the middle of a call.
void install_runtime(std::shared_ptr<Runtime> runtime);
/// Throws RayException ("call ray::Init() first") if there is none.
Runtime& runtime();
Runtime* runtime_or_null() noexcept;

}  // namespace ray::internal
