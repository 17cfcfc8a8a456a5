// A workload's Job whose words go to the daemon by the control lane.
#pragma once

#include <memory>

#include "common/base/result.h"
#include "ray/workload.h"

namespace rayd::client {

class JobSink : public ray::Job {
 public:
  /// What the job was submitted with. Throws RayException if the daemon cannot say.
  virtual ray::Arguments arguments() = 0;
};

/// Over a duplicate of `control_fd`, the socket that this worker was born with; all of a process
/// share one conversation, and belong to one thread. Calls block until the daemon has what they
/// say, so nothing is lost when the run ends.
Result<std::unique_ptr<JobSink>> connect_job_sink(int control_fd);

}  // namespace rayd::client
