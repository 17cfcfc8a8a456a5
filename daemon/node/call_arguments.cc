#include "daemon/node/call_arguments.h"

#include "daemon/node/tasks_references.h"

namespace rayd::node {
namespace {

// What a message brings of inline values. Without a bound a call with many arguments is longer than
// any message, and holds up all behind it.
constexpr size_t kMaxKnownBytes = size_t{1} << 20;

}  // namespace

std::string fault_in_arguments(const Objects& objects, ClientId client,
                               const std::vector<Arg>& args) {
  for (const Arg& arg : args) {
    if (arg.is_reference()) {
      if (!objects.client_holds(client, arg.reference))
        return "an argument " + to_string(arg.reference) + " that it does not hold";
      continue;
    }
    if (arg.value.kind != Value::Kind::kInline) return "an argument without a value";
    for (const ObjectId object : arg.value.contains)
      if (!objects.client_holds(client, object))
        return "an argument with a reference to " + to_string(object) + ", which it does not hold";
  }
  return {};
}

std::vector<Value> values_for_others(const Objects& objects, const std::vector<Arg>& args) {
  std::vector<Value> values(args.size());
  size_t known_bytes = 0;
  for (size_t i = 0; i < args.size(); ++i) {
    if (!args[i].is_reference()) continue;
    const Value* value = objects.peek(args[i].reference);
    if (value == nullptr) continue;
    if (is_inline(*value) && known_bytes + value->bytes.size() > kMaxKnownBytes) continue;
    known_bytes += value->bytes.size();
    values[i] = *value;
    values[i].extent = {};
    if (!is_inline(*value)) values[i].contains.clear();
  }
  return values;
}

std::vector<ObjectId> all_named_by(const std::vector<Arg>& args, const std::vector<Value>& values) {
  std::vector<ObjectId> named = all_named_by(args);
  for (const Value& value : values)
    named.insert(named.end(), value.contains.begin(), value.contains.end());
  return named;
}

}  // namespace rayd::node
