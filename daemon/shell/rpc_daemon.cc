#include "daemon/shell/rpc_daemon.h"

#include <algorithm>

#include "common/wire/job_parameters.h"
#include "common/wire/values.h"
#include "daemon/shell/control_methods.h"
#include "daemon/shell/image_upload.h"
#include "daemon/shell/rpc_items.h"
#include "daemon/shell/rpc_job.h"
#include "daemon/shell/rpc_poll.h"
#include "daemon/shell/rpc_session.h"
#include "daemon/shell/rpc_values.h"

namespace rayd::shell {
namespace {

constexpr uint32_t kProtocol = 1;
constexpr uint32_t kMaxWaitMs = 60'000;
constexpr uint32_t kMaxReadBytes = 4 << 20;

void write_facts(schema::DaemonInfo::Builder builder, const DaemonFacts& facts) {
  builder.setProtocol(kProtocol);
  builder.setVersion(facts.version);
  builder.setCluster(facts.cluster);
  builder.setNode(facts.node.value);
  builder.setPid(static_cast<uint32_t>(facts.pid));
  builder.setHead(facts.head == DaemonFacts::Head::kHere);
  builder.setStartedUnixMs(facts.started_unix_ms);
}

/// Our rows, then what other nodes listed.
template <class Init>
void write_items_of_all(const std::vector<ItemRow>& ours,
                        const std::vector<kj::Own<ClusterLinks::Items>>& others, const Init& init) {
  auto count = static_cast<unsigned>(ours.size());
  for (const auto& items : others) count += items->getItems().size();
  auto list = init(count);
  write_items(list, ours, 0);
  auto next = static_cast<unsigned>(ours.size());
  for (const auto& items : others) {
    for (const auto item : items->getItems()) list.setWithCaveats(next++, item);
  }
}

class DaemonServer final : public schema::Daemon::Server {
 public:
  DaemonServer(Control& control, boost::asio::io_context& io, RpcPeer peer, ClusterLinks& links)
      : control_(control), io_(io), peer_(peer), links_(links), upload_(control.images()) {}

  // Judges who may, and passes on what is the head's to answer.
  DispatchCallResult dispatchCall(
      uint64_t interface, uint16_t method,
      capnp::CallContext<capnp::AnyPointer, capnp::AnyPointer> context) override {
    const ControlMethod& called = control_method(method);
    if (!called.allows(peer_.role)) throw_error(refusal_of(called, peer_.role));
    if (called.where == ControlMethod::Where::kHead) {
      if (auto head = links_.head()) {
        const auto params = context.getParams();
        auto request = head->typelessRequest(interface, method, params.targetSize());
        request.set(params);
        context.releaseParams();
        return {context.tailCall(kj::mv(request)), false};
      }
    }
    return schema::Daemon::Server::dispatchCall(interface, method, context);
  }

  kj::Promise<void> hello(HelloContext context) override {
    const uint32_t theirs = context.getParams().getProtocol();
    if (theirs != kProtocol) {
      throw_error({ErrorCode::kUnavailable,
                   "the daemon speaks protocol " + std::to_string(kProtocol) + ", this program " +
                       std::to_string(theirs) + "; install the same version of both"});
    }
    write_facts(context.getResults().initInfo(), control_.facts());
    return kj::READY_NOW;
  }

  kj::Promise<void> openRings(OpenRingsContext context) override {
    if (peer_.worker) throw_error({ErrorCode::kNotAllowed, "a worker has its rings"});
    PromisedCallback<OpenedRings> opened;
    const auto params = context.getParams();
    control_.open_rings(peer_.pid, params.getName().cStr(), params.getNameSpace().cStr(),
                        opened.callback());
    return opened.take().then([context, value = opened.value()]() mutable {
      OpenedRings& rings = value();
      auto results = context.getResults();
      results.getClient().setNode(rings.client.node);
      results.getClient().setSerial(rings.client.serial);
      results.setJob(rings.job.value);
      results.setNameSpace(rings.name_space);
      results.setImage({rings.image.bytes.data(), rings.image.bytes.size()});
      results.setRings(make_rings(std::move(rings)));
    });
  }

  kj::Promise<void> openSession(OpenSessionContext context) override {
    PromisedCallback<OpenedSession> opened;
    const auto params = context.getParams();
    SessionRequest request{params.getName().cStr(), params.getNameSpace().cStr(), {}, {}};
    if (params.getImage().size() > 0) request.image = read_hash(params.getImage());
    if (params.getResumable()) {
      if (peer_.role != RpcPeer::Role::kSubmit) {
        throw_error({ErrorCode::kInvalidArgument, "only a client elsewhere resumes its session"});
      }
      request.resumable_by = peer_.key;
    }
    control_.open_session(request, opened.callback());
    return opened.take().then([this, context, value = opened.value()]() mutable {
      OpenedSession& session = value();
      auto results = context.getResults();
      results.getClient().setNode(session.session->client().node);
      results.getClient().setSerial(session.session->client().serial);
      results.setJob(session.job.value);
      results.setNameSpace(session.name_space);
      results.setSilenceMs(static_cast<uint32_t>(session.silence.ns / 1'000'000));
      results.setSession(make_session(io_, std::move(session.session)));
    });
  }

  kj::Promise<void> resumeSession(ResumeSessionContext context) override {
    const auto client = context.getParams().getClient();
    auto session =
        value_or_throw(control_.resume_session({client.getNode(), client.getSerial()}, peer_.key));
    throw_unless(session->touch());
    context.getResults().setSession(make_session(io_, std::move(session)));
    return kj::READY_NOW;
  }

  kj::Promise<void> status(StatusContext context) override {
    return links_.gather("workers").then([this, context](auto&& workers) mutable {
      return links_.gather("pending").then(
          [this, context, workers = kj::mv(workers)](auto&& pending) mutable {
            write_status(context.getResults().initStatus(), workers, pending);
          });
    });
  }

  using Gathered = std::vector<kj::Own<ClusterLinks::Items>>;
  void write_status(schema::Status::Builder status, const Gathered& workers,
                    const Gathered& pending) {
    write_facts(status.initInfo(), control_.facts());
    const auto list = [&](const char* kind) { return *list_items(control_, kind); };
    write_items_of_all(list("nodes"), {}, [&](unsigned n) { return status.initNodes(n); });
    write_items_of_all(list("jobs"), {}, [&](unsigned n) { return status.initJobs(n); });
    write_items_of_all(list("workers"), workers, [&](unsigned n) { return status.initWorkers(n); });
    write_items_of_all(pending_items(control_), pending,
                       [&](unsigned n) { return status.initPending(n); });
    const auto node = control_.node_snapshot();
    status.setStoreUsedBytes(node.store_used_bytes);
    status.setStoreCapacityBytes(node.store_capacity_bytes);
  }

  kj::Promise<void> list(ListContext context) override {
    const std::string kind = context.getParams().getKind().cStr();
    auto rows = std::make_shared<std::vector<ItemRow>>(value_or_throw(list_items(control_, kind)));
    if (kind != "tasks" && kind != "objects" && kind != "workers") {
      write_items(context.getResults().initItems(static_cast<unsigned>(rows->size())), *rows, 0);
      return kj::READY_NOW;
    }
    // They are known where they live.
    return links_.gather(kind).then([context, rows](auto&& others) mutable {
      write_items_of_all(*rows, others,
                         [&](unsigned n) { return context.getResults().initItems(n); });
    });
  }

  kj::Promise<void> submitJob(SubmitJobContext context) override {
    const auto params = context.getParams();
    JobRequest request;
    request.workload = params.getWorkload().cStr();
    request.parameters = wire::read_parameters(params.getParameters());
    request.name = params.getName().cStr();
    request.name_space = params.getNameSpace().cStr();
    request.retries = params.getRetries();
    try {
      request.demand = wire::read_resources(params.getDemand());
      request.placement = wire::read_placement(params.getPlacement());
    } catch (const wire::Malformed& malformed) {
      throw_error({ErrorCode::kInvalidArgument, malformed.what});
    }
    if (params.getQueue()) request.queue = SubmitJob::QueueIfInfeasible::kYes;
    for (const auto variable : params.getEnvironment())
      request.environment.emplace_back(variable.getName().cStr(), variable.getValue().cStr());
    const auto operation = params.getOperation();
    request.operation = {ClientId{operation.getNode(), operation.getSerial()},
                         params.getOperationSeq()};
    PromisedCallback<JobId> submitted;
    control_.submit_job(std::move(request), submitted.callback());
    return submitted.take().then(
        [context, job = submitted.value()]() mutable { context.getResults().setJob(job().value); });
  }

  kj::Promise<void> watchJob(WatchJobContext context) override {
    const auto params = context.getParams();
    const JobId job{params.getJob()};
    const uint64_t cursor = params.getCursor();
    const JobNews now = value_or_throw(control_.book().news(job, cursor));
    if (now.cursor > cursor || params.getMaxWaitMs() == 0) {
      write_news(context.getResults().initUpdate(), now);
      return kj::READY_NOW;
    }
    return changed(job, params.getMaxWaitMs()).then([this, context, job, cursor]() mutable {
      write_news(context.getResults().initUpdate(),
                 value_or_throw(control_.book().news(job, cursor)));
    });
  }

  kj::Promise<void> cancelJob(CancelJobContext context) override {
    PromisedCallback<JobId> cancelled;
    const auto params = context.getParams();
    control_.cancel_job(JobId{params.getJob()},
                        params.getForce() ? CancelJob::Force::kYes : CancelJob::Force::kNo,
                        cancelled.callback());
    return cancelled.take();
  }

  kj::Promise<void> listFiles(ListFilesContext context) override {
    const auto news =
        value_or_throw(control_.book().news(JobId{context.getParams().getJob()}, UINT64_MAX));
    auto files = context.getResults().initFiles(static_cast<unsigned>(news.files.size()));
    for (unsigned i = 0; i < files.size(); ++i) {
      files[i].setName(news.files[i].name);
      files[i].setBytes(news.files[i].bytes);
    }
    return kj::READY_NOW;
  }

  kj::Promise<void> readFile(ReadFileContext context) override {
    const auto params = context.getParams();
    const JobId job{params.getJob()};
    const std::string name = params.getName().cStr();
    const uint64_t size = value_or_throw(control_.book().file_size(job, name));
    const uint32_t most = std::min(params.getMaxBytes(), kMaxReadBytes);
    const std::string bytes =
        value_or_throw(control_.book().read_file(job, name, params.getOffset(), most));
    auto results = context.getResults();
    results.setBytes({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
    results.setComplete(params.getOffset() + bytes.size() >= size);
    return kj::READY_NOW;
  }

  kj::Promise<void> addModule(AddModuleContext context) override {
    PromisedCallback<ModuleRow> added;
    const auto params = context.getParams();
    const std::string path = params.getPath().cStr();
    // Whoever names a file of this machine has this daemon read it.
    if (!path.empty() && peer_.role != RpcPeer::Role::kOwner) {
      throw_error(
          {ErrorCode::kNotAllowed, "a module by its path is for the owner, on its machine"});
    }
    ModuleFile file{path, {}};
    if (path.empty()) {
      file.path = params.getFileName().cStr();
      file.brought = read_hash(params.getHash());
    }
    control_.add_module(params.getName().cStr(), file, added.callback());
    return added.take().then([context, value = added.value()]() mutable {
      const ModuleRow& row = value();
      context.getResults().setHash({row.hash.bytes.data(), row.hash.bytes.size()});
      context.getResults().setDescription(row.description_json);
    });
  }

  kj::Promise<void> writeImage(WriteImageContext context) override {
    const auto params = context.getParams();
    const auto bytes = params.getBytes();
    const auto last = params.getComplete() ? ImageUpload::Last::kYes : ImageUpload::Last::kNo;
    const auto present = value_or_throw(upload_.write(
        read_hash(params.getHash()), params.getOffset(), {bytes.begin(), bytes.size()}, last));
    context.getResults().setPresent(present == ImageUpload::Present::kYes);
    return kj::READY_NOW;
  }

  kj::Promise<void> removeModule(RemoveModuleContext context) override {
    PromisedCallback<std::string> removed;
    control_.remove_module(context.getParams().getName().cStr(), removed.callback());
    return removed.take();
  }

  kj::Promise<void> describeModules(DescribeModulesContext context) override {
    const auto rows = control_.head_snapshot().modules;
    auto modules = context.getResults().initModules(static_cast<unsigned>(rows.size()));
    for (unsigned i = 0; i < modules.size(); ++i) {
      modules[i].setName(rows[i].name);
      modules[i].setHash({rows[i].hash.bytes.data(), rows[i].hash.bytes.size()});
      modules[i].setFileName(rows[i].file_name);
      modules[i].setDescription(rows[i].description_json);
    }
    return kj::READY_NOW;
  }

  kj::Promise<void> readLogs(ReadLogsContext context) override {
    const auto params = context.getParams();
    const std::string source = params.getSource().cStr();
    const uint64_t cursor = params.getCursor();
    const auto [lines, next] = control_.book().lines(source, cursor);
    if (!lines.empty() || params.getMaxWaitMs() == 0) {
      write_lines(context, lines, next);
      return kj::READY_NOW;
    }
    return changed(std::nullopt, params.getMaxWaitMs())
        .then([this, context, source, cursor]() mutable {
          const auto [new_lines, new_next] = control_.book().lines(source, cursor);
          write_lines(context, new_lines, new_next);
        });
  }

  kj::Promise<void> readEvents(ReadEventsContext context) override {
    const auto params = context.getParams();
    const uint64_t cursor = params.getCursor();
    if (!control_.events().since(cursor).first.empty() || params.getMaxWaitMs() == 0) {
      write_events(context, cursor);
      return kj::READY_NOW;
    }
    return LongPoll::wait(io_, std::min(params.getMaxWaitMs(), kMaxWaitMs),
                          [this](LongPoll::Wake wake) -> LongPoll::Undo {
                            const uint64_t ticket = control_.events().on_change(std::move(wake));
                            return [this, ticket] { control_.events().forget(ticket); };
                          })
        .then([this, context, cursor]() mutable { write_events(context, cursor); });
  }

  kj::Promise<void> stop(StopContext context) override {
    if (peer_.worker) throw_error({ErrorCode::kNotAllowed, "a worker cannot stop its daemon"});
    control_.stop(context.getParams().getForce() ? StopWorker::How::kKill
                                                 : StopWorker::How::kGraceful);
    return kj::READY_NOW;
  }

  kj::Promise<void> stopAll(StopAllContext context) override {
    const auto how =
        context.getParams().getForce() ? StopWorker::How::kKill : StopWorker::How::kGraceful;
    return links_.stop_members(how).then([this, how] { control_.stop(how); });
  }

  kj::Promise<void> createToken(CreateTokenContext context) override {
    const auto params = context.getParams();
    if (params.getRole() >= kTokenRoles || params.getLifetimeMs() < 0) {
      throw_error({ErrorCode::kInvalidArgument, "no such role, or a lifetime below zero"});
    }
    PromisedCallback<std::string> created;
    control_.create_token(static_cast<TokenRole>(params.getRole()), params.getLabel().cStr(),
                          params.getLifetimeMs(), created.callback());
    return created.take().then(
        [context, word = created.value()]() mutable { context.getResults().setToken(word()); });
  }

  kj::Promise<void> revokeToken(RevokeTokenContext context) override {
    PromisedCallback<std::string> revoked;
    control_.revoke_token(context.getParams().getId().cStr(), revoked.callback());
    return revoked.take();
  }

  kj::Promise<void> job(JobContext context) override {
    const auto job = peer_.worker ? control_.root_job_of(*peer_.worker) : std::nullopt;
    if (!job) throw_error({ErrorCode::kNotAllowed, "only a job's root has a job"});
    if (!links_.has_head()) {
      context.getResults().setSink(make_job_sink(control_, *job, to_string(*job)));
      return kj::READY_NOW;
    }
    auto request = links_.head_for_node().jobSinkRequest();
    request.setJob(job->value);
    return request.send().then(
        [context](auto&& answer) mutable { context.getResults().setSink(answer.getSink()); });
  }

  kj::Promise<void> enlist(EnlistContext context) override {
    context.getResults().setHead(links_.enlist(peer_.member, context.getParams().getNode()));
    return kj::READY_NOW;
  }

 private:
  kj::Promise<void> changed(std::optional<JobId> job, uint32_t max_wait_ms) {
    return LongPoll::wait(io_, std::min(max_wait_ms, kMaxWaitMs),
                          [this, job](LongPoll::Wake wake) -> LongPoll::Undo {
                            const uint64_t ticket = control_.book().on_change(job, std::move(wake));
                            return [this, ticket] { control_.book().forget(ticket); };
                          });
  }

  /// The job's own news, and why it waits if it does.
  void write_news(schema::JobUpdate::Builder builder, const JobNews& news) {
    write(builder, news);
    if (news.row.state != JobState::kPending) return;
    for (const auto& task : control_.node_snapshot().tasks) {
      if (task.job != news.row.job || task.pending_reason.empty()) continue;
      builder.setPendingReason(task.pending_reason);
      builder.setInfeasible(task.infeasible == node::TaskSnapshot::Infeasible::kYes);
    }
  }

  void write_events(ReadEventsContext context, uint64_t cursor) {
    const auto [events, next] = control_.events().since(cursor);
    auto list = context.getResults().initEvents(static_cast<unsigned>(events.size()));
    for (unsigned i = 0; i < list.size(); ++i) write(list[i], events[i]);
    context.getResults().setCursor(next);
  }

  static void write_lines(ReadLogsContext context, const std::vector<BookLine>& lines,
                          uint64_t cursor) {
    auto list = context.getResults().initLines(static_cast<unsigned>(lines.size()));
    for (unsigned i = 0; i < list.size(); ++i) write(list[i], lines[i]);
    context.getResults().setCursor(cursor);
  }

  Control& control_;
  boost::asio::io_context& io_;
  RpcPeer peer_;
  ClusterLinks& links_;
  ImageUpload upload_;
};

}  // namespace

capnp::Capability::Client make_daemon_capability(Control& control, boost::asio::io_context& io,
                                                 RpcPeer peer, ClusterLinks& links) {
  return kj::heap<DaemonServer>(control, io, peer, links);
}

}  // namespace rayd::shell
