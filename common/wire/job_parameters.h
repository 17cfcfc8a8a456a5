// A job's parameters as words of the schema, for whoever builds or reads a message with such a
// list.
#pragma once

#include <vector>

#include "common/schema/job.capnp.h"
#include "common/types/job.h"

namespace rayd::wire {

/// Precondition: the list is as long as `parameters`.
void write_parameters(capnp::List<schema::JobParameter>::Builder list,
                      const std::vector<JobParameter>& parameters);
std::vector<JobParameter> read_parameters(capnp::List<schema::JobParameter>::Reader list);

}  // namespace rayd::wire
