// References among the arguments of a call: which ones, each once.
#pragma once

#include <algorithm>
#include <vector>

#include "common/types/call.h"

namespace rayd::node {

/// Its bytes (or its error) travel with the message that names it.
inline bool is_inline(const Value& value) {
  return value.kind == Value::Kind::kInline || value.kind == Value::Kind::kError;
}

inline bool has_references(const std::vector<Arg>& args) {
  return std::any_of(args.begin(), args.end(), [](const Arg& arg) { return arg.is_reference(); });
}

inline void keep_each_once(std::vector<ObjectId>& objects) {
  if (objects.size() < 2) return;
  std::sort(objects.begin(), objects.end());
  objects.erase(std::unique(objects.begin(), objects.end()), objects.end());
}

/// The arguments that are references, each once, but for those whose value came along.
inline std::vector<ObjectId> references_to_pull(const std::vector<Arg>& args,
                                                const std::vector<Value>& values) {
  std::vector<ObjectId> references;
  for (size_t i = 0; i < args.size(); ++i) {
    if (!args[i].is_reference()) continue;
    if (i < values.size() && is_inline(values[i])) continue;
    references.push_back(args[i].reference);
  }
  keep_each_once(references);
  return references;
}

/// Every occurrence: arguments that are references, and what the values among them contain.
inline std::vector<ObjectId> all_named_by(const std::vector<Arg>& args) {
  std::vector<ObjectId> named;
  for (const Arg& arg : args) {
    if (arg.is_reference()) named.push_back(arg.reference);
    named.insert(named.end(), arg.value.contains.begin(), arg.value.contains.end());
  }
  return named;
}

}  // namespace rayd::node
