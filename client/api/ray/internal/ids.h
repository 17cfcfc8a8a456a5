// The names of objects and actors as the public headers know them: 16 opaque bytes.
//
// Same layout as common/base/ids.h (checked in ids.cc), which public headers may not include.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace ray::internal {

struct ObjectId {
  uint64_t high = 0;
  uint64_t low = 0;
  constexpr auto operator<=>(const ObjectId&) const = default;
  constexpr bool is_nil() const { return high == 0 && low == 0; }
};

struct ActorId {
  uint64_t high = 0;
  uint64_t low = 0;
  constexpr auto operator<=>(const ActorId&) const = default;
  constexpr bool is_nil() const { return high == 0 && low == 0; }

  /// A handle is counted like a reference to the object of index 0 of the actor's creation.
  constexpr ObjectId handle() const { return {high, low}; }
  static constexpr ActorId of_handle(ObjectId id) { return {id.high, id.low}; }
};

/// "obj-1.2.3.1", "actor-1.2.3"; empty for nil.
std::string to_text(ObjectId id);
std::string to_text(ActorId id);
/// Inverse. Throws RayException with the text and the form it should have.
ObjectId object_id_of(std::string_view text);
ActorId actor_id_of(std::string_view text);

struct ObjectIdHash {
  size_t operator()(ObjectId id) const noexcept {
    uint64_t x = (id.high * 31 + id.low) * 0x9E3779B97F4A7C15u;
    return x ^ (x >> 32);
  }
};

}  // namespace ray::internal
