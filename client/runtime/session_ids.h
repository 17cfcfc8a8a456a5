// Ids of the public API as the daemon's, and back: the same 16 bytes.
#pragma once

#include <span>
#include <vector>

#include "common/base/ids.h"
#include "ray/internal/ids.h"

namespace rayd::client {

inline ObjectId id_of(ray::internal::ObjectId id) {
  ObjectId object;
  object.high = id.high;
  object.low = id.low;
  return object;
}
inline ray::internal::ObjectId id_of(ObjectId id) { return {id.high, id.low}; }
inline ActorId id_of(ray::internal::ActorId id) {
  ActorId actor;
  actor.high = id.high;
  actor.low = id.low;
  return actor;
}

inline std::vector<ObjectId> ids_of(std::span<const ray::internal::ObjectId> ids) {
  std::vector<ObjectId> objects;
  objects.reserve(ids.size());
  for (const ray::internal::ObjectId id : ids) objects.push_back(id_of(id));
  return objects;
}

}  // namespace rayd::client
