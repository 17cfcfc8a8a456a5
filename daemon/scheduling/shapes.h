// Shapes: what tasks must have in common to wait in one queue and to follow each other on a worker.
//
//   CallTemplate ──many to one──▶ Shape (demand, placement, exclusive) ──many to one──▶ Runtime
//   (image, environment)
//
// A small number stands for each, so that the way of a task compares numbers only. Numbers are
// reused when no template, worker or request needs them any more.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/types/call.h"

namespace rayd::scheduling {

using ShapeId = uint32_t;
using RuntimeId = uint32_t;
inline constexpr uint32_t kNoId = UINT32_MAX;

/// Which kind of worker process can run a call.
struct Runtime {
  ImageHash image;
  std::vector<std::pair<std::string, std::string>> environment;
  /// A process that has seen GPUs is not used again, and one without does not see any.
  enum class Gpus : bool { kNo, kYes };
  Gpus gpus = Gpus::kNo;
  auto operator<=>(const Runtime&) const = default;
};

struct Shape {
  ResourceSet demand;
  RuntimeId runtime = kNoId;
  Placement placement;
  /// A job's root is never queued behind another task: it runs as long as its job.
  enum class Exclusive : bool { kNo, kYes };
  Exclusive exclusive = Exclusive::kNo;
  auto operator<=>(const Shape&) const = default;
};

class ShapeTable {
 public:
  /// The same number for every template of the shape, as long as one of these templates lives.
  ShapeId shape_of(const TemplateRef& call);
  const Shape& shape(ShapeId id) const { return shapes_[id].shape; }
  const Runtime& runtime(RuntimeId id) const { return runtimes_[id].runtime; }

  /// The runtime's number, held once; each `hold` and this need one `drop`.
  RuntimeId hold_runtime_of(const CallTemplate& call);
  void hold_runtime(RuntimeId id) { ++runtimes_[id].holds; }
  void drop_runtime(RuntimeId id);

  /// One more than the largest number in use: for tables by number.
  size_t shape_bound() const { return shapes_.size(); }
  size_t runtime_bound() const { return runtimes_.size(); }

 private:
  struct TemplateEntry {
    TemplateRef call;
    ShapeId shape = kNoId;
  };
  struct ShapeEntry {
    Shape shape;
    uint32_t templates = 0;
  };
  struct RuntimeEntry {
    Runtime runtime;
    uint32_t holds = 0;
  };

  ShapeId intern(const CallTemplate& call);
  void purge();

  std::vector<TemplateEntry> templates_;
  std::unordered_map<const CallTemplate*, uint32_t> index_;  // into templates_
  TemplateEntry last_;                                       // most calls repeat the last template
  size_t purge_at_ = 64;
  std::vector<ShapeEntry> shapes_;
  std::vector<ShapeId> free_shapes_;
  std::map<Shape, ShapeId> shape_ids_;
  std::vector<RuntimeEntry> runtimes_;
  std::vector<RuntimeId> free_runtimes_;
  std::map<Runtime, RuntimeId> runtime_ids_;
};

}  // namespace rayd::scheduling
