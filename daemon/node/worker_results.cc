#include "daemon/node/worker_results.h"

#include "daemon/node/objects.h"
#include "daemon/node/store_grants.h"

namespace rayd::node {
std::string fault_in_results(const Parts& parts, ClientId worker, const CallTemplate& call,
                             const Done& message) {
  const bool has_none = message.error || call.kind == CallTemplate::Kind::kActorCreation;
  const size_t expected = has_none ? 0 : call.return_count;
  if (message.results.size() != expected)
    return std::to_string(message.results.size()) + " results where " + std::to_string(expected) +
           " are due";
  for (const Value& value : message.results) {
    const bool is_inlined = value.kind == Value::Kind::kInline;
    if (!is_inlined && value.kind != Value::Kind::kStored) return "a result without a value";
    if (is_inlined && value.bytes.size() > kMaxInlineInRing)
      return "an inline result of " + std::to_string(value.bytes.size()) + " bytes; at most " +
             std::to_string(kMaxInlineInRing) + " travel in a ring";
    const uint64_t room = value.extent.length;
    if (!is_inlined && (room < kObjectHeaderBytes || room - kObjectHeaderBytes < value.size))
      return "a result of " + std::to_string(value.size) + " bytes in " + std::to_string(room);
    for (const ObjectId object : value.contains)
      if (!parts.objects.client_holds(worker, object))
        return "a result with a reference to " + to_string(object) + ", which it does not hold";
  }
  return {};
}

std::string seal_results(NodeContext& context, Parts& parts, ClientId worker, const Done& message) {
  for (size_t i = 0; i < message.results.size(); ++i) {
    const Value& value = message.results[i];
    if (value.kind != Value::Kind::kStored) continue;
    if (parts.store.seal(context, worker, value.extent)) continue;
    for (size_t k = 0; k < i; ++k)
      if (message.results[k].kind == Value::Kind::kStored)
        parts.store.free(context, message.results[k].extent);
    return "a result outside of the worker's arenas";
  }
  return {};
}

void set_location(const Parts& parts, std::vector<Value>& results) {
  for (Value& value : results)
    if (value.kind == Value::Kind::kStored) value.nodes.assign(1, parts.options.node);
}

}  // namespace rayd::node
