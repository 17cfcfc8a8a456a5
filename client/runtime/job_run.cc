#include "client/runtime/job_run.h"

#include "client/runtime/rpc_job_sink.h"
#include "ray/exception.h"

namespace rayd::client {

namespace api = ray::internal;

std::string run_job(const std::string& workload_name, int control_fd) {
  const ray::Workload* workload = ray::find_workload(workload_name);
  if (workload == nullptr) {
    api::throw_error(ray::ErrorCode::kFunctionNotFound,
                     "this module has no workload " + workload_name);
  }
  const auto job = connect_job_sink(control_fd);
  if (!job) {
    api::throw_error(static_cast<ray::ErrorCode>(job.error().code), job.error().message);
  }
  return workload->run((*job)->arguments(), **job);
}

}  // namespace rayd::client
