#include "client/runtime/rpc_job_sink.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "common/net/rpc_client.h"
#include "common/schema/control.capnp.h"
#include "common/wire/job_parameters.h"
#include "ray/exception.h"

namespace rayd::client {
namespace {

constexpr Duration kHeadPatience = Duration::seconds(60);
constexpr size_t kPart = 1 << 20;
constexpr Duration kProgressInterval = Duration::millis(50);
constexpr Duration kCancelledInterval = Duration::millis(20);

void check(const Status& status) {
  if (status.ok()) return;
  ray::internal::throw_error(static_cast<ray::ErrorCode>(status.error().code),
                             status.error().message);
}

/// The conversation over the socket that this worker was born with. There is one for all the jobs
/// whose roots it runs, one after the other: two on one socket would number their questions alike.
struct ControlLine {
  explicit ControlLine(UniqueFd socket)
      : client(loop, std::move(socket)), daemon(client.bootstrap<schema::Daemon>()) {}

  PollLoop loop;
  RpcClient client;
  schema::Daemon::Client daemon;
};

class RpcJob final : public JobSink {
 public:
  explicit RpcJob(ControlLine& line)
      : client_(line.client), sink_(line.daemon.jobRequest().send().getSink()) {}

  ~RpcJob() noexcept override {}  // KJ's destructors may throw; the base's may not

  void progress(uint64_t done, uint64_t total, std::string_view text) override {
    // More often than anybody can read would only slow the run; the last word always leaves.
    const Time now = now_boottime();
    if (done != total && now < next_progress_) return;
    next_progress_ = now + kProgressInterval;
    auto request = sink_.progressRequest();
    request.setDone(done);
    request.setTotal(total);
    request.setText(std::string{text});
    finish(request.send().ignoreResult());
  }

  void metrics(uint64_t step, const std::vector<ray::MetricValue>& values) override {
    auto request = sink_.metricsRequest();
    request.setStep(step);
    auto list = request.initValues(static_cast<unsigned>(values.size()));
    for (unsigned i = 0; i < list.size(); ++i) {
      list[i].setName(values[i].name);
      list[i].setValue(
          std::visit([](auto number) { return static_cast<double>(number); }, values[i].value));
    }
    finish(request.send().ignoreResult());
  }

  void frame(uint64_t, const ray::Image&) override {}  // nobody looks at frames yet

  bool cancelled() override {
    const Time now = now_boottime();
    if (cancelled_ || now < next_question_) return cancelled_;
    next_question_ = now + kCancelledInterval;
    auto answer = client_.wait(sink_.cancelledRequest().send(), kHeadPatience);
    if (!answer) check(answer.error());
    cancelled_ = answer->getCancelled();
    return cancelled_;
  }

  void log(ray::LogLevel level, std::string_view text) override {
    auto request = sink_.logRequest();
    request.setLevel(static_cast<uint8_t>(level));
    request.setText(std::string{text});
    finish(request.send().ignoreResult());
  }

  void write(std::string_view name, std::string_view bytes) override {
    if (!ray::is_result_name(name)) {
      throw std::invalid_argument{"'" + std::string{name} + "' is no name for a result file"};
    }
    size_t offset = 0;
    do {
      const size_t size = std::min(kPart, bytes.size() - offset);
      auto request = sink_.writeFileRequest();
      request.setName(std::string{name});
      request.setOffset(offset);
      request.setBytes({reinterpret_cast<const uint8_t*>(bytes.data()) + offset, size});
      offset += size;
      request.setComplete(offset == bytes.size());
      finish(request.send().ignoreResult());
    } while (offset < bytes.size());
  }

  ray::Arguments arguments() override {
    auto answer = client_.wait(sink_.parametersRequest().send(), kHeadPatience);
    if (!answer) check(answer.error());
    ray::Arguments arguments;
    for (JobParameter& parameter : wire::read_parameters(answer->getParameters())) {
      if (parameter.content) {
        ray::Input& input = arguments.inputs[parameter.name];
        input.name = parameter.value.starts_with('@') ? parameter.value.substr(1) : parameter.value;
        input.content = std::move(*parameter.content);
      }
      arguments.values[parameter.name] = std::move(parameter.value);
    }
    return arguments;
  }

  int64_t cluster_cpus() override {
    auto answer = client_.wait(sink_.clusterCpusRequest().send(), kHeadPatience);
    if (!answer) check(answer.error());
    return std::max<int64_t>(1, answer->getCpus());
  }

 private:
  void finish(kj::Promise<void> promise) { check(client_.wait(kj::mv(promise), kHeadPatience)); }

  RpcClient& client_;
  schema::JobSink::Client sink_;
  Time next_progress_;
  Time next_question_;
  bool cancelled_ = false;
};

}  // namespace

Result<std::unique_ptr<JobSink>> connect_job_sink(int control_fd) {
  static ControlLine* line = nullptr;  // ends with the process
  if (line == nullptr) {
    const int own = fcntl(control_fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0) {
      return Error{ErrorCode::kUnavailable,
                   std::string{"no control socket in this worker: "} + std::strerror(errno)};
    }
    line = new ControlLine{UniqueFd{own}};
  }
  return std::unique_ptr<JobSink>{std::make_unique<RpcJob>(*line)};
}

}  // namespace rayd::client
