// Runs a workload as a job's root: parameters in, JSON out, and a Job whose calls go to the daemon
// by the control lane.
#pragma once

#include <string>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace rayd::client {

struct JobRun {
  std::string workload;
  ByteSpan parameters;  // wire::encode_job_parameters
  int control_fd = -1;  // stays open, and its owner's
};

/// The result as JSON text. Lets the workload's own exceptions through: they fail the job.
/// Throws RayException: no such workload, unreadable parameters, or the daemon cannot be reached.
std::string run_job(const JobRun& run);

}  // namespace rayd::client
