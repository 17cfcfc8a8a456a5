#include "daemon/node/node_core.h"

#include "daemon/node/node_state.h"

namespace rayd::node {

NodeView view_of(const NodeOptions& options) {
  NodeView view;
  view.node = options.node;
  view.name = options.name;
  view.address = options.address;
  view.identity = options.identity;
  view.labels = options.labels;
  view.labels[kNodeNameLabel] = options.name;
  view.labels[kNodeIdLabel] = to_string(options.node);
  view.total = options.total;
  return view;
}

Announce first_words(const NodeOptions& options) {
  Announce announce;
  announce.view = view_of(options);
  return announce;
}

NodeCore::NodeCore(NodeOptions options)
    : state_(std::make_unique<State>(std::move(options), *this)) {}
NodeCore::~NodeCore() = default;

// One input, then what it made this node tell itself, until nothing is left: a message to oneself
// is handled like one from a peer, only sooner.
void NodeCore::on(NodeContext& context, NodeInput&& input) {
  State& state = *state_;
  std::visit([&](auto&& message) { state.on(context, std::move(message)); }, std::move(input));
  state.work(context);
  state.assignments.relieve_limit(context);
  state.work(context);
  state.send_view(context);
}

void NodeCore::State::work(NodeContext& context) {
  for (;;) {
    if (objects.has_work()) {
      objects.work(context);
    } else if (!own_messages.empty()) {
      PeerMessage message = std::move(own_messages.front());
      own_messages.pop_front();
      dispatch(context, options.node, std::move(message));
    } else if (auto waiting = clients.take_waiting()) {
      dispatch(context, waiting->client, std::move(waiting->message));
    } else if (auto thawed = actor_host.take_thawed()) {
      dispatch(context, thawed->client, std::move(thawed->message));
    } else {
      store.work(context);
      if (!objects.has_work() && own_messages.empty()) return;
    }
  }
}

void NodeCore::send(NodeContext& context, NodeId to, PeerMessage&& message) {
  if (to == state_->options.node)
    state_->own_messages.push_back(std::move(message));
  else if (to == kHeadNode)
    context.out.emplace_back(ToHead{std::move(message)});
  else if (!state_->objects.is_dead(to))
    context.out.emplace_back(ToPeer{to, std::move(message)});
}

std::optional<Time> NodeCore::next_deadline() const {
  const State& state = *state_;
  std::optional<Time> next = state.view_due;
  for (const std::optional<Time> due :
       {state.objects.next_deadline(), state.store.next_deadline(), state.tasks.next_deadline(),
        state.assignments.next_deadline(), state.workers.next_deadline(),
        state.actor_host.next_deadline()})
    if (due && (!next || *due < *next)) next = due;
  return next;
}

std::optional<Extent> NodeCore::copy_here(ObjectId object) const {
  return state_->objects.copy_here(object);
}

const Value* NodeCore::peek(ObjectId object) const { return state_->objects.peek(object); }

Snapshot NodeCore::snapshot() const {
  const State& state = *state_;
  Snapshot snapshot;
  snapshot.node = state.options.node;
  snapshot.epoch = state.epoch;
  state.objects.append_to(snapshot);
  state.tasks.append_to(snapshot);
  state.assignments.append_to(snapshot);
  state.workers.append_to(snapshot);
  state.actor_calls.append_to(snapshot);
  state.actor_host.append_to(snapshot);
  state.clients.append_to(snapshot);
  state.bundles.append_to(snapshot);
  snapshot.store_used_bytes = state.store.used_bytes();
  snapshot.store_capacity_bytes = state.options.store_capacity_bytes;
  return snapshot;
}

// ---- inputs -------------------------------------------------------------------------------------

void NodeCore::State::on(NodeContext& context, Tick&&) {
  objects.on_tick(context);
  store.on_tick(context);
  tasks.on_tick(context);
  assignments.on_tick(context);
  workers.on_tick(context);
  actor_host.on_tick(context);
}

void NodeCore::State::on(NodeContext& context, FromClient&& input) {
  if (actor_host.keep_if_frozen(input.client, input.message)) return;
  if (clients.admit(context, input.client, input.message) == Clients::Admission::kNow)
    dispatch(context, input.client, std::move(input.message));
}

void NodeCore::State::on(NodeContext& context, FromPeer&& input) {
  if (objects.is_dead(input.node)) return;  // that session is closed
  dispatch(context, input.node, std::move(input.message));
}

void NodeCore::State::on(NodeContext& context, ClientConnected&& input) {
  clients.on_connected(context, input);
}

void NodeCore::State::on(NodeContext& context, ClientGone&& input) {
  if (workers.is_worker(input.client)) return;  // WorkerDied says it
  end_client(context, input.client);
}

// What a client leaves behind. Its unfinished calls come first, for they hold what it held.
void NodeCore::State::end_client(NodeContext& context, ClientId client) {
  auto cause = make_error(ErrorCode::kCancelled, to_string(client) + ", which called it, is gone");
  cause->node = options.node;
  tasks.on_client_gone(context, client, cause);
  actor_calls.on_client_gone(context, client);
  objects.on_client_gone(context, client);
  store.on_client_gone(context, client);
  groups.on_client_gone(client);
  clients.on_gone(context, client);
}

void NodeCore::State::on(NodeContext& context, WorkerStarted&& input) {
  workers.on_started(context, input);
}
void NodeCore::State::on(NodeContext& context, WorkerStartFailed&& input) {
  workers.on_start_failed(context, input);
}
void NodeCore::State::on(NodeContext& context, WorkerDied&& input) {
  workers.on_died(context, input);
  end_client(context, input.worker);
}
void NodeCore::State::on(NodeContext& context, SlotRevoked&& input) {
  if (!actor_host.on_slot_revoked(context, input)) assignments.on_slot_revoked(context, input);
}
void NodeCore::State::on(NodeContext& context, Pulled&& input) {
  objects.on_pulled(context, input);
}
void NodeCore::State::on(NodeContext& context, PullFailed&& input) {
  objects.on_pull_failed(context, input);
}

}  // namespace rayd::node
