// The codec of a job's parameters (job.capnp). Pure; any bytes give parameters or kCorrupt.
#pragma once

#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/types/job.h"

namespace rayd::wire {

Bytes encode_job_parameters(const std::vector<JobParameter>& parameters);
/// Any alignment.
Result<std::vector<JobParameter>> decode_job_parameters(ByteSpan bytes);

}  // namespace rayd::wire
