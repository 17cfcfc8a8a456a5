// A runtime that runs every call at once, in the caller's thread, and counts references exactly: an
// id whose count would fall below zero, or is used after it was zero, is noted as a mistake.
#pragma once

#include <cstring>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "ray/api.h"
#include "ray/internal/executor.h"

class FakeRuntime final : public ray::internal::Runtime,
                          public std::enable_shared_from_this<FakeRuntime> {
 public:
  using ObjectId = ray::internal::ObjectId;
  using ActorId = ray::internal::ActorId;

  ray::internal::TemplateId register_template(
      const ray::internal::CallTemplate& definition) override {
    templates.push_back(definition);
    return static_cast<ray::internal::TemplateId>(templates.size() - 1);
  }
  void submit(const ray::internal::CallSpec& call, std::span<ObjectId> returns) override {
    returns[0] = run(call, nullptr);
  }
  void call_actor(ActorId actor, const ray::internal::CallSpec& call,
                  std::span<ObjectId> returns) override {
    returns[0] = run(call, objects.at(actor.handle()).instance.get());
  }
  ActorId create_actor(const ray::internal::CallSpec& call) override {
    const auto arguments = fetch_arguments(call);
    const ObjectId id = make_object();
    Object& object = objects[id];
    object.instance = std::make_shared<ray::internal::ActorInstance>();
    last = ray::internal::construct(*templates.at(call.template_id).function, arguments,
                                    *object.instance);
    return ActorId::of_handle(id);
  }

  ObjectId put(const ray::internal::SerializedValue& value) override {
    const ObjectId id = make_object();
    objects[id].value = store(value);
    return id;
  }
  ray::internal::Waited get(std::span<const ObjectId> ids, int64_t,
                            std::span<ray::internal::FetchedValue> values) override {
    for (size_t i = 0; i < ids.size(); ++i) values[i] = fetched(ids[i]);
    return ray::internal::Waited::kReady;
  }
  void wait(std::span<const ObjectId> ids, size_t count, int64_t,
            std::span<uint8_t> ready) override {
    for (size_t i = 0; i < ids.size(); ++i) ready[i] = i < count ? 1 : 0;
  }

  void add_reference(ObjectId id) noexcept override {
    const auto it = objects.find(id);
    if (it == objects.end()) {
      mistakes.push_back("counted after its end: " + ray::internal::to_text(id));
    } else {
      ++it->second.count;
    }
  }
  void release_reference(ObjectId id) noexcept override {
    const auto it = objects.find(id);
    if (it == objects.end()) {
      mistakes.push_back("released twice: " + ray::internal::to_text(id));
      return;
    }
    if (--it->second.count > 0) return;
    const Object ended = std::move(it->second);  // whose value releases what it contains
    objects.erase(it);
  }
  void cancel(ObjectId, ray::internal::Force, ray::internal::Recursive) override {}
  void kill(ActorId, ray::internal::NoRestart) override {}
  std::optional<ActorId> get_actor(std::string_view, std::optional<std::string_view>) override {
    return {};
  }
  bool is_cancelled() const override { return false; }
  void exit_actor() override {}
  bool was_current_actor_restarted() const override { return false; }
  std::string current_namespace() const override { return "fake"; }
  void shutdown() override {}

  struct Stored {
    std::weak_ptr<FakeRuntime> runtime;
    ray::internal::ValueTag tag;
    size_t size;
    std::vector<std::max_align_t> units;
    std::vector<ObjectId> contained;
    ~Stored() {
      if (const auto owner = runtime.lock())
        for (const ObjectId id : contained) owner->release_reference(id);
    }
  };
  struct Object {
    int64_t count = 1;
    std::shared_ptr<const Stored> value;
    std::shared_ptr<ray::internal::ActorInstance> instance;
  };

  int64_t count_of(ObjectId id) const {
    const auto it = objects.find(id);
    return it == objects.end() ? 0 : it->second.count;
  }

  std::deque<ray::internal::CallTemplate> templates;
  std::map<ObjectId, Object> objects;
  std::vector<std::string> mistakes;
  ray::internal::Execution last;
  size_t last_contained = 0;  // how many references the last value stored contains

 private:
  class Sink final : public ray::internal::ResultSink {
   public:
    explicit Sink(FakeRuntime& runtime) : runtime_(runtime) {}
    void value(const ray::internal::SerializedValue& result) override {
      stored = runtime_.store(result);
    }
    std::shared_ptr<const Stored> stored;

   private:
    FakeRuntime& runtime_;
  };

  ObjectId make_object() {
    const ObjectId id{uint64_t{1} << 32, ++next_ << 24 | 1};
    objects[id];
    return id;
  }
  std::shared_ptr<const Stored> store(const ray::internal::SerializedValue& value) {
    auto made = std::make_shared<Stored>();
    made->runtime = weak_from_this();
    made->tag = value.tag;
    made->size = value.bytes.size();
    made->units.resize(made->size / sizeof(std::max_align_t) + 1);
    if (made->size > 0) std::memcpy(made->units.data(), value.bytes.data(), made->size);
    made->contained.assign(value.contained.begin(), value.contained.end());
    for (const ObjectId id : made->contained) add_reference(id);
    last_contained = made->contained.size();
    return made;
  }
  static ray::internal::FetchedValue fetched(const std::shared_ptr<const Stored>& stored) {
    ray::internal::FetchedValue value;
    if (stored == nullptr) return value;
    value.tag = stored->tag;
    value.bytes = {reinterpret_cast<const uint8_t*>(stored->units.data()), stored->size};
    value.keep_alive = stored;
    return value;
  }
  ray::internal::FetchedValue fetched(ObjectId id) { return fetched(objects.at(id).value); }

  std::vector<ray::internal::FetchedValue> fetch_arguments(const ray::internal::CallSpec& call) {
    std::vector<ray::internal::FetchedValue> arguments;
    for (const auto& argument : call.arguments)
      arguments.push_back(argument.reference.is_nil() ? fetched(store(argument.value))
                                                      : fetched(argument.reference));
    return arguments;
  }
  ObjectId run(const ray::internal::CallSpec& call, ray::internal::ActorInstance* instance) {
    const auto arguments = fetch_arguments(call);
    Sink sink(*this);
    last =
        ray::internal::execute(*templates.at(call.template_id).function, instance, arguments, sink);
    const ObjectId id = make_object();
    objects[id].value = sink.stored;
    return id;
  }

  uint64_t next_ = 0;
};
