#include "daemon/scheduling/shapes.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/types/bundle_resources.h"

namespace rayd::scheduling {

ShapeId ShapeTable::shape_of(const TemplateRef& call) {
  if (last_.call == call) return last_.shape;
  const auto found = index_.find(call.get());
  if (found != index_.end()) {
    last_ = templates_[found->second];
    return last_.shape;
  }
  if (templates_.size() >= purge_at_) purge();
  const ShapeId id = intern(*call);
  ++shapes_[id].templates;
  index_.emplace(call.get(), static_cast<uint32_t>(templates_.size()));
  templates_.push_back({call, id});
  last_ = templates_.back();
  return id;
}

ShapeId ShapeTable::intern(const CallTemplate& call) {
  Shape shape;
  shape.demand = call.demand;
  shape.placement = call.placement;
  shape.exclusive =
      call.kind == CallTemplate::Kind::kJobRoot ? Shape::Exclusive::kYes : Shape::Exclusive::kNo;
  shape.runtime = hold_runtime_of(call);
  const auto found = shape_ids_.find(shape);
  if (found != shape_ids_.end()) {
    drop_runtime(shape.runtime);  // the shape there holds it already
    return found->second;
  }
  ShapeId id = static_cast<ShapeId>(shapes_.size());
  if (free_shapes_.empty()) {
    shapes_.emplace_back();
  } else {
    id = free_shapes_.back();
    free_shapes_.pop_back();
  }
  shapes_[id].shape = shape;
  shape_ids_.emplace(std::move(shape), id);
  return id;
}

RuntimeId ShapeTable::hold_runtime_of(const CallTemplate& call) {
  Runtime runtime{call.function.image, call.environment};
  const Quantity gpus = gpu_part(call.demand) + gpu_part(call.actor.placement_demand);
  if (gpus > 0) runtime.gpus = Runtime::Gpus::kYes;
  const auto found = runtime_ids_.find(runtime);
  if (found != runtime_ids_.end()) {
    ++runtimes_[found->second].holds;
    return found->second;
  }
  RuntimeId id = static_cast<RuntimeId>(runtimes_.size());
  if (free_runtimes_.empty()) {
    runtimes_.emplace_back();
  } else {
    id = free_runtimes_.back();
    free_runtimes_.pop_back();
  }
  runtimes_[id] = {runtime, 1};
  runtime_ids_.emplace(std::move(runtime), id);
  return id;
}

void ShapeTable::drop_runtime(RuntimeId id) {
  RuntimeEntry& entry = runtimes_[id];
  RAY_CHECK(entry.holds > 0);
  if (--entry.holds > 0) return;
  runtime_ids_.erase(entry.runtime);
  entry.runtime = {};
  free_runtimes_.push_back(id);
}

// Forgets the templates that nobody else refers to. Every queued or running task refers to its
// template, so a shape whose last template goes has no tasks.
void ShapeTable::purge() {
  last_ = {};
  index_.clear();
  std::vector<TemplateEntry> kept;
  for (TemplateEntry& entry : templates_) {
    if (entry.call.use_count() > 1) {
      index_.emplace(entry.call.get(), static_cast<uint32_t>(kept.size()));
      kept.push_back(std::move(entry));
      continue;
    }
    ShapeEntry& shape = shapes_[entry.shape];
    if (--shape.templates > 0) continue;
    shape_ids_.erase(shape.shape);
    drop_runtime(shape.shape.runtime);
    shape.shape = {};
    free_shapes_.push_back(entry.shape);
  }
  templates_ = std::move(kept);
  purge_at_ = std::max<size_t>(64, 2 * templates_.size());
}

}  // namespace rayd::scheduling
