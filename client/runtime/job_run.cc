#include "client/runtime/job_run.h"

#include <unistd.h>

#include <algorithm>
#include <map>

#include "client/runtime/rpc_job_sink.h"
#include "common/wire/job_wire.h"
#include "ray/exception.h"
#include "ray/internal/runtime.h"
#include "ray/workload.h"

namespace rayd::client {

namespace api = ray::internal;

namespace {

ray::Arguments to_arguments(const std::vector<JobParameter>& parameters) {
  ray::Arguments arguments;
  for (const JobParameter& parameter : parameters) {
    arguments.values[parameter.name] = parameter.value;
    if (!parameter.content) continue;
    ray::Input& input = arguments.inputs[parameter.name];
    input.name = parameter.value.starts_with('@') ? parameter.value.substr(1) : parameter.value;
    input.content = *parameter.content;
  }
  return arguments;
}

}  // namespace

std::string run_job(const JobRun& run) {
  const ray::Workload* workload = ray::find_workload(run.workload);
  if (workload == nullptr) {
    api::throw_error(ray::ErrorCode::kFunctionNotFound,
                     "this module has no workload " + run.workload);
  }
  const auto parameters = wire::decode_job_parameters(run.parameters);
  if (!parameters) {
    api::throw_error(ray::ErrorCode::kCorrupt,
                     "the job's parameters cannot be read: " + parameters.error().message);
  }
  const auto job = connect_job_sink(run.control_fd);
  if (!job) api::throw_error(ray::ErrorCode::kUnavailable, job.error().message);
  return workload->run(to_arguments(*parameters), **job);
}

}  // namespace rayd::client
