// A call: which function, under which options, with which arguments.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/types/placement.h"
#include "common/types/resources.h"
#include "common/types/value.h"

namespace rayd {

/// Which registered function: (module hash, qualified name, demangled type), design.md §9.
struct FunctionKey {
  ImageHash image;
  std::string name;
  std::string type;
  auto operator<=>(const FunctionKey&) const = default;
};

enum class RetryExceptions : bool { kNo, kYes };
enum class Lifetime : uint8_t { kDefault, kJob, kDetached };

struct ActorOptions {
  std::string name;        // empty: unnamed
  std::string name_space;  // empty: the job's
  Lifetime lifetime = Lifetime::kDefault;
  int32_t max_restarts = 0;  // −1: for ever
  int32_t max_task_retries = 0;
  int32_t max_concurrency = 1;
  enum class GetIfExists : bool { kNo, kYes };
  GetIfExists get_if_exists = GetIfExists::kNo;
  ResourceSet placement_demand;  // to be placed (default CPU 1); `demand` below is what it holds
  auto operator<=>(const ActorOptions&) const = default;
};

/// What all calls of one kind have in common, registered once by a client and then named by a
/// small number (design.md §2.4). Immutable and shared: tasks, retries and lineage point at it.
struct CallTemplate {
  enum class Kind : uint8_t { kTask, kActorCreation, kActorCall, kJobRoot };
  Kind kind = Kind::kTask;
  FunctionKey function;
  std::string display_name;  // SetName; empty: the function's
  ResourceSet demand;        // while it runs; an actor: while it lives
  int32_t max_retries = 3;   // −1: for ever
  RetryExceptions retry_exceptions = RetryExceptions::kNo;
  uint32_t return_count = 1;
  ActorOptions actor;                                            // kActorCreation
  std::vector<std::pair<std::string, std::string>> environment;  // sorted
  std::string name_space;  // of the job that made it; set by the daemon
  Placement placement;     // of a task, a root or an actor's creation
  auto operator<=>(const CallTemplate&) const = default;
};
/// The largest return_count.
inline constexpr uint32_t kMaxReturns = 65'536;

using TemplateRef = std::shared_ptr<const CallTemplate>;

/// One argument: a reference (to be resolved first), or a value. A reference that shall arrive as
/// such (a parameter of type ObjectRef<T>) is a value whose `contains` names it.
struct Arg {
  ObjectId reference;  // nil: `value`
  Value value;
  bool is_reference() const { return !reference.is_nil(); }
};

}  // namespace rayd
