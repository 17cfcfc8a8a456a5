#include "daemon/head/head_core.h"

#include <algorithm>

#include "daemon/head/actors.h"
#include "daemon/head/groups.h"
#include "daemon/head/jobs.h"
#include "daemon/head/nodes.h"

namespace rayd::head {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

}  // namespace

struct HeadCore::State {
  explicit State(HeadOptions the_options) : options(the_options) {}

  void on(HeadContext& context, HeadTick&&);
  void on(HeadContext& context, NodeConnected&& input) { nodes.on_connected(context, input); }
  void on(HeadContext& context, NodeDisconnected&& input) {
    nodes.on_disconnected(context, input.node);
  }
  void on(HeadContext& context, FromNode&& input);
  void on(HeadContext& context, NodeJoins&& input) { nodes.on_joins(context, input); }
  void on(HeadContext&, Committed&& input) { outbox.on_committed(input.number); }
  void on(HeadContext& context, SubmitJob&& input) { jobs.on_submit(context, std::move(input)); }
  void on(HeadContext& context, CancelJob&& input) { jobs.on_cancel(context, input); }
  void on(HeadContext& context, PutModule&& input);
  void on(HeadContext& context, RemoveModule&& input);
  void on(HeadContext& context, PutToken&& input);
  void on(HeadContext& context, RevokeToken&& input);
  void on(HeadContext& context, ResultFetched&& input) {
    jobs.on_result_fetched(context, std::move(input));
  }

  void dispatch(HeadContext& context, NodeId from, NodeToHead&& message);
  void dispatch(HeadContext& context, NodeId from, PeerMessage&& message);
  void on_room(HeadContext& context) {
    groups.place_waiting(context);
    actors.place_waiting(context);
    jobs.place_waiting(context);
  }

  const HeadOptions options;
  MembershipRow membership;
  Outbox outbox;
  std::map<std::string, ModuleRow> modules;
  TokenTable tokens;
  HeadParts parts{options, membership, outbox, nodes, actors, groups, jobs};
  Nodes nodes{parts};
  Actors actors{parts};
  Groups groups{parts};
  Jobs jobs{parts};
};

HeadCore::HeadCore(HeadOptions options) : state_(std::make_unique<State>(options)) {}
HeadCore::~HeadCore() = default;

void HeadCore::load(JournalRow&& row) {
  State& state = *state_;
  std::visit(Overloaded{
                 [&](MembershipRow& r) { state.membership = r; },
                 [&](TokenRow& r) { state.tokens.load(r); },
                 [&](NodeRow& r) { state.nodes.load(std::move(r)); },
                 [&](ModuleRow& r) {
                   if (r.hash == ImageHash{})
                     state.modules.erase(r.name);
                   else
                     state.modules[r.name] = std::move(r);
                 },
                 [&](ActorRow& r) { state.actors.load(std::move(r)); },
                 [&](JobRow& r) { state.jobs.load(std::move(r)); },
                 [&](GroupRow& r) { state.groups.load(std::move(r)); },
             },
             row);
}

void HeadCore::begin_epoch(HeadContext& context) {
  State& state = *state_;
  if (state.membership.cluster.is_nil()) state.membership.cluster = state.options.cluster;
  ++state.membership.epoch;
  state.jobs.reserve_numbers();
  state.jobs.on_numbers_reserved(state.outbox.append(context, state.membership));
  state.actors.begin_epoch(context);
  state.groups.begin_epoch(context);
  state.jobs.begin_epoch(context);
  state.nodes.begin_epoch(context);
}

void HeadCore::on(HeadContext& context, HeadInput&& input) {
  std::visit([&](auto&& message) { state_->on(context, std::move(message)); }, std::move(input));
}

std::optional<Time> HeadCore::next_deadline() const {
  std::optional<Time> next = state_->nodes.next_deadline();
  for (const std::optional<Time> due :
       {state_->actors.next_deadline(), state_->jobs.next_deadline()})
    if (due && (!next || *due < *next)) next = due;
  return next;
}

HeadSnapshot HeadCore::snapshot() const {
  HeadSnapshot snapshot;
  snapshot.epoch = state_->membership.epoch;
  snapshot.m = state_->membership.m;
  snapshot.settled = state_->membership.settled;
  state_->nodes.append_to(snapshot);
  state_->actors.append_to(snapshot);
  state_->jobs.append_to(snapshot);
  state_->groups.append_to(snapshot);
  for (const auto& [name, row] : state_->modules) snapshot.modules.push_back(row);
  snapshot.tokens = state_->tokens.list();
  snapshot.cluster = state_->membership.cluster;
  return snapshot;
}

TokenVerdict HeadCore::verify(int64_t unix_ms, const PresentedToken& presented,
                              TokenRole wanted) const {
  return state_->tokens.verify(unix_ms, presented, wanted);
}

std::optional<KeyHash> HeadCore::key_of(NodeId node) const { return state_->nodes.key_of(node); }
bool HeadCore::knows(const KeyHash& key) const { return state_->nodes.knows(key); }
ClusterId HeadCore::cluster() const { return state_->membership.cluster; }
uint64_t HeadCore::epoch() const { return state_->membership.epoch; }

// ---- inputs -------------------------------------------------------------------------------------

void HeadCore::State::on(HeadContext& context, HeadTick&&) {
  nodes.on_tick(context);
  actors.on_tick(context);
  jobs.on_tick(context);
}

void HeadCore::State::on(HeadContext& context, FromNode&& input) {
  if (nodes.is_live(input.node)) return dispatch(context, input.node, std::move(input.message));
  // Of the dead only the first words are answered; what else they say is the past.
  if (std::holds_alternative<Announce>(input.message)) nodes.refuse(context, input.node);
}

void HeadCore::State::on(HeadContext& context, PutModule&& input) {
  modules[input.row.name] = input.row;
  outbox.append(context, input.row);
  outbox.emit(context, RequestReply{input.request, nullptr, {}});
}

// Running jobs keep the image: they name it by its hash.
void HeadCore::State::on(HeadContext& context, RemoveModule&& input) {
  if (modules.erase(input.name) == 0) {
    ErrorRef error = make_error(ErrorCode::kNotFound, "there is no module " + input.name);
    return outbox.emit(context, RequestReply{input.request, std::move(error), {}});
  }
  ModuleRow nothing;
  nothing.name = input.name;
  outbox.append(context, std::move(nothing));
  outbox.emit(context, RequestReply{input.request, nullptr, {}});
}

void HeadCore::State::on(HeadContext& context, PutToken&& input) {
  for (const TokenId ended : tokens.forget_ended(context.unix_ms)) {
    TokenRow nothing;
    nothing.token = ended;
    outbox.append(context, nothing);
  }
  if (const Status added = tokens.add(input.row); !added.ok()) {
    ErrorRef error = make_error(added.error().code, added.error().message);
    return outbox.emit(context, RequestReply{input.request, std::move(error), {}});
  }
  outbox.append(context, input.row);
  outbox.emit(context, RequestReply{input.request, nullptr, {}});
}

void HeadCore::State::on(HeadContext& context, RevokeToken&& input) {
  const auto revoked = tokens.revoke(input.token, input.now_unix_ms);
  if (!revoked) {
    ErrorRef error = make_error(revoked.error().code, revoked.error().message);
    return outbox.emit(context, RequestReply{input.request, std::move(error), {}});
  }
  outbox.append(context, *revoked);
  outbox.emit(context, RequestReply{input.request, nullptr, {}});
}

void HeadCore::State::dispatch(HeadContext& context, NodeId from, NodeToHead&& message) {
  std::visit(Overloaded{
                 [&](Announce&& m) {
                   nodes.on_announce(context, from, m);
                   groups.on_announce(context, from, m);
                   actors.on_announce(context, from, m);
                   on_room(context);
                 },
                 [&](RenewLease&& m) { nodes.on_renew(context, from, m); },
                 [&](ViewChanged&& m) {
                   nodes.on_view(context, from, m.view);
                   on_room(context);
                 },
                 [&](CreateActorRow&& m) { actors.on_create(context, from, std::move(m)); },
                 [&](AbandonActor&& m) { actors.on_abandon(context, from, m); },
                 [&](ActorUp&& m) { actors.on_up(context, from, m); },
                 [&](ActorDown&& m) { actors.on_down(context, from, m); },
                 [&](StartRefused&& m) { actors.on_refused(context, from, m); },
                 [&](KillActorRow&& m) { actors.on_kill(context, from, m); },
                 [&](Subscribe&& m) { actors.on_subscribe(context, from, m); },
                 [&](Unsubscribe&& m) { actors.on_unsubscribe(from, m); },
                 [&](FindActor&& m) { actors.on_find(context, from, m); },
                 [&](DriverConnected&& m) { jobs.on_driver_connected(context, m); },
                 [&](DriverGone&& m) { jobs.on_driver_gone(context, m.client); },
                 [&](SettledReport&& m) { nodes.on_settled_report(context, from, m.m); },
                 [&](Leave&&) { nodes.on_leave(context, from); },
                 [&](PeerMessage&& m) { dispatch(context, from, std::move(m)); },
                 [&](GroupAsked&& m) { groups.on_asked(context, from, std::move(m)); },
                 [&](SubscribeGroup&& m) { groups.on_subscribe(context, from, m.group); },
                 [&](BundlesReserved&& m) { groups.on_reserved(context, from, m); },
                 [&](BundlesRefused&& m) { groups.on_refused(context, from, m); },
                 [&](BundlesCommitted&& m) { groups.on_committed(context, from, m); },
             },
             std::move(message));
}

// As the owner of roots the head is a peer. It holds no references, so the rest is not for it.
void HeadCore::State::dispatch(HeadContext& context, NodeId from, PeerMessage&& message) {
  std::visit(Overloaded{
                 [&](AttemptDone&& m) { jobs.on_peer(context, from, std::move(m)); },
                 [&](AttemptFailed&& m) { jobs.on_peer(context, from, std::move(m)); },
                 [&](Revoked&& m) { jobs.on_peer(context, from, m); },
                 [&](Refused&& m) { jobs.on_peer(context, from, m); },
                 [](auto&&) {},
             },
             std::move(message));
}

}  // namespace rayd::head
