#include "daemon/shell/rpc_job.h"

#include "common/wire/job_parameters.h"
#include "daemon/shell/daemon_core.h"
#include "daemon/shell/rpc_values.h"

namespace rayd::shell {
namespace {

class JobSinkServer final : public schema::JobSink::Server {
 public:
  JobSinkServer(Control& control, JobId job, std::string source)
      : control_(control), job_(job), source_(std::move(source)) {}

  kj::Promise<void> progress(ProgressContext context) override {
    const auto params = context.getParams();
    control_.book().set_progress(
        job_, {params.getDone(), params.getTotal(), params.getText().cStr(), {}});
    return kj::READY_NOW;
  }

  kj::Promise<void> metrics(MetricsContext context) override {
    JobProgress progress{context.getParams().getStep(), 0, {}, {}};
    for (const auto metric : context.getParams().getValues()) {
      progress.metrics.emplace_back(metric.getName().cStr(), metric.getValue());
    }
    control_.book().set_progress(job_, std::move(progress));
    return kj::READY_NOW;
  }

  kj::Promise<void> log(LogContext context) override {
    control_.book().add_line(job_, {unix_ms_now(), source_, BookLine::Stream::kErrors,
                                    context.getParams().getText().cStr()});
    return kj::READY_NOW;
  }

  kj::Promise<void> writeFile(WriteFileContext context) override {
    const auto params = context.getParams();
    const auto bytes = params.getBytes();
    throw_unless(
        control_.book().write_file(job_, params.getName().cStr(), params.getOffset(),
                                   {reinterpret_cast<const char*>(bytes.begin()), bytes.size()},
                                   params.getComplete() ? FilePart::kLast : FilePart::kMore));
    return kj::READY_NOW;
  }

  kj::Promise<void> cancelled(CancelledContext context) override {
    context.getResults().setCancelled(control_.is_cancelled(job_));
    return kj::READY_NOW;
  }

  kj::Promise<void> clusterCpus(ClusterCpusContext context) override {
    Quantity cpus = 0;
    for (const auto& node : control_.head_snapshot().nodes) {
      if (node.state == NodeState::kAlive) cpus += node.view.total.cpu;
    }
    context.getResults().setCpus(cpus / kUnit);
    return kj::READY_NOW;
  }

  kj::Promise<void> parameters(ParametersContext context) override {
    const auto parameters = value_or_throw(control_.book().parameters(job_));
    wire::write_parameters(
        context.getResults().initParameters(static_cast<unsigned>(parameters.size())), parameters);
    return kj::READY_NOW;
  }

 private:
  Control& control_;
  JobId job_;
  std::string source_;
};

}  // namespace

kj::Own<schema::JobSink::Server> make_job_sink(Control& control, JobId job, std::string source) {
  return kj::heap<JobSinkServer>(control, job, std::move(source));
}

}  // namespace rayd::shell
