// What a worker says that it has made: checked, and its extents taken over. The same for tasks and
// for actors' calls.
#pragma once

#include <string>
#include <vector>

#include "daemon/node/parts.h"

namespace rayd::node {

/// Empty if the results are what an honest worker may send after this call.
std::string fault_in_results(const Parts& parts, ClientId worker, const CallTemplate& call,
                             const Done& message);

/// The stored ones belong to this node from now on. Else all are as before, and it says why.
std::string seal_results(NodeContext& context, Parts& parts, ClientId worker, const Done& message);

/// Stored on this node.
void set_location(const Parts& parts, std::vector<Value>& results);

}  // namespace rayd::node
