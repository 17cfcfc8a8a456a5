#include <cstring>

#include "cli/daemon_client.h"
#include "cli/rpc_translate.h"
#include "common/net/head_dial.h"
#include "common/net/image_upload.h"
#include "common/net/rpc_client.h"
#include "common/net/rpc_errors.h"
#include "common/wire/hot_lane.h"
#include "common/wire/job_parameters.h"
#include "common/wire/values.h"

namespace rayd::cli {
namespace {

constexpr uint32_t kProtocol = 1;
constexpr Duration kPatience = Duration::seconds(30);
/// A module's description may take its 10 s.
constexpr Duration kLongPatience = Duration::seconds(60);
constexpr Duration kDialPatience = Duration::seconds(10);
constexpr uint32_t kReadBytes = 1 << 20;

uint32_t millis(Duration duration) {
  return static_cast<uint32_t>((duration.ns + 999'999) / 1'000'000);
}

/// Waits for answers on one connection; shared by the client and its sessions.
class Waiter {
 public:
  static Result<std::unique_ptr<Waiter>> connect(const std::string& socket) {
    auto waiter = std::make_unique<Waiter>();
    auto client = RpcClient::connect(waiter->loop_, socket);
    if (!client) return client.error();
    waiter->client_ = std::move(*client);
    return waiter;
  }

  static Result<std::unique_ptr<Waiter>> connect(const HeadDial& head) {
    auto link = head.dial(kDialPatience);
    if (!link) return link.error();
    auto waiter = std::make_unique<Waiter>();
    waiter->client_ =
        std::make_unique<RpcClient>(waiter->loop_, attach_link(waiter->loop_, std::move(*link)));
    return waiter;
  }

  RpcClient& rpc() { return *client_; }
  void set_interrupt(int fd) { interrupt_fd_ = fd; }

  template <class T>
  auto wait(T&& promise, Duration patience = kPatience) {
    return client_->wait(kj::mv(promise), patience);
  }

  /// A wait that Ctrl-C ends.
  template <class T>
  Result<T> wait_or_interrupt(kj::Promise<T> promise, Duration patience) {
    if (interrupt_fd_ < 0) return client_->wait(kj::mv(promise), patience + kPatience);
    auto interrupt = loop_.when_readable(interrupt_fd_).then([]() -> kj::Promise<T> {
      return to_exception({ErrorCode::kCancelled, "interrupted"});
    });
    return client_->wait(promise.exclusiveJoin(kj::mv(interrupt)), patience + kPatience);
  }

 private:
  PollLoop loop_;
  std::unique_ptr<RpcClient> client_;
  int interrupt_fd_ = -1;
};

class RpcTaskSession final : public TaskSession {
 public:
  RpcTaskSession(Waiter& waiter, schema::Daemon::OpenSessionResults::Reader opened)
      : waiter_(waiter),
        client_{opened.getClient().getNode(), opened.getClient().getSerial()},
        job_{opened.getJob()},
        session_(opened.getSession()) {}

  ~RpcTaskSession() noexcept override = default;

  ClientId client() const override { return client_; }
  JobId job() const override { return job_; }

  Status send(const ClientMessage& message) override {
    const auto bytes = encoder_.encode(message);
    if (!bytes) return bytes.error();
    auto request = session_.sendRequest();
    request.setFirst(++sent_);
    request.initMessages(1).set(0, {bytes->data(), bytes->size()});
    const auto answer = waiter_.wait(request.send());
    if (!answer) return answer.error();
    if (answer->getTaken() == sent_) return {};
    return Error{ErrorCode::kPendingCallsLimit, "this session does not take its answers"};
  }

  Result<std::vector<ClientAnswer>> receive(Duration patience) override {
    auto request = session_.receiveRequest();
    request.setMaxWaitMs(millis(patience));
    request.setAfter(received_);
    auto answer = waiter_.wait_or_interrupt(
        kj::Promise<capnp::Response<schema::Session::ReceiveResults>>(request.send()), patience);
    if (!answer) return answer.error();
    received_ = answer->getFirst() + answer->getAnswers().size() - 1;
    std::vector<ClientAnswer> answers;
    for (const auto data : answer->getAnswers()) {
      std::vector<uint64_t> words((data.size() + 7) / 8);
      std::memcpy(words.data(), data.begin(), data.size());
      auto decoded =
          wire::decode_client_answer({reinterpret_cast<const uint8_t*>(words.data()), data.size()});
      if (!decoded) return decoded.error();
      if (auto* ready = std::get_if<Ready>(&*decoded)) {
        if (const Status read = read_stored(*ready); !read.ok()) return read.error();
      }
      answers.push_back(std::move(*decoded));
    }
    return answers;
  }

 private:
  /// A stored value becomes an inline one.
  Status read_stored(Ready& ready) {
    if (ready.value.kind != Value::Kind::kStored) return {};
    std::string bytes;
    while (bytes.size() < ready.value.size) {
      auto request = session_.readRequest();
      request.getObject().setHigh(ready.object.high);
      request.getObject().setLow(ready.object.low);
      request.setOffset(bytes.size());
      request.setMaxBytes(kReadBytes);
      const auto part = waiter_.wait(request.send());
      if (!part) return part.error();
      const auto more = part->getBytes().asChars();
      if (more.size() == 0) return Error{ErrorCode::kCorrupt, "a value is shorter than it says"};
      bytes.append(more.begin(), more.size());
    }
    ready.value.kind = Value::Kind::kInline;
    ready.value.bytes = Bytes::copy(bytes);
    return {};
  }

  Waiter& waiter_;
  ClientId client_;
  JobId job_;
  schema::Session::Client session_;
  uint64_t sent_ = 0;
  uint64_t received_ = 0;
  wire::Encoder encoder_;
};

class RpcDaemonClient final : public DaemonClient {
 public:
  enum class Elsewhere : bool { kNo, kYes };  // whether files here are files there

  RpcDaemonClient(std::unique_ptr<Waiter> waiter, Elsewhere elsewhere)
      : waiter_(std::move(waiter)),
        daemon_(waiter_->rpc().bootstrap<schema::Daemon>()),
        elsewhere_(elsewhere) {}

  ~RpcDaemonClient() noexcept override = default;

  Status hello() {
    auto request = daemon_.helloRequest();
    request.setProtocol(kProtocol);
    request.setProgram("rayctl");
    const auto answer = waiter_->wait(request.send());
    if (!answer) return answer.error();
    facts_ = read_facts(answer->getInfo());
    return {};
  }

  void set_interrupt(int fd) override { waiter_->set_interrupt(fd); }
  const DaemonFacts& facts() const override { return facts_; }

  Result<StatusReport> status() override {
    const auto answer = waiter_->wait(daemon_.statusRequest().send());
    if (!answer) return answer.error();
    return read_status(answer->getStatus());
  }

  Result<std::vector<Row>> list(const std::string& kind) override {
    auto request = daemon_.listRequest();
    request.setKind(kind);
    const auto answer = waiter_->wait(request.send());
    if (!answer) return answer.error();
    return read_rows(answer->getItems());
  }

  Result<JobId> submit(const JobSubmission& submission) override {
    auto request = daemon_.submitJobRequest();
    request.setWorkload(submission.workload);
    request.setName(submission.name);
    request.setNameSpace(submission.name_space);
    request.setRetries(submission.retries);
    request.setQueue(submission.queue == JobSubmission::Queue::kYes);
    wire::write_parameters(
        request.initParameters(static_cast<unsigned>(submission.parameters.size())),
        submission.parameters);
    wire::write(request.initDemand(), submission.demand);
    wire::write(request.initPlacement(), submission.placement);
    auto environment =
        request.initEnvironment(static_cast<unsigned>(submission.environment.size()));
    for (unsigned i = 0; i < environment.size(); ++i) {
      environment[i].setName(submission.environment[i].first);
      environment[i].setValue(submission.environment[i].second);
    }
    auto operation = request.initOperation();
    operation.setNode(submission.operation.client.node);
    operation.setSerial(submission.operation.client.serial);
    request.setOperationSeq(submission.operation.seq);
    const auto answer = waiter_->wait(request.send());
    if (!answer) return answer.error();
    return JobId{answer->getJob()};
  }

  Result<JobUpdate> watch(JobId job, uint64_t cursor, Duration patience) override {
    auto request = daemon_.watchJobRequest();
    request.setJob(job.value);
    request.setCursor(cursor);
    request.setMaxWaitMs(millis(patience));
    const auto answer = waiter_->wait_or_interrupt(
        kj::Promise<capnp::Response<schema::Daemon::WatchJobResults>>(request.send()), patience);
    if (!answer) return answer.error();
    return read_update(answer->getUpdate());
  }

  Status cancel(JobId job, Force force) override {
    auto request = daemon_.cancelJobRequest();
    request.setJob(job.value);
    request.setForce(force == Force::kYes);
    const auto answer = waiter_->wait(request.send());
    return answer ? Status{} : Status{answer.error()};
  }

  Result<std::vector<JobFile>> files(JobId job) override {
    auto request = daemon_.listFilesRequest();
    request.setJob(job.value);
    const auto answer = waiter_->wait(request.send());
    if (!answer) return answer.error();
    return read_files(answer->getFiles());
  }

  Result<FilePart> read_file(JobId job, const std::string& name, uint64_t offset) override {
    auto request = daemon_.readFileRequest();
    request.setJob(job.value);
    request.setName(name);
    request.setOffset(offset);
    request.setMaxBytes(kReadBytes);
    const auto answer = waiter_->wait(request.send());
    if (!answer) return answer.error();
    const auto bytes = answer->getBytes();
    return FilePart{{reinterpret_cast<const char*>(bytes.begin()), bytes.size()},
                    answer->getComplete()};
  }

  Result<ModuleContents> add_module(const std::string& name, const std::string& path) override {
    auto request = daemon_.addModuleRequest();
    request.setName(name);
    if (elsewhere_ == Elsewhere::kYes) {
      const auto hash = upload_image(waiter_->rpc(), daemon_, path);
      if (!hash) return hash.error();
      request.setHash({hash->bytes.data(), hash->bytes.size()});
      request.setFileName(path.substr(path.rfind('/') + 1));
    } else {
      request.setPath(path);
    }
    const auto answer = waiter_->wait(request.send(), kLongPatience);
    if (!answer) return answer.error();
    return read_module(name, answer->getHash(), answer->getDescription());
  }

  Result<std::string> create_token(TokenRole role, const std::string& label,
                                   int64_t lifetime_ms) override {
    auto request = daemon_.createTokenRequest();
    request.setRole(static_cast<uint8_t>(role));
    request.setLabel(label);
    request.setLifetimeMs(lifetime_ms);
    const auto answer = waiter_->wait(request.send());
    if (!answer) return answer.error();
    return std::string{answer->getToken().cStr()};
  }
  Status revoke_token(const std::string& id) override {
    auto request = daemon_.revokeTokenRequest();
    request.setId(id);
    const auto answer = waiter_->wait(request.send());
    return answer ? Status{} : Status{answer.error()};
  }
  Status remove_module(const std::string& name) override {
    auto request = daemon_.removeModuleRequest();
    request.setName(name);
    const auto answer = waiter_->wait(request.send());
    return answer ? Status{} : Status{answer.error()};
  }

  Result<std::vector<ModuleContents>> modules() override {
    const auto answer = waiter_->wait(daemon_.describeModulesRequest().send());
    if (!answer) return answer.error();
    std::vector<ModuleContents> modules;
    for (const auto module : answer->getModules()) {
      auto contents =
          read_module(module.getName().cStr(), module.getHash(), module.getDescription());
      if (!contents) return contents.error();
      modules.push_back(std::move(*contents));
    }
    return modules;
  }

  Result<LogPart> logs(const std::string& source, uint64_t cursor, Duration patience) override {
    auto request = daemon_.readLogsRequest();
    request.setSource(source);
    request.setCursor(cursor);
    request.setMaxWaitMs(millis(patience));
    const auto answer = waiter_->wait_or_interrupt(
        kj::Promise<capnp::Response<schema::Daemon::ReadLogsResults>>(request.send()), patience);
    if (!answer) return answer.error();
    return LogPart{read_lines(answer->getLines()), answer->getCursor()};
  }

  Result<EventPart> events(uint64_t cursor, Duration patience) override {
    auto request = daemon_.readEventsRequest();
    request.setCursor(cursor);
    request.setMaxWaitMs(millis(patience));
    const auto answer = waiter_->wait_or_interrupt(
        kj::Promise<capnp::Response<schema::Daemon::ReadEventsResults>>(request.send()), patience);
    if (!answer) return answer.error();
    return EventPart{read_events(answer->getEvents()), answer->getCursor()};
  }

  Status stop(Force force) override {
    auto request = daemon_.stopRequest();
    request.setForce(force == Force::kYes);
    const auto answer = waiter_->wait(request.send());
    return answer ? Status{} : Status{answer.error()};
  }

  Status stop_all(Force force) override {
    auto request = daemon_.stopAllRequest();
    request.setForce(force == Force::kYes);
    const auto answer = waiter_->wait(request.send());
    return answer ? Status{} : Status{answer.error()};
  }

  Result<std::unique_ptr<TaskSession>> open_session(const std::string& job_name,
                                                    const std::string& name_space) override {
    auto request = daemon_.openSessionRequest();
    request.setName(job_name);
    request.setNameSpace(name_space);
    const auto answer = waiter_->wait(request.send());
    if (!answer) return answer.error();
    return std::unique_ptr<TaskSession>{std::make_unique<RpcTaskSession>(*waiter_, *answer)};
  }

 private:
  std::unique_ptr<Waiter> waiter_;
  schema::Daemon::Client daemon_;
  Elsewhere elsewhere_;
  DaemonFacts facts_;
};

Result<std::unique_ptr<DaemonClient>> greet(Result<std::unique_ptr<Waiter>> waiter,
                                            RpcDaemonClient::Elsewhere elsewhere) {
  if (!waiter) return waiter.error();
  auto client = std::make_unique<RpcDaemonClient>(std::move(*waiter), elsewhere);
  if (const Status greeted = client->hello(); !greeted.ok()) return greeted.error();
  return std::unique_ptr<DaemonClient>{std::move(client)};
}

}  // namespace

Result<std::unique_ptr<DaemonClient>> DaemonClient::connect(const std::string& socket) {
  return greet(Waiter::connect(socket), RpcDaemonClient::Elsewhere::kNo);
}

Result<std::unique_ptr<DaemonClient>> DaemonClient::connect(const HeadDial& head) {
  return greet(Waiter::connect(head), RpcDaemonClient::Elsewhere::kYes);
}

}  // namespace rayd::cli
