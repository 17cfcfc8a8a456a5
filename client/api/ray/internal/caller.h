// What ray::Task, ray::Actor and handle.Task return: options to set, then Remote(arguments…).
#pragma once

#include <optional>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include "ray/internal/arguments.h"
#include "ray/internal/function.h"
#include "ray/internal/function_types.h"
#include "ray/object_ref.h"

namespace ray {

template <class T>
class ActorHandle;

/// On the node of this id (RuntimeContext::NodeId); soft: elsewhere too when it is gone or can
/// never have it.
struct NodeAffinitySchedulingStrategy {
  std::string node_id;
  bool soft = false;
};

namespace internal {

/// The options that all three have. `Self` is the caller, for chaining.
template <class Self>
class OptionSetter {
 public:
  /// What lists, logs and exceptions call it. Default: the function's name.
  Self& SetName(std::string name) {
    custom().options.name = std::move(name);
    return self();
  }
  /// Replaces all resources. Zero is legal; {} is the default demand.
  Self& SetResources(const std::unordered_map<std::string, double>& resources) {
    custom().options.resources = {resources.begin(), resources.end()};
    return self();
  }
  Self& SetResource(const std::string& name, double value) {
    custom().options.resources[name] = value;
    return self();
  }

 protected:
  OptionSetter(CallKind kind, FunctionEntry& entry) : entry_(&entry), kind_(kind) {}

  Self& self() { return static_cast<Self&>(*this); }
  CallTemplate& custom() {
    if (!custom_) custom_.emplace(CallTemplate{kind_, entry_, {}, {}});
    return *custom_;
  }
  /// Without options of its own, two loads; with some, a look-up among the templates known.
  TemplateId template_id() const {
    return custom_ ? template_of(*custom_) : default_template(*entry_, kind_);
  }

 private:
  FunctionEntry* entry_;
  CallKind kind_;
  std::optional<CallTemplate> custom_;
};

/// The options of what is placed: tasks and creations of actors.
template <class Self>
class PlacedOptionSetter : public OptionSetter<Self> {
 public:
  using Strategy = CallPlacement::Strategy;

  /// In a bundle of the group; −1: in any.
  Self& SetPlacementGroup(const PlacementGroup& group, int bundle_index) {
    if (group.Empty()) throw_error(ErrorCode::kInvalidArgument, "no placement group");
    if (bundle_index < -1 || bundle_index >= static_cast<int>(group.GetBundles().size()))
      throw_error(ErrorCode::kInvalidArgument, "bundle " + std::to_string(bundle_index) +
                                                   " of a placement group of " +
                                                   std::to_string(group.GetBundles().size()));
    placement().strategy = Strategy::kBundle;
    placement().group = group.GetID();
    placement().bundle = bundle_index;
    return this->self();
  }
  /// "SPREAD": the nodes with room in turn; "DEFAULT": this node first.
  Self& SetSchedulingStrategy(const char* strategy) {
    const std::string name = strategy;
    if (name != "SPREAD" && name != "DEFAULT")
      throw_error(ErrorCode::kInvalidArgument,
                  "'" + name + "' is no scheduling strategy; there are SPREAD and DEFAULT");
    placement().strategy = name == "SPREAD" ? Strategy::kSpread : Strategy::kDefault;
    return this->self();
  }
  Self& SetSchedulingStrategy(const NodeAffinitySchedulingStrategy& affinity) {
    placement().strategy = Strategy::kNode;
    placement().node = affinity.node_id;
    placement().affinity = static_cast<CallPlacement::Affinity>(affinity.soft);
    return this->self();
  }
  /// Only on nodes whose labels match all of `required`, such as "zone=a", "zone!=a",
  /// "zone in (a, b)", "zone !in (a, b)", "zone"; first where they match all of `preferred`.
  Self& SetLabelSelector(std::vector<std::string> required,
                         std::vector<std::string> preferred = {}) {
    placement().required = std::move(required);
    placement().preferred = std::move(preferred);
    return this->self();
  }

 protected:
  using OptionSetter<Self>::OptionSetter;

 private:
  CallPlacement& placement() { return this->custom().options.placement; }
};

template <class F>
using ResultOf = std::remove_cvref_t<typename FunctionType<F>::Result>;
template <class F>
using ParametersOf = std::type_identity<typename FunctionType<F>::Parameters>;

/// A function about to be called as a task. `F`: its pointer's or lambda's type.
template <class F>
class TaskCaller : public PlacedOptionSetter<TaskCaller<F>> {
 public:
  explicit TaskCaller(FunctionEntry& entry)
      : PlacedOptionSetter<TaskCaller<F>>(CallKind::kTask, entry) {}

  /// How often the task is run again if its worker or node dies (−1: for ever; default 3).
  TaskCaller& SetMaxRetries(int max_retries) {
    this->custom().options.max_retries = max_retries;
    return *this;
  }
  /// Also run it again when the function throws.
  TaskCaller& SetRetryExceptions(bool retry = true) {
    this->custom().options.retry_exceptions = static_cast<RetryExceptions>(retry);
    return *this;
  }

  template <class... A>
  ObjectRef<ResultOf<F>> Remote(A&&... arguments) const {
    static_assert(!std::is_pointer_v<ResultOf<F>>,
                  "a task cannot return a pointer; a factory is called with ray::Actor(f)");
    return with_arguments(
        ParametersOf<F>(),
        [this](std::span<const Argument> packed) {
          ObjectId result;
          runtime().submit({this->template_id(), packed}, {&result, 1});
          return ObjectRef<ResultOf<F>>::Adopt(result);
        },
        std::forward<A>(arguments)...);
  }
};

/// A factory about to make an actor.
template <class F>
class ActorCreator : public PlacedOptionSetter<ActorCreator<F>> {
  using Base = PlacedOptionSetter<ActorCreator<F>>;

 public:
  explicit ActorCreator(FunctionEntry& entry) : Base(CallKind::kActorCreation, entry) {}

  /// Others find it with GetActor; it lives until Kill or the end of its job.
  ActorCreator& SetName(std::string name) {
    this->custom().actor.name = std::move(name);
    return *this;
  }
  ActorCreator& SetName(std::string name, std::string ray_namespace) {
    this->custom().actor.ray_namespace = std::move(ray_namespace);
    return SetName(std::move(name));
  }
  /// How often it is made anew after its process died (−1: for ever; default 0).
  ActorCreator& SetMaxRestarts(int max_restarts) {
    this->custom().actor.max_restarts = max_restarts;
    return *this;
  }
  /// How often a call is made again if the actor died under it (−1: for ever; default 0).
  ActorCreator& SetMaxTaskRetries(int max_task_retries) {
    this->custom().actor.max_task_retries = max_task_retries;
    return *this;
  }
  /// How many calls may run at once, in threads (default 1).
  ActorCreator& SetMaxConcurrency(int max_concurrency) {
    this->custom().actor.max_concurrency = max_concurrency;
    return *this;
  }
  ActorCreator& SetLifetime(ActorLifetime lifetime) {
    this->custom().actor.lifetime = lifetime;
    return *this;
  }
  /// With a name: the actor of that name, if there is one, instead of an error.
  ActorCreator& SetGetIfExists(bool get_if_exists = true) {
    this->custom().actor.get_if_exists = static_cast<GetIfExists>(get_if_exists);
    return *this;
  }

  template <class... A>
  ActorHandle<MadeBy<F>> Remote(A&&... arguments) const {
    return with_arguments(
        ParametersOf<F>(),
        [this](std::span<const Argument> packed) {
          return ActorHandle<MadeBy<F>>::Adopt(
              runtime().create_actor({this->template_id(), packed}));
        },
        std::forward<A>(arguments)...);
  }
};

/// A method about to be called on an actor, which it keeps alive.
template <class F>
class ActorTaskCaller : public OptionSetter<ActorTaskCaller<F>> {
 public:
  ActorTaskCaller(FunctionEntry& entry, Counted actor)
      : OptionSetter<ActorTaskCaller<F>>(CallKind::kActorCall, entry), actor_(std::move(actor)) {}

  /// Make the call again (as often as the actor's SetMaxTaskRetries says) when the method throws.
  ActorTaskCaller& SetRetryExceptions(bool retry = true) {
    this->custom().options.retry_exceptions = static_cast<RetryExceptions>(retry);
    return *this;
  }

  template <class... A>
  ObjectRef<ResultOf<F>> Remote(A&&... arguments) const {
    static_assert(!std::is_pointer_v<ResultOf<F>>, "a method cannot return a pointer");
    return with_arguments(
        ParametersOf<F>(),
        [this](std::span<const Argument> packed) {
          ObjectId result;
          runtime().call_actor(ActorId::of_handle(actor_.id()), {this->template_id(), packed},
                               {&result, 1});
          return ObjectRef<ResultOf<F>>::Adopt(result);
        },
        std::forward<A>(arguments)...);
  }

 private:
  Counted actor_;
};

}  // namespace internal
}  // namespace ray
