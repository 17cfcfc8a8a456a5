// Arguments of a call on their way to another node: what this node knows of the values, and which
// references the message names. The same for tasks, actors' calls and creations.
#pragma once

#include <string>
#include <vector>

#include "daemon/node/objects.h"

namespace rayd::node {

/// Empty if an honest client may say this: it names only what it holds.
std::string fault_in_arguments(const Objects& objects, ClientId client,
                               const std::vector<Arg>& args);

/// Parallel to the arguments: of a reference what is known of its value, without places that mean
/// nothing elsewhere. Inline values bring what they contain; stored ones when they are opened. Of
/// inline values a mebibyte is told; the others are fetched from their owners.
std::vector<Value> values_for_others(const Objects& objects, const std::vector<Arg>& args);

/// Every reference that a message with these arguments and values names.
std::vector<ObjectId> all_named_by(const std::vector<Arg>& args, const std::vector<Value>& values);

}  // namespace rayd::node
