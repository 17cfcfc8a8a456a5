#include "tests/unit/daemon/node_fixture.h"

#include <algorithm>

#include "common/base/check.h"
#include "daemon/node/workers_record.h"

namespace rayd::node::test {

Cluster::Cluster(Config config) : starts_(config.starts) {
  for (uint32_t id = 1; id <= config.nodes; ++id) {
    NodeOptions options;
    options.node = NodeId{id};
    options.name = "n" + std::to_string(id);
    options.total.cpu = config.cpus * kUnit;
    if (id == config.nodes) options.total.gpu = config.gpus_of_last * kUnit;
    options.max_workers = config.max_workers;
    options.store_capacity_bytes = 64 << 20;
    options.store_virtual_bytes = 128 << 20;
    auto node = std::make_unique<Node>();
    node->id = options.node;
    node->core = std::make_unique<NodeCore>(options);
    nodes_[id] = std::move(node);
  }
  for (uint32_t id = 1; id <= config.nodes; ++id) input(id, FromHead{Welcome{1, NodeId{id}, 0}});
  settle();
  if (config.nodes > 1) share_views();
}

Cluster::~Cluster() = default;

// ---- the machine --------------------------------------------------------------------------------

void Cluster::input(uint32_t node, NodeInput input) {
  pending_.push_back({node, std::move(input)});
  settle();
}

void Cluster::settle() {
  if (is_settling_) return;
  is_settling_ = true;
  while (!pending_.empty()) {
    Pending next = std::move(pending_.front());
    pending_.pop_front();
    if (!nodes_.contains(next.node)) continue;
    Node& node = *nodes_[next.node];
    std::vector<NodeAction> out;
    NodeContext context{now_, random_, out};
    node.core->on(context, std::move(next.input));
    last_actions = out;
    for (NodeAction& action : out) perform(node, std::move(action));
    if (++inputs_ < 2000) check_resources();  // a snapshot each: not for large stories
  }
  is_settling_ = false;
}

void Cluster::perform(Node& node, NodeAction&& action) {
  const uint32_t id = node.id.value;
  if (auto* start = std::get_if<StartWorker>(&action)) {
    FakeWorker& worker = node.workers[start->worker];
    worker.id = start->worker;
    worker.image = start->image;
    if (starts_ == Starts::kAtOnce) started(worker);
  } else if (auto* run = std::get_if<ToWorker>(&action)) {
    RAY_CHECK(node.workers.at(run->worker).is_started);
    node.workers.at(run->worker).queued.push_back(std::move(run->run));
  } else if (auto* revoked = std::get_if<RevokeSlot>(&action)) {
    revoke(node, *revoked);
  } else if (auto* word = std::get_if<SetCancelWord>(&action)) {
    for (const Run& running : node.workers.at(word->worker).running)
      if (running.task == word->task && running.attempt == word->attempt)
        node.workers.at(word->worker).is_cancelled = true;
  } else if (auto* stop = std::get_if<StopWorker>(&action)) {
    FakeWorker& worker = node.workers.at(stop->worker);
    const bool is_kill = stop->how == StopWorker::How::kKill;
    worker.is_stopping = true;
    if (is_kill || worker.running.empty()) die(worker, is_kill ? "signal 9 (Killed)" : "exit 0");
  } else if (auto* answer = std::get_if<ToClient>(&action)) {
    if (auto* ready = std::get_if<Ready>(&answer->message))
      answers_[answer->client][ready->object] = ready->value;
    if (auto* arena = std::get_if<ArenaGranted>(&answer->message))
      arenas_[answer->client] = arena->arena;
    if (auto* found = std::get_if<ActorFound>(&answer->message))
      found_[answer->client].push_back(*found);
    if (auto* reply = std::get_if<GroupReply>(&answer->message))
      group_replies[answer->client].push_back(std::move(*reply));
    if (auto* refused = std::get_if<SessionError>(&answer->message))
      refused_[answer->client] = refused->message;
  } else if (auto* pull = std::get_if<PullObject>(&action)) {
    const bool is_there = nodes_.contains(pull->from.value) &&
                          nodes_.at(pull->from.value)->core->copy_here(pull->object).has_value();
    NodeInput answer = PullFailed{pull->object, pull->from, "it is not there"};
    if (is_there) answer = Pulled{pull->object, pull->room};
    pending_.push_back({id, std::move(answer)});
  } else if (auto* peer = std::get_if<ToPeer>(&action)) {
    Pending message{peer->node.value, FromPeer{node.id, std::move(peer->message)}};
    const bool is_cut = disconnected_.contains(peer->node.value) || disconnected_.contains(id);
    (is_cut ? unreachable_ : pending_).push_back(std::move(message));
  } else if (auto* head = std::get_if<ToHead>(&action)) {
    on_head(node, std::move(head->message));
  } else if (auto* publish = std::get_if<PublishFinished>(&action)) {
    node.finished[publish->client] = publish->finished;
  }
}

void Cluster::revoke(Node& node, const RevokeSlot& action) {
  FakeWorker& worker = node.workers.at(action.worker);
  SlotRevoked answer{action.worker, action.task, action.attempt,
                     SlotRevoked::Outcome::kAlreadyStarted};
  const auto it = std::find_if(worker.queued.begin(), worker.queued.end(), [&](const Run& run) {
    return run.task == action.task && run.attempt == action.attempt;
  });
  if (it != worker.queued.end()) {
    worker.queued.erase(it);
    answer.outcome = SlotRevoked::Outcome::kWon;
  }
  (are_revokes_held_ ? held_ : pending_).push_back({node.id.value, answer});
}

void Cluster::on_head(Node& node, NodeToHead&& message) {
  if (auto* announce = std::get_if<Announce>(&message)) {
    views_[node.id.value] = announce->view;
  } else if (auto* view = std::get_if<ViewChanged>(&message)) {
    views_[node.id.value] = view->view;
  } else if (auto* driver = std::get_if<DriverConnected>(&message)) {
    OperationReply reply;
    reply.operation = driver->operation;
    reply.job = JobId{next_job_++};
    jobs_[driver->client] = reply.job;
    pending_.push_back({node.id.value, FromHead{reply}});
  }
}

void Cluster::release_revokes() {
  are_revokes_held_ = false;
  pending_.insert(pending_.end(), std::make_move_iterator(held_.begin()),
                  std::make_move_iterator(held_.end()));
  held_.clear();
  settle();
}

void Cluster::reconnect(uint32_t node) {
  disconnected_.erase(node);
  pending_.insert(pending_.end(), std::make_move_iterator(unreachable_.begin()),
                  std::make_move_iterator(unreachable_.end()));
  unreachable_.clear();
  settle();
}

void Cluster::advance(Duration duration) {
  const Time until = now_ + duration;
  while (true) {
    std::optional<Time> next = other_deadline();
    if (next && *next > until) next.reset();
    uint32_t due = 0;
    for (const auto& [id, node] : nodes_) {
      const auto deadline = node->core->next_deadline();
      if (!deadline || *deadline > until || (next && *next <= *deadline)) continue;
      next = deadline;
      due = id;
    }
    if (!next) break;
    now_ = std::max(now_, *next);
    if (due == 0) {
      on_time();
      settle();
      continue;
    }
    input(due, Tick{});
    if (!nodes_.contains(due)) continue;
    if (const auto again = nodes_[due]->core->next_deadline(); again && *again <= now_)
      now_ = now_ + Duration{1};  // a deadline that does not move would never let time pass
  }
  now_ = std::max(now_, until);
}

void Cluster::share_views() {
  advance(Duration::millis(200));
  for (const auto& [id, node] : nodes_) {
    Views views;
    for (const auto& [other, view] : views_) views.changed.push_back(view);
    input(id, FromHead{views});
  }
}

void Cluster::node_state(uint32_t node, NodeState state) {
  if (state == NodeState::kDead) {
    nodes_.erase(node);
    views_.erase(node);
    std::erase_if(unreachable_, [&](const Pending& p) { return p.node == node; });
  }
  std::vector<uint32_t> ids;
  for (const auto& [id, other] : nodes_) ids.push_back(id);
  for (const uint32_t id : ids) input(id, FromHead{NodeStateChanged{NodeId{node}, state, 1}});
}

void Cluster::job_ended(JobId job) {
  std::vector<uint32_t> ids;
  for (const auto& [id, other] : nodes_) ids.push_back(id);
  for (const uint32_t id : ids) input(id, FromHead{JobEnded{job}});
}

Snapshot Cluster::snapshot(uint32_t node) const { return nodes_.at(node)->core->snapshot(); }

const TaskSnapshot* Cluster::task(TaskId task) const {
  last_snapshot_ = snapshot(task.node().value);
  for (const TaskSnapshot& entry : last_snapshot_.tasks)
    if (entry.task == task) return &entry;
  return nullptr;
}

uint64_t Cluster::finished(ClientId client) const {
  const auto& finished = nodes_.at(client.node)->finished;
  const auto it = finished.find(client);
  return it == finished.end() ? 0 : it->second;
}

void Cluster::check_resources() const {
  if (allows_overcommit) return;
  for (const auto& [id, node] : nodes_) {
    const NodeView view = node->core->snapshot().view;
    RAY_CHECK(view.used.cpu - view.lent.cpu <= view.total.cpu);
    RAY_CHECK(view.used.gpu <= view.total.gpu);
  }
}

// ---- drivers ------------------------------------------------------------------------------------

ClientId Cluster::connect(uint32_t node) {
  const ClientId client{node, next_driver_};
  next_driver_ += 2;
  ClientConnected message;
  message.client = client;
  message.name = "driver";
  input(node, message);
  return client;
}

uint32_t Cluster::define(ClientId client, CallTemplate call) {
  const uint32_t id = next_template_[client]++;
  say(client, DefineTemplate{id, std::move(call)});
  return id;
}

TaskId Cluster::submit(ClientId client, uint32_t call, std::vector<Arg> args) {
  const TaskId task = TaskId::make(client, ++next_seq_[client]);
  say(client, Submit{task, call, std::move(args)});
  return task;
}

ObjectId Cluster::put(ClientId client, std::vector<ObjectId> contains) {
  const ObjectId object = TaskId::make(client, ++next_seq_[client]).object(0);
  Value value;
  value.kind = Value::Kind::kInline;
  value.bytes = Bytes::copy(std::string_view{"put"});
  value.contains = std::move(contains);
  say(client, Put{object, std::move(value)});
  return object;
}

void Cluster::say(ClientId client, ClientMessage message) {
  input(client.node, FromClient{client, std::move(message)});
}

void Cluster::release(ClientId client, ObjectId object, uint32_t count) {
  say(client, Release{{{object, count}}});
}

void Cluster::want(ClientId client, ObjectId object) { say(client, Want{{object}}); }

const Value* Cluster::answer(ClientId client, ObjectId object) const {
  const auto answers = answers_.find(client);
  if (answers == answers_.end()) return nullptr;
  const auto it = answers->second.find(object);
  return it == answers->second.end() ? nullptr : &it->second;
}

ErrorCode Cluster::error(ClientId client, ObjectId object) const {
  const Value* value = answer(client, object);
  return value == nullptr || value->error == nullptr ? ErrorCode::kOk : value->error->code;
}

void Cluster::leave(ClientId client) { input(client.node, ClientGone{client}); }

// ---- workers ------------------------------------------------------------------------------------

std::vector<FakeWorker*> Cluster::workers(uint32_t node) {
  std::vector<FakeWorker*> workers;
  for (auto& [id, worker] : nodes_.at(node)->workers) workers.push_back(&worker);
  return workers;
}

FakeWorker& Cluster::worker(ClientId id) { return nodes_.at(id.node)->workers.at(id); }

void Cluster::started(FakeWorker& worker) {
  worker.is_started = true;
  input(worker.id.node, WorkerStarted{worker.id, static_cast<int32_t>(worker.id.serial)});
}

void Cluster::start_failed(FakeWorker& worker, std::string reason) {
  const ClientId id = worker.id;
  nodes_.at(id.node)->workers.erase(id);
  input(id.node, WorkerStartFailed{id, std::move(reason)});
}

const Run* Cluster::claim(FakeWorker& worker) {
  if (worker.queued.empty()) return nullptr;
  worker.running.push_back(std::move(worker.queued.front()));
  worker.queued.pop_front();
  worker.is_cancelled = false;
  return &worker.running.back();
}

FakeWorker* Cluster::claim(TaskId task) {
  for (auto& [id, node] : nodes_) {
    for (auto& [client, worker] : node->workers) {
      if (worker.queued.empty() || worker.queued.front().task != task) continue;
      claim(worker);
      return &worker;
    }
  }
  return nullptr;
}

FakeWorker* Cluster::runner_of(TaskId task) {
  for (auto& [id, node] : nodes_)
    for (auto& [client, worker] : node->workers)
      for (const Run& run : worker.running)
        if (run.task == task) return &worker;
  return nullptr;
}

namespace {

Value inline_value(const std::string& text, std::vector<ObjectId> contains) {
  Value value;
  value.kind = Value::Kind::kInline;
  value.bytes = Bytes::copy(std::string_view{text});
  value.size = text.size();
  value.contains = std::move(contains);
  return value;
}

}  // namespace

void Cluster::done(FakeWorker& worker, std::string text, std::vector<ObjectId> contains) {
  const Run run = std::move(worker.running.front());
  worker.running.pop_front();
  Done message{run.task, run.attempt, {}, nullptr, Done::ActorExits::kNo};
  const bool is_creation = run.call->kind == CallTemplate::Kind::kActorCreation;
  for (uint32_t i = 0; i < run.call->return_count && !is_creation; ++i)
    message.results.push_back(inline_value(text, contains));
  // As the client's runtime does: what the arguments brought is given back after the end.
  Release unread;
  for (const Value& arg : run.args)
    for (const ObjectId object : arg.contains) unread.objects.push_back({object, 1});
  const ClientId id = worker.id;
  const bool is_stopping = worker.is_stopping && worker.running.empty();
  say(id, std::move(message));
  if (!unread.objects.empty()) say(id, std::move(unread));
  if (is_stopping) die(this->worker(id), "exit 0");
}

Extent Cluster::grant_arena(ClientId client, uint64_t bytes) {
  say(client, RequestArena{1, bytes, RequestArena::Kind::kExtent});
  return arenas_.at(client);
}

void Cluster::done_stored(FakeWorker& worker, uint64_t bytes) {
  const ClientId id = worker.id;
  const Extent room = grant_arena(id, bytes);
  const Run run = std::move(worker.running.front());
  worker.running.pop_front();
  Value value;
  value.kind = Value::Kind::kStored;
  value.size = bytes - 64;
  value.extent = room;
  value.extent.length = bytes;
  say(id, Done{run.task, run.attempt, {value}, nullptr, Done::ActorExits::kNo});
}

void Cluster::threw(FakeWorker& worker) {
  const Run run = std::move(worker.running.front());
  worker.running.pop_front();
  auto error = std::make_shared<ErrorInfo>();
  error->code = ErrorCode::kTaskThrew;
  error->remote_type = "std::runtime_error";
  error->message = "no";
  say(worker.id, Done{run.task, run.attempt, {}, error, Done::ActorExits::kNo});
}

void Cluster::die(FakeWorker& worker, std::string cause) {
  WorkerDied message{worker.id, std::move(cause), {}};
  for (const Run& run : worker.running) message.claimed.push_back({run.task, run.attempt});
  const ClientId id = worker.id;
  nodes_.at(id.node)->workers.erase(id);
  std::erase_if(held_, [&](const Pending& pending) {
    const auto* revoked = std::get_if<SlotRevoked>(&pending.input);
    return revoked != nullptr && revoked->worker == id;
  });
  input(id.node, std::move(message));
}

void Cluster::run_all() {
  for (bool progress = true; progress;) {
    progress = false;
    for (auto& [id, node] : nodes_) {
      std::vector<ClientId> ids;
      for (const auto& [client, worker] : node->workers) ids.push_back(client);
      for (const ClientId client : ids) {
        if (!node->workers.contains(client)) continue;
        FakeWorker& worker = node->workers.at(client);
        if (worker.running.empty() && claim(worker) == nullptr) continue;
        done(worker);
        progress = true;
      }
    }
  }
}

size_t Cluster::total_queued() const {
  size_t total = 0;
  for (const auto& [id, node] : nodes_)
    for (const auto& [client, worker] : node->workers) total += worker.queued.size();
  return total;
}

// ---- values -------------------------------------------------------------------------------------

CallTemplate call_of(std::string name, int64_t cpus, uint8_t image) {
  CallTemplate call;
  call.function.name = std::move(name);
  call.function.image.bytes[0] = image;
  call.demand.cpu = cpus * kUnit;
  return call;
}

Arg by_reference(ObjectId object) {
  Arg arg;
  arg.reference = object;
  return arg;
}

Arg by_value(std::string text, std::vector<ObjectId> contains) {
  Arg arg;
  arg.value = inline_value(text, std::move(contains));
  return arg;
}

}  // namespace rayd::node::test
