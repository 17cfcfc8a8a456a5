#include "tests/unit/daemon/actor_fixture.h"

#include <algorithm>
#include <stdexcept>

namespace rayd::node::test {

std::string text_of(const Value& value) {
  if (value.kind != Value::Kind::kError) return std::string{value.bytes.text()};
  switch (value.error->code) {
    case ErrorCode::kActorDied: return "actor died";
    case ErrorCode::kCancelled: return "cancelled";
    case ErrorCode::kTaskThrew: return "threw";
    case ErrorCode::kAlreadyExists: return "already exists";
    case ErrorCode::kObjectLost: return "lost";
    default: return "error " + std::to_string(static_cast<int>(value.error->code));
  }
}

ActorCluster::ActorCluster(Config config) : Cluster(config), head_(HeadOptions{}) {
  std::vector<HeadAction> out;
  HeadContext context{now_, head_random_, out};
  head_.begin_epoch(context);
  for (const HeadAction& action : out)
    if (const auto* append = std::get_if<Append>(&action.what)) committed_ = append->number;
  to_head(Committed{committed_});
  is_real_ = true;
  for (const auto& [id, view] : std::map<uint32_t, NodeView>{views_}) {
    NodeJoins joins;
    joins.announce.view = view;
    to_head(joins);
    Announce announce;
    announce.epoch = 1;
    announce.view = view;
    to_head(FromNode{NodeId{id}, announce});
  }
  settle();
}

// ---- the head -----------------------------------------------------------------------------------

void ActorCluster::on_head(Node& node, NodeToHead&& message) {
  if (!is_real_) return Cluster::on_head(node, std::move(message));
  const uint32_t id = node.id.value;
  if (parted_.contains(id)) {
    held_to_head_.emplace_back(id, std::move(message));
    return;
  }
  if (const auto* driver = std::get_if<DriverConnected>(&message)) {
    to_head(FromNode{node.id, message});
    for (const JobRow& row : head_.snapshot().jobs)
      if (row.driver == driver->client) jobs_[driver->client] = row.job;
    return;
  }
  to_head(FromNode{node.id, std::move(message)});
}

void ActorCluster::to_head(HeadInput input) {
  std::vector<HeadAction> out;
  HeadContext context{now_, head_random_, out};
  head_.on(context, std::move(input));
  uint64_t appended = committed_;
  for (HeadAction& action : out) {
    if (const auto* append = std::get_if<Append>(&action.what)) appended = append->number;
    auto* to = std::get_if<ToNode>(&action.what);
    if (to == nullptr) continue;
    Pending message{to->node.value, FromHead{std::move(to->message)}};
    (parted_.contains(to->node.value) ? held_from_head_ : pending_).push_back(std::move(message));
  }
  if (appended == committed_) return;
  committed_ = appended;
  to_head(Committed{committed_});
}

void ActorCluster::join_head(uint32_t node) {
  parted_.erase(node);
  auto to_head_now = std::exchange(held_to_head_, {});
  auto from_head_now = std::exchange(held_from_head_, {});
  for (auto& [id, message] : to_head_now) to_head(FromNode{NodeId{id}, std::move(message)});
  for (Pending& message : from_head_now) pending_.push_back(std::move(message));
  settle();
}

void ActorCluster::on_time() { to_head(HeadTick{}); }
std::optional<Time> ActorCluster::other_deadline() const {
  return is_real_ ? head_.next_deadline() : std::nullopt;
}

ActorInfo ActorCluster::info(ActorId actor) const {
  for (const ActorRow& row : head_.snapshot().actors)
    if (row.info.actor == actor) return row.info;
  return {};
}

void ActorCluster::lose_node(uint32_t node) {
  nodes_.erase(node);
  advance(Duration::seconds(5));
}

// ---- callers ------------------------------------------------------------------------------------

uint32_t ActorCluster::template_of(ClientId client, const CallTemplate& call) {
  auto& known = templates_[client];
  const auto it = std::find_if(known.begin(), known.end(),
                               [&](const auto& entry) { return entry.first == call; });
  if (it != known.end()) return it->second;
  return known.emplace_back(call, define(client, call)).second;
}

ActorId ActorCluster::create(ClientId client, const ActorOptions& options, std::vector<Arg> args) {
  CallTemplate creation = call_of("Counter", 0);
  creation.kind = CallTemplate::Kind::kActorCreation;
  creation.actor = options;
  const uint32_t id = template_of(client, creation);
  const TaskId task = TaskId::make(client, ++next_seq_[client]);
  say(client, CreateActor{task, id, std::move(args)});
  return ActorId::of(task);
}

TaskId ActorCluster::call(ClientId client, ActorId actor, std::vector<Arg> args) {
  CallTemplate method = call_of("Add", 0);
  method.kind = CallTemplate::Kind::kActorCall;
  method.max_retries = 0;
  const uint32_t id = template_of(client, method);
  const TaskId task = TaskId::make(client, ++next_seq_[client]);
  say(client, CallActor{task, actor, id, std::move(args)});
  return task;
}

void ActorCluster::kill(ClientId client, ActorId actor, KillActor::NoRestart no_restart) {
  say(client, KillActor{actor, no_restart});
}

void ActorCluster::cancel(ClientId client, TaskId task) {
  say(client, Cancel{task, Cancel::Force::kNo, Cancel::Recursive::kYes});
}

ActorId ActorCluster::find(ClientId client, const std::string& name) {
  found_[client].clear();
  say(client, GetActor{1, name, ""});
  return found_[client].empty() ? ActorId{} : found_[client].back().actor;
}

void ActorCluster::drop_handle(ClientId client, ActorId actor, uint32_t count) {
  release(client, handle(actor), count);
}

std::string ActorCluster::result(TaskId task) {
  const ClientId client = task.client();
  want(client, task.object(1));
  const Value* value = answer(client, task.object(1));
  return value == nullptr ? "pending" : text_of(*value);
}

ErrorRef ActorCluster::failure(TaskId task) {
  result(task);
  const Value* value = answer(task.client(), task.object(1));
  return value == nullptr ? nullptr : value->error;
}

std::string ActorCluster::refusal(ClientId client) const {
  const auto it = refused_.find(client);
  return it == refused_.end() ? "" : it->second;
}

// ---- workers ------------------------------------------------------------------------------------

FakeWorker* ActorCluster::home(ActorId actor) {
  for (const auto& [id, node] : nodes_)
    for (const ActorSnapshot& hosted : node->core->snapshot().actors)
      if (hosted.actor == actor && node->workers.contains(hosted.worker))
        return &node->workers.at(hosted.worker);
  return nullptr;
}

FakeWorker& ActorCluster::construct(ActorId actor) {
  FakeWorker* worker = home(actor);
  if (worker == nullptr || claim(*worker) == nullptr)
    throw std::runtime_error("there is nothing to construct");
  Cluster::done(*worker);
  return *home(actor);
}

void ActorCluster::fail_construction(ActorId actor) {
  FakeWorker& worker = *home(actor);
  claim(worker);
  threw(worker);
}

TaskId ActorCluster::serve_one(ActorId actor, const std::string& text) {
  FakeWorker* worker = home(actor);
  if (worker == nullptr) return {};
  const Run* run = claim(*worker);
  if (run == nullptr) return {};
  const TaskId task = run->task;
  Cluster::done(*worker, text);
  return task;
}

std::vector<TaskId> ActorCluster::serve(ActorId actor) {
  std::vector<TaskId> served;
  for (TaskId task = serve_one(actor); !task.is_nil(); task = serve_one(actor))
    served.push_back(task);
  return served;
}

void ActorCluster::done(FakeWorker& worker, TaskId task, const std::string& text) {
  const auto it = std::find_if(worker.running.begin(), worker.running.end(),
                               [&](const Run& run) { return run.task == task; });
  std::rotate(worker.running.begin(), it, it + 1);
  Cluster::done(worker, text);
}

void ActorCluster::exit_in(FakeWorker& worker) {
  const ClientId id = worker.id;
  const Run run = std::move(worker.running.front());
  worker.running.pop_front();
  Done message{run.task, run.attempt, {by_value("bye").value}, nullptr, Done::ActorExits::kYes};
  say(id, std::move(message));
  if (nodes_.at(id.node)->workers.contains(id)) die(this->worker(id), "exit status 0");
}

bool ActorCluster::is_clean(uint32_t node) const {
  const Snapshot snapshot = this->snapshot(node);
  return snapshot.objects.empty() && snapshot.tasks.empty();
}

}  // namespace rayd::node::test
