#include "client/api/current_runtime.h"

#include <atomic>
#include <cmath>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "client/api/local_runtime.h"
#include "ray/internal/function.h"

namespace ray::internal {
namespace {

constinit std::atomic<const CurrentRuntime*> current{nullptr};
constinit std::atomic<RuntimeFactory> factory{nullptr};

/// Every runtime that was ever installed: a handle in another thread may be in the middle of a
/// call.
struct Installed {
  std::mutex mutex;
  std::vector<std::unique_ptr<const CurrentRuntime>> all;
};
Installed& installed() {
  static Installed& list = *new Installed;
  return list;
}

/// Templates with options, per generation.
struct TemplateCache {
  std::mutex mutex;
  uint32_t generation = 0;
  std::map<CallTemplate, TemplateId> known;
};
TemplateCache& template_cache() {
  static TemplateCache& cache = *new TemplateCache;
  return cache;
}

const CurrentRuntime& needed_runtime() {
  const CurrentRuntime* now = current_runtime();
  if (now == nullptr)
    throw_error(ErrorCode::kUnavailable, "Ray is not running here: call ray::Init() first");
  return *now;
}

[[noreturn]] void refuse(const std::string& text) {
  throw_error(ErrorCode::kInvalidArgument, text);
}

void check(const CallTemplate& definition) {
  for (const auto& [name, value] : definition.options.resources) {
    if (name.empty()) refuse("a resource needs a name");
    if (!std::isfinite(value) || value < 0)
      refuse("resource " + name + " = " + std::to_string(value) + ": give a number ≥ 0");
  }
  if (definition.options.max_retries < -1) refuse("max retries: −1 (for ever) or ≥ 0");
  const ActorOptions& actor = definition.actor;
  if (actor.max_restarts < -1) refuse("max restarts: −1 (for ever) or ≥ 0");
  if (actor.max_task_retries < -1) refuse("max task retries: −1 (for ever) or ≥ 0");
  if (actor.max_concurrency < 1) refuse("max concurrency: ≥ 1");
  if (actor.get_if_exists == GetIfExists::kYes && actor.name.empty())
    refuse("SetGetIfExists needs a name to look for");
}

}  // namespace

const CurrentRuntime* current_runtime() noexcept { return current.load(std::memory_order_acquire); }

void install_runtime(std::shared_ptr<Runtime> runtime) {
  Installed& list = installed();
  const std::lock_guard lock(list.mutex);
  if (runtime == nullptr) {
    current.store(nullptr, std::memory_order_release);
    return;
  }
  const auto generation = static_cast<uint32_t>(list.all.size() + 1);
  list.all.push_back(
      std::make_unique<const CurrentRuntime>(CurrentRuntime{std::move(runtime), generation}));
  current.store(list.all.back().get(), std::memory_order_release);
}

Runtime& runtime() { return *needed_runtime().runtime; }

Runtime* runtime_or_null() noexcept {
  const CurrentRuntime* now = current_runtime();
  return now == nullptr ? nullptr : now->runtime.get();
}

void set_runtime_factory(RuntimeFactory made) noexcept { factory.store(made); }

std::shared_ptr<Runtime> make_runtime(const RayConfig& config) {
  if (config.local_mode) return std::make_shared<LocalRuntime>(config);
  if (const RuntimeFactory made = factory.load()) return made(config);
  throw_error(ErrorCode::kUnavailable,
              "this program is linked without the cluster client: set RayConfig::local_mode, or "
              "link with librayclient");
}

TemplateId default_template(FunctionEntry& entry, CallKind kind) {
  const CurrentRuntime& now = needed_runtime();
  const uint64_t cached = entry.default_template.load(std::memory_order_acquire);
  if (cached >> 32 == now.generation) [[likely]]
    return static_cast<TemplateId>(cached);
  const TemplateId id = template_of(CallTemplate{kind, &entry, {}, {}});
  entry.default_template.store(uint64_t{now.generation} << 32 | id, std::memory_order_release);
  return id;
}

TemplateId template_of(const CallTemplate& definition) {
  check(definition);
  const CurrentRuntime& now = needed_runtime();
  TemplateCache& cache = template_cache();
  const std::lock_guard lock(cache.mutex);
  if (cache.generation != now.generation) {
    cache.known.clear();
    cache.generation = now.generation;
  }
  const auto it = cache.known.find(definition);
  if (it != cache.known.end()) return it->second;
  const TemplateId id = now.runtime->register_template(definition);
  cache.known.emplace(definition, id);
  return id;
}

}  // namespace ray::internal
