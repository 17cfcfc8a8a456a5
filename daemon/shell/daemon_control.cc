// What the control lane asks (Control).
#include <unistd.h>

#include <algorithm>

#include "common/base/process_tree.h"
#include "common/config/module_names.h"
#include "common/net/token.h"
#include "daemon/shell/daemon_core.h"
#include "daemon/shell/rpc_front.h"

namespace rayd::shell {
namespace {

/// What modules register. A description that does not parse cannot have been kept.
std::vector<ModuleContents> contents_of(const std::vector<ModuleRow>& rows) {
  std::vector<ModuleContents> modules;
  for (const ModuleRow& row : rows) {
    auto description = Json::parse(row.description_json);
    if (description) modules.push_back({row.name, row.hash, std::move(*description)});
  }
  return modules;
}

}  // namespace

DaemonFacts DaemonCore::facts() const {
  return {options_.version,
          options_.config.cluster,
          cores_.node_id(),
          getpid(),
          started_unix_ms_,
          cores_.has_head() ? DaemonFacts::Head::kHere : DaemonFacts::Head::kElsewhere};
}

void DaemonCore::open_rings(int32_t pid, const std::string& name, const std::string& name_space,
                            Callback<OpenedRings> done) {
  UniqueFd process = open_pidfd(pid);
  if (!process) return done(Error{ErrorCode::kNotFound, "the calling process is gone"});
  const ClientId client{cores_.node_id().value, next_serial_};
  const auto image = images_.add("/proc/" + std::to_string(pid) + "/exe", Lasting::kDaemon);
  if (!image) return done(image.error());
  auto channel = hot_.add(client, ChannelKind::kDriver);
  if (!channel) return done(channel.error());
  auto opened = std::make_shared<OpenedRings>();
  opened->client = client;
  opened->image = image->hash;
  opened->channel = std::move(*channel);
  auto writable = store_.writable_fd();
  auto readable = store_.readable_fd();
  if (!writable || !readable) {
    hot_.remove(client);
    return done(writable ? readable.error() : writable.error());
  }
  opened->store_writable = std::move(*writable);
  opened->store_readable = std::move(*readable);

  next_serial_ += 2;
  drivers_[client].process = std::make_unique<ProcessWatch>(io_, std::move(process),
                                                            [this, client] { end_client(client); });
  openings_[client].ready = [opened, done = std::move(done)](const ClientReady& ready) {
    opened->job = ready.job;
    opened->name_space = ready.name_space;
    done(std::move(*opened));
  };
  if (!cores_.has_head()) {
    // Others that run its tasks will ask the head for its program.
    rpc_->links().offer_image(image->hash, [this](Result<ImageHash> offered) {
      if (!offered) log(Event::Level::kWarn, "image_not_offered", offered.error().message);
    });
  }
  cores_.feed(NodeInput{ClientConnected{client, name, name_space, image->hash}});
}

void DaemonCore::open_session(const SessionRequest& request, Callback<OpenedSession> done) {
  if (request.image != ImageHash{}) {
    if (const auto image = images_.find(request.image); !image) return done(image.error());
  }
  const ClientId client{cores_.node_id().value, next_serial_};
  auto session = sessions_.make(client, request.resumable_by);
  if (!session) return done(session.error());
  next_serial_ += 2;
  auto opened = std::make_shared<OpenedSession>();
  opened->session = std::move(*session);
  opened->silence = sessions_.silence();
  openings_[client].ready = [opened, done = std::move(done)](const ClientReady& ready) {
    opened->job = ready.job;
    opened->name_space = ready.name_space;
    done(std::move(*opened));
  };
  cores_.feed(NodeInput{ClientConnected{client, request.name, request.name_space, request.image}});
}

Result<std::shared_ptr<RemoteSession>> DaemonCore::resume_session(ClientId client,
                                                                  const KeyHash& key) {
  return sessions_.resume(client, key);
}

void DaemonCore::submit_job(JobRequest request, Callback<JobId> done) {
  const auto modules = contents_of(cores_.head_snapshot().modules);
  const auto found = find_name(modules, NameKind::kWorkload, request.workload);
  if (!found) return done(found.error());
  auto root = std::make_shared<CallTemplate>();
  root->kind = CallTemplate::Kind::kJobRoot;
  root->function = {found->module, found->name, "workload"};
  root->display_name = found->name;
  root->max_retries = request.retries;
  root->demand = std::move(request.demand);
  root->placement = std::move(request.placement);
  root->environment = std::move(request.environment);
  std::sort(root->environment.begin(), root->environment.end());

  SubmitJob submit;
  submit.request = next_request_++;
  submit.operation = request.operation;
  if (submit.operation == OperationId{})
    submit.operation = {ClientId{cores_.node_id().value, 0}, next_operation_++};
  submit.name = request.name.empty() ? found->name : request.name;
  submit.workload = found->name;
  submit.name_space = request.name_space;
  submit.root = std::move(root);
  submit.retries = request.retries;
  submit.now_unix_ms = unix_ms_now();
  submit.queue = request.queue;
  // The parameters must be there before the root asks for them; the head's answer comes first, for
  // the root starts by way of the queue that this answer leaves.
  requests_[submit.request] = [this, parameters = std::move(request.parameters),
                               done = std::move(done)](Result<JobId> job) {
    if (job) {
      if (const Status kept = book_.keep_parameters(*job, parameters); !kept.ok()) {
        cancel_job(*job, CancelJob::Force::kYes, [](Result<JobId>) {});
        return done(kept.error());
      }
    }
    done(std::move(job));
  };
  feed(HeadInput{std::move(submit)});
}

void DaemonCore::cancel_job(JobId job, CancelJob::Force force, Callback<JobId> done) {
  const uint64_t request = next_request_++;
  requests_[request] = std::move(done);
  feed(HeadInput{CancelJob{request, job, unix_ms_now(), force}});
}

template <class T>
uint64_t DaemonCore::request(T value, Callback<T> done) {
  const uint64_t number = next_request_++;
  requests_[number] = [value = std::move(value), done = std::move(done)](Result<JobId> reply) {
    if (reply) {
      done(value);
    } else {
      done(reply.error());
    }
  };
  return number;
}

std::optional<JobId> DaemonCore::root_job_of(ClientId worker) const {
  const auto known = workers_.find(worker);
  return known == workers_.end() ? std::nullopt : known->second.root;
}

bool DaemonCore::is_cancelled(JobId job) const {
  const JobRow* row = book_.find(job);
  return row == nullptr || row->state == JobState::kCancelled ||
         row->cancel_asked == JobRow::CancelAsked::kYes;
}

void DaemonCore::add_module(const std::string& name, const ModuleFile& file,
                            Callback<ModuleRow> done) {
  const auto image =
      file.brought ? images_.find(*file.brought) : images_.add(file.path, Lasting::kMachine);
  if (!image) return done(image.error());
  auto description = images_.describe(*image, {options_.worker_program, options_.library_dir});
  if (!description) return done(description.error());
  if (const auto parsed = Json::parse(*description); !parsed) {
    return done(Error{ErrorCode::kInvalidArgument,
                      "the module's description is no JSON: " + parsed.error().message});
  }
  ModuleRow row;
  row.file_name = file.path.substr(file.path.rfind('/') + 1);
  row.name = name.empty() ? default_module_name(row.file_name) : name;
  row.hash = image->hash;
  row.description_json = std::move(*description);
  if (!cores_.has_head()) return rpc_->links().publish_module(row, std::move(done));
  put_module(std::move(row), std::move(done));
}

void DaemonCore::put_module(ModuleRow row, Callback<ModuleRow> done) {
  const uint64_t number = request(row, std::move(done));
  feed(HeadInput{PutModule{number, std::move(row)}});
}

void DaemonCore::remove_module(const std::string& name, Callback<std::string> done) {
  feed(HeadInput{RemoveModule{request(name, std::move(done)), name}});
}

void DaemonCore::create_token(TokenRole role, const std::string& label, int64_t lifetime_ms,
                              Callback<std::string> done) {
  if (!network_) {
    return done(Error{ErrorCode::kInvalidArgument,
                      "this cluster listens to no other machine, so nobody could use a token; "
                      "start it with --bind ADDR[:PORT]"});
  }
  const Token token = make_token(network_->identity().hash());
  TokenRow row;
  row.token = token.id;
  row.role = role;
  row.secret = hash_secret(token.secret);
  row.label = label;
  row.created_unix_ms = unix_ms_now();
  row.expires_unix_ms = lifetime_ms == 0 ? 0 : row.created_unix_ms + lifetime_ms;
  feed(HeadInput{PutToken{request(to_text(token), std::move(done)), std::move(row)}});
}

void DaemonCore::revoke_token(const std::string& id, Callback<std::string> done) {
  const auto tokens = cores_.head_snapshot().tokens;
  const auto found = std::find_if(tokens.begin(), tokens.end(),
                                  [&](const TokenRow& row) { return to_string(row.token) == id; });
  if (found == tokens.end()) {
    return done(Error{ErrorCode::kNotFound, "there is no token " + id + "; rayctl token list"});
  }
  feed(HeadInput{RevokeToken{request(id, std::move(done)), found->token, unix_ms_now()}});
}

void DaemonCore::stop(StopWorker::How) {
  // Replies that are under way leave first.
  boost::asio::post(io_, [this] {
    timer_.cancel();
    stopping_ = true;
  });
}

}  // namespace rayd::shell
