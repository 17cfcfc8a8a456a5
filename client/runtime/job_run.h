// Runs a workload as a job's root: its parameters come, and its words go, by the control lane.
#pragma once

#include <string>

namespace rayd::client {

/// The result as JSON text. `control_fd` stays open, and its owner's. Lets the workload's own
/// exceptions through: they fail the job. Throws RayException: no such workload here, or the daemon
/// cannot be reached.
std::string run_job(const std::string& workload, int control_fd);

}  // namespace rayd::client
