#include "daemon/node/clients.h"

#include <algorithm>

#include "common/types/bundle_resources.h"
#include "daemon/node/tasks.h"
#include "daemon/node/workers.h"

namespace rayd::node {
namespace {

// What a client may say before its driver's job is known. Far above max_pending_tasks.
constexpr size_t kMaxWaiting = 4'000'000;
constexpr size_t kMaxTemplates = 65'536;

OperationId driver_operation(ClientId client) { return {client, 0}; }

// Empty: it is sound.
std::string mistake_in(const CallTemplate& call) {
  if (call.kind == CallTemplate::Kind::kJobRoot) return "only the head starts a job's root";
  if (call.return_count > kMaxReturns) return "too many returns";
  if (call.max_retries < -1 || call.actor.max_restarts < -1 || call.actor.max_task_retries < -1)
    return "fewer than −1 retries";
  if (call.actor.max_concurrency < 1) return "max_concurrency below 1";
  for (const ResourceSet* demand : {&call.demand, &call.actor.placement_demand})
    if (const std::string mistake = mistake_in_demand(*demand); !mistake.empty()) return mistake;
  if (call.placement.strategy == Placement::Strategy::kBundle && call.placement.group.is_nil())
    return "a bundle of no placement group";
  if (call.placement.bundle < Placement::kAnyBundle) return "a bundle of a negative index";
  if (!std::is_sorted(call.environment.begin(), call.environment.end()))
    return "an environment out of order";
  return {};
}

// Policies, queues and ledgers see what it takes of the bundle's own resources.
void move_into_bundle(CallTemplate& call) {
  const Placement& placement = call.placement;
  if (placement.strategy != Placement::Strategy::kBundle) return;
  call.demand = in_bundle(call.demand, placement.group, placement.bundle);
  if (call.kind == CallTemplate::Kind::kActorCreation)
    call.actor.placement_demand =
        in_bundle(call.actor.placement_demand, placement.group, placement.bundle);
}

}  // namespace

std::string mistake_in_demand(const ResourceSet& demand) {
  const char* const kMistake = "a demand that is negative or out of order";
  if (demand.cpu < 0 || demand.gpu < 0 || demand.memory_bytes < 0) return kMistake;
  const auto& custom = demand.custom;
  for (size_t i = 0; i < custom.size(); ++i) {
    if (custom[i].second <= 0 || (i > 0 && !(custom[i - 1].first < custom[i].first)))
      return kMistake;
    if (is_bundle_resource(custom[i].first)) return "a demand of a bundle's resources by name";
  }
  return {};
}

Clients::Session* Clients::find(ClientId client) {
  if (last_session_ != nullptr && last_client_ == client) return last_session_;
  const auto it = sessions_.find(client);
  if (it == sessions_.end()) return nullptr;
  last_client_ = client;
  return last_session_ = &it->second;
}

void Clients::on_connected(NodeContext& context, const ClientConnected& message) {
  const auto [it, is_new] = sessions_.try_emplace(message.client);
  if (!is_new) return;
  Session& session = it->second;
  session.kind = Session::Kind::kDriver;
  session.state = Session::State::kWaitsForJob;
  session.name = message.name;
  session.name_space = message.name_space;
  session.image = message.image;
  ask_for_job(context, message.client, session);
}

void Clients::ask_for_job(NodeContext& context, ClientId client, const Session& session) const {
  context.out.emplace_back(ToHead{DriverConnected{driver_operation(client), client, session.name,
                                                  session.name_space, session.job}});
}

void Clients::on_worker(ClientId worker, ImageHash image) {
  Session& session = sessions_[worker];
  session.kind = Session::Kind::kWorker;
  session.image = image;
}

void Clients::on_gone(NodeContext& context, ClientId client) {
  const Session* session = find(client);
  if (session == nullptr) return;
  if (session->kind == Session::Kind::kDriver) {
    context.out.emplace_back(ToHead{DriverGone{client}});
    Session& gone = gone_[client];
    gone.name = session->name;
    gone.name_space = session->name_space;
    gone.job = session->job;
  }
  sessions_.erase(client);
  last_session_ = nullptr;
}

void Clients::reannounce(NodeContext& context) {
  // The head that was told may not have heard it, and this one may not know whose job it was: what
  // is asked for again in that job would never end.
  for (const auto& [client, session] : gone_) {
    if (session.job != JobId{}) ask_for_job(context, client, session);
    context.out.emplace_back(ToHead{DriverGone{client}});
  }
  for (const auto& [client, session] : sessions_)
    if (session.kind == Session::Kind::kDriver) ask_for_job(context, client, session);
}

void Clients::on_job_ended(JobId job) {
  std::erase_if(gone_, [job](const auto& entry) { return entry.second.job == job; });
}

bool Clients::expects(const OperationId& operation) const {
  return operation == driver_operation(operation.client) &&
         (find(operation.client) != nullptr || gone_.contains(operation.client));
}

void Clients::on_operation_reply(NodeContext& context, const OperationReply& reply) {
  if (const auto gone = gone_.find(reply.operation.client); gone != gone_.end())
    gone->second.job = reply.job;
  Session* session = find(reply.operation.client);
  if (session == nullptr || session->state != Session::State::kWaitsForJob) return;
  if (reply.error != nullptr) return refuse(context, reply.operation.client, reply.error->message);
  session->state = Session::State::kOpen;
  session->job = reply.job;
  if (session->name_space.empty()) session->name_space = to_string(reply.job);  // one of its own
  context.out.emplace_back(ClientReady{reply.operation.client, reply.job, session->name_space});
  if (!session->waiting.empty()) released_.push_back(reply.operation.client);
}

// ---- what clients say ---------------------------------------------------------------------------

Clients::Admission Clients::admit(NodeContext& context, ClientId client, ClientMessage& message) {
  Session* session = find(client);
  if (session == nullptr) return Admission::kIgnore;
  switch (session->state) {
    case Session::State::kOpen: return Admission::kNow;
    case Session::State::kRefused: return Admission::kIgnore;
    case Session::State::kWaitsForJob: break;
  }
  if (session->waiting.size() >= kMaxWaiting) {
    refuse(context, client, "too much said before the head answered");
    return Admission::kIgnore;
  }
  session->waiting.push_back(std::move(message));
  return Admission::kWait;
}

std::optional<FromClient> Clients::take_waiting() {
  while (!released_.empty()) {
    const ClientId client = released_.front();
    Session* session = find(client);
    if (session == nullptr || session->state != Session::State::kOpen || session->waiting.empty()) {
      released_.pop_front();
      continue;
    }
    FromClient next{client, std::move(session->waiting.front())};
    session->waiting.pop_front();
    return next;
  }
  return std::nullopt;
}

void Clients::on_template(NodeContext& context, ClientId client, DefineTemplate&& message) {
  Session* session = find(client);
  if (session == nullptr) return;
  auto& templates = session->templates;
  std::string mistake = mistake_in(message.definition);
  if (!mistake.empty()) return refuse(context, client, std::move(mistake));
  move_into_bundle(message.definition);
  if (message.id < templates.size()) {
    message.definition.name_space = templates[message.id]->name_space;
    if (*templates[message.id] != message.definition)
      refuse(context, client, "a template was defined twice, differently");
    return;
  }
  if (message.id > templates.size() || templates.size() >= kMaxTemplates)
    mistake = "template numbers are dense, and not too many";
  if (!mistake.empty()) return refuse(context, client, std::move(mistake));
  message.definition.name_space = session->name_space;
  templates.push_back(std::make_shared<const CallTemplate>(std::move(message.definition)));
}

void Clients::refuse(NodeContext& context, ClientId client, std::string reason) {
  Session* session = find(client);
  if (session == nullptr || session->state == Session::State::kRefused) return;
  session->state = Session::State::kRefused;
  session->waiting.clear();
  context.out.emplace_back(
      Event{Event::Level::kWarn, "client_refused", to_string(client) + ": " + reason});
  context.out.emplace_back(ToClient{client, SessionError{std::move(reason)}});
  if (session->kind == Session::Kind::kWorker)
    parts_.workers.end(context, client, StopWorker::How::kKill);
}

// ---- questions ----------------------------------------------------------------------------------

bool Clients::is_connected(ClientId client) const {
  const Session* session = find(client);
  return session != nullptr && session->state != Session::State::kRefused;
}

std::vector<ClientId> Clients::connected() const {
  std::vector<ClientId> clients;
  for (const auto& [client, session] : sessions_) clients.push_back(client);
  return clients;
}

TemplateRef Clients::find_template(ClientId client, uint32_t id) {
  Session* session = find(client);
  if (session == nullptr || id >= session->templates.size()) return nullptr;
  TemplateRef& call = session->templates[id];
  if (session->kind == Session::Kind::kDriver) return call;
  // A worker runs for one job after the other.
  const std::string& name_space = parts_.workers.name_space_of(client);
  if (call->name_space == name_space) return call;
  CallTemplate moved = *call;
  moved.name_space = name_space;
  return call = std::make_shared<const CallTemplate>(std::move(moved));
}

JobId Clients::job_of(ClientId client) const {
  const Session* session = find(client);
  if (session == nullptr) return {};
  return session->kind == Session::Kind::kWorker ? parts_.workers.job_of(client) : session->job;
}

std::string Clients::name_space_of(ClientId client) const {
  const Session* session = find(client);
  if (session == nullptr) return {};
  return session->kind == Session::Kind::kWorker ? parts_.workers.name_space_of(client)
                                                 : session->name_space;
}

void Clients::append_to(Snapshot& snapshot) const {
  for (const auto& [client, session] : sessions_)
    snapshot.clients.push_back(
        {client, job_of(client), session.name, parts_.tasks.unfinished_of(client)});
}

}  // namespace rayd::node
