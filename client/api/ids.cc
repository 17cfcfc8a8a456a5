#include "ray/internal/ids.h"

#include "common/base/ids.h"
#include "ray/exception.h"

namespace ray::internal {
namespace {

static_assert(sizeof(ObjectId) == sizeof(rayd::Id) && alignof(ObjectId) == alignof(rayd::Id));
static_assert(offsetof(ObjectId, high) == offsetof(rayd::Id, high) &&
              offsetof(ObjectId, low) == offsetof(rayd::Id, low));
static_assert(sizeof(ActorId) == sizeof(rayd::ActorId));

template <class To, class From>
To same_bits(const From& from) {
  To to;
  to.high = from.high;
  to.low = from.low;
  return to;
}

}  // namespace

std::string to_text(ObjectId id) {
  return id.is_nil() ? std::string() : rayd::to_string(same_bits<rayd::ObjectId>(id));
}

std::string to_text(ActorId id) {
  return id.is_nil() ? std::string() : rayd::to_string(same_bits<rayd::ActorId>(id));
}

ObjectId object_id_of(std::string_view text) {
  if (text.empty()) return {};
  const auto id = rayd::parse_object_id(text);
  if (!id) throw_error(ErrorCode::kInvalidArgument, id.error().message);
  return same_bits<ObjectId>(*id);
}

ActorId actor_id_of(std::string_view text) {
  if (text.empty()) return {};
  const auto id = rayd::parse_actor_id(text);
  if (!id) throw_error(ErrorCode::kInvalidArgument, id.error().message);
  return same_bits<ActorId>(*id);
}

}  // namespace ray::internal
