// A job as seen from its root worker: where its progress and files go.
#pragma once

#include "common/schema/control.capnp.h"
#include "daemon/shell/control.h"

namespace rayd::shell {

kj::Own<schema::JobSink::Server> make_job_sink(Control& control, JobId job, std::string source);

}  // namespace rayd::shell
