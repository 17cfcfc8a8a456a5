#include "tests/sim/node.h"

#include "tests/sim/describe.h"
#include "tests/sim/repeats.h"
#include "tests/sim/world.h"

namespace rayd::sim {

Node::Node(World& world, NodeOptions options, BesideHead beside_head, Peers& peers)
    : world_(world), options_(std::move(options)), beside_head_(beside_head), peers_(peers) {
  NodeOptions told = options_;
  if (world_.is_broken(Break::kMoreThanThereIs)) told.total.cpu += kUnit;
  core_ = std::make_unique<node::NodeCore>(told);
}

// ---- the core -----------------------------------------------------------------------------------

// A batch begins with a tick: what expired comes before what was said.
void Node::input(NodeInput&& input) {
  if (!is_alive_) return;
  const auto due = core_->next_deadline();
  if (due && *due <= world_.now && !std::holds_alternative<Tick>(input)) on_core(Tick{});
  if (!is_alive_) return;
  if (const auto* revoked = std::get_if<SlotRevoked>(&input);
      revoked != nullptr && revoked->outcome == SlotRevoked::Outcome::kWon)
    find_worker(revoked->worker)->forget_unread(revoked->task, revoked->attempt);
  if (const auto* said = std::get_if<FromClient>(&input)) {
    const ClientMessage& message = said->message;
    if (std::holds_alternative<Submit>(message) || std::holds_alternative<CreateActor>(message) ||
        std::holds_alternative<CallActor>(message))
      world_.judge.on_accepted(said->client);
  }
  if (const auto* said = std::get_if<FromHead>(&input))
    if (const auto* changed = std::get_if<ActorChanged>(&said->message))
      world_.judge.on_told(id(), changed->info);
  if (auto* said = std::get_if<FromPeer>(&input))
    if (std::holds_alternative<ActorReply>(said->message)) return on_peer_reply(std::move(*said));
  on_core(std::move(input));
}

// P3 (i): one of an incarnation that is over for this node changes nothing.
void Node::on_peer_reply(FromPeer&& input) {
  const auto& reply = std::get<ActorReply>(input.message);
  const bool is_late = world_.judge.would_be_late(id(), reply);
  const ObjectId object = reply.task.object(1);
  const bool was_ready = core_->peek(object) != nullptr;
  const bool is_value = reply.error == nullptr && !reply.results.empty();
  on_core(std::move(input));
  if (!is_late || was_ready || !is_value || core_->peek(object) == nullptr) return;
  std::string what;
  say(what, "P3 i: ", id(), " hears an incarnation that is over: ", object);
  world_.violation(what);
}

void Node::on_core(NodeInput&& input) {
  std::string& line = world_.trace.begin(world_.now);
  say(line, id(), " ");
  describe(line, input);
  world_.trace.end();
  std::vector<NodeAction> actions;
  NodeContext context{world_.now, world_.random, actions};
  const bool is_tick = std::holds_alternative<Tick>(input);
  core_->on(context, std::move(input));
  if (const auto due = core_->next_deadline(); is_tick && due && *due <= world_.now)
    world_.violation("a tick leaves a deadline that has passed");
  world_.touch(id());
  perform(std::move(actions));
  schedule_tick();
}

void Node::schedule_tick() {
  if (!is_alive_) return;
  const auto due = core_->next_deadline();
  if (!due || (tick_at_ && *tick_at_ <= *due && *tick_at_ > world_.now)) return;
  tick_at_ = std::max(*due, world_.now + Duration::micros(1));
  world_.at(*tick_at_, [this, time = *tick_at_] {
    if (!is_alive_ || tick_at_ != time) return;
    tick_at_.reset();
    const auto still_due = core_->next_deadline();
    if (still_due && *still_due <= world_.now) return on_core(Tick{});
    schedule_tick();
  });
}

void Node::perform(std::vector<NodeAction>&& actions) {
  for (NodeAction& action : actions) {
    if (world_.crash && world_.crash->node == id() && world_.crash->actions-- == 0) {
      world_.crash.reset();
      world_.count("crash_between_actions");
      return crash();
    }
    std::string& line = world_.trace.begin(world_.now);
    say(line, id(), "   ");
    describe(line, action);
    world_.trace.end();
    std::visit([this](auto&& what) { perform(std::move(what)); }, std::move(action));
    if (!is_alive_) return;
  }
}

void Node::crash(Peers::End how) {
  if (!is_alive_) return;
  world_.trace.line(world_.now, id(), " CRASHES");
  world_.oracle.excuses.node_deaths = true;
  is_alive_ = false;
  for (const auto& [client_id, client] : world_.clients())
    if (&client->node() == this && client->is_alive()) {
      client->out.clear();
      client->die();
    }
  peers_.end(how);
  world_.close_flights(id());
}

// ---- clients ------------------------------------------------------------------------------------

Worker* Node::find_worker(ClientId worker) {
  return static_cast<Worker*>(world_.find_client(worker));
}

void Node::schedule_drain(Client& client) {
  if (client.is_draining || !is_alive_) return;
  client.is_draining = true;
  world_.after(world_.short_delay(),
               [this, client_id = client.id()] { drain(client_id, 1 + world_.random.below(8)); });
}

void Node::drain(ClientId client_id, uint64_t limit) {
  Client* client = world_.find_client(client_id);
  client->is_draining = false;
  for (; is_alive_ && limit > 0 && !client->out.empty(); --limit) {
    ClientMessage message = std::move(client->out.front());
    client->out.pop_front();
    has_resumed_ = has_resumed_ || std::holds_alternative<Unblocked>(message);
    std::optional<ClientMessage> again;
    if (repeat_of(message) != Repeat::kNever && world_.repeats_now()) again = message;
    input(FromClient{client_id, std::move(message)});
    if (again) input(FromClient{client_id, std::move(*again)});
  }
  if (!client->out.empty()) schedule_drain(*client);
}

void Node::reap(Client& client, const std::string& cause) {
  if (!is_alive_) return;
  drain(client.id(), client.out.size());
  if (!is_alive_) return;
  for (int times = world_.repeats_now() ? 2 : 1; times > 0; --times) {
    if (client.is_worker())
      input(WorkerDied{client.id(), cause, static_cast<Worker&>(client).claimed()});
    else
      input(ClientGone{client.id()});
  }
}

// ---- actions ------------------------------------------------------------------------------------

// An answer to an action comes with a later batch.
void Node::later(NodeInput&& input) {
  auto shared = std::make_shared<NodeInput>(std::move(input));
  world_.after(world_.short_delay(), [this, shared] { this->input(std::move(*shared)); });
}

void Node::perform(ToClient&& action) {
  if (Client* client = world_.find_client(action.client)) client->answer(std::move(action.message));
}

void Node::perform(ToWorker&& action) { find_worker(action.worker)->push(std::move(action.run)); }

void Node::perform(ToPeer&& action) {
  if (action.node == id()) world_.violation("a node sends to itself over a session");
  world_.send(id(), action.node, std::move(action.message));
}

void Node::perform(ToHead&& action) { world_.send(id(), kHeadNode, std::move(action.message)); }

void Node::perform(StartWorker&& action) {
  if (world_.random.chance(world_.start_failures, 100)) {
    world_.count("worker_start_failure");
    world_.oracle.excuses.start_failures = true;
    return later(WorkerStartFailed{action.worker, "no memory"});
  }
  Worker& worker = world_.add_worker(*this, action.worker);
  world_.after(world_.long_delay(), [this, &worker] {
    if (!worker.is_alive()) return;
    input(WorkerStarted{worker.id(), 1});
    if (worker.is_alive() && world_.repeats_now()) input(WorkerStarted{worker.id(), 1});
  });
}

void Node::perform(StopWorker&& action) {
  Worker* worker = find_worker(action.worker);
  if (worker == nullptr || !worker->is_alive()) return;
  if (action.how == StopWorker::How::kKill)
    world_.kill_worker(*worker, "signal 9");
  else
    worker->stop_gracefully();
}

void Node::perform(RevokeSlot&& action) {
  const auto outcome = find_worker(action.worker)->revoke(action.task, action.attempt);
  later(SlotRevoked{action.worker, action.task, action.attempt, outcome});
}

void Node::perform(SetCancelWord&& action) {
  find_worker(action.worker)->set_cancel_word(action.task, action.attempt);
}

void Node::perform(PullObject&& action) {
  world_.after(world_.long_delay(), [this, action] { finish_pull(action); });
}

// The bytes are read where they are at the end of the transfer: what is gone by then has failed.
void Node::finish_pull(const PullObject& pull) {
  if (!is_alive_) return world_.count("death_during_pull");
  Node* source = world_.find_node(pull.from);
  if (source != nullptr && !source->is_alive()) world_.count("death_during_pull");
  std::optional<uint64_t> token;
  const auto is_cut = [&](Machine from, Machine to) { return world_.network.is_cut(from, to); };
  if (source != nullptr && source->is_alive() && !is_cut(source->machine(), machine()) &&
      !is_cut(machine(), source->machine()))
    if (const auto extent = source->core().copy_here(pull.object))
      token = source->store().read(*extent);
  const bool fails = world_.random.chance(world_.pull_failures, 100);
  if (fails) world_.count("pull_failure");
  if (!token || fails) return input(PullFailed{pull.object, pull.from, "no copy there"});
  world_.count("pull");
  const Value* value = source->core().peek(pull.object);
  if (value != nullptr && !value->contains.empty()) world_.count("pull_with_references");
  store_.write(pull.room, *token);
  input(Pulled{pull.object, pull.room});
}

void Node::perform(ClientReady&& action) {
  if (Client* client = world_.find_client(action.client)) client->admit();
}

void Node::perform(PublishFinished&& action) {
  if (world_.is_broken(Break::kFinishedTwice)) action.finished += action.finished / 2;
  world_.judge.on_finished(action);
}

void Node::perform(FreeExtent&& action) { store_.punch(action.extent); }

// "Dead" makes a daemon end its workers and join as a new ordinal.
void Node::perform(Event&& action) {
  if (action.name == "lease_over" || action.name == "lease_renewed")
    world_.count(action.name.c_str());
  if (action.name != "declared_dead") return;
  world_.count("declared_dead_alive");
  world_.begin_anew(id());
}

}  // namespace rayd::sim
