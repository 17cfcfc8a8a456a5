// Which part hears which message of clients and peers.

#include "daemon/node/node_state.h"

namespace rayd::node {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

}  // namespace

void NodeCore::State::dispatch(NodeContext& context, ClientId client, ClientMessage&& message) {
  std::visit(Overloaded{
                 [&](DefineTemplate&& m) { clients.on_template(context, client, std::move(m)); },
                 [&](Submit&& m) { tasks.on_submit(context, client, std::move(m)); },
                 [&](CreateActor&& m) { actor_calls.on_create(context, client, std::move(m)); },
                 [&](CallActor&& m) { actor_calls.on_call(context, client, std::move(m)); },
                 [&](Put&& m) { objects.on_put(context, client, std::move(m)); },
                 [&](Release&& m) { objects.on_release(context, client, m); },
                 [&](Want&& m) { objects.on_want(context, client, m); },
                 [&](Unwant&& m) { objects.on_unwant(context, client, m); },
                 [&](Blocked&& m) { workers.on_blocked(context, client, std::move(m)); },
                 [&](Unblocked&&) { workers.on_unblocked(context, client); },
                 [&](Cancel&& m) { on_cancel(context, client, m); },
                 [&](KillActor&& m) { actor_calls.on_kill(context, client, m); },
                 [&](GetActor&& m) { actor_calls.on_get_actor(context, client, m); },
                 [&](RequestArena&& m) { store.on_request(context, client, m); },
                 [&](CloseArena&& m) { store.on_close(context, client, m); },
                 [&](Done&& m) { workers.on_done(context, client, std::move(m)); },
                 [&](GroupRequest&& m) { groups.on_request(context, client, std::move(m)); },
             },
             std::move(message));
}

void NodeCore::State::dispatch(NodeContext& context, NodeId from, PeerMessage&& message) {
  std::visit(Overloaded{
                 [&](Borrow&& m) { objects.on_peer(context, from, std::move(m)); },
                 [&](BorrowAck&& m) { objects.on_peer(context, from, std::move(m)); },
                 [&](TransferDone&& m) { objects.on_peer(context, from, std::move(m)); },
                 [&](PeerRelease&& m) { objects.on_peer(context, from, std::move(m)); },
                 [&](Fetch&& m) { objects.on_peer(context, from, std::move(m)); },
                 [&](FetchedValue&& m) { objects.on_peer(context, from, std::move(m)); },
                 [&](CopyChanged&& m) { objects.on_peer(context, from, std::move(m)); },
                 [&](DropCopy&& m) { objects.on_peer(context, from, std::move(m)); },
                 [&](Assign&& m) { assignments.on_peer(context, from, std::move(m)); },
                 [&](Revoke&& m) { assignments.on_peer(context, from, std::move(m)); },
                 [&](Discard&& m) { assignments.on_peer(context, from, std::move(m)); },
                 [&](Refused&& m) { tasks.on_peer(context, from, std::move(m)); },
                 [&](AttemptDone&& m) { tasks.on_peer(context, from, std::move(m)); },
                 [&](AttemptFailed&& m) { tasks.on_peer(context, from, std::move(m)); },
                 [&](Revoked&& m) { tasks.on_peer(context, from, std::move(m)); },
                 [&](CancelTask&& m) { on_cancel(context, ClientId{}, m.cancel); },
                 [&](Attach&& m) { actor_host.on_peer(context, from, std::move(m)); },
                 [&](Detach&& m) { actor_host.on_peer(context, from, std::move(m)); },
                 [&](ActorCall&& m) { actor_host.on_peer(context, from, std::move(m)); },
                 [&](SkipCall&& m) { actor_host.on_peer(context, from, std::move(m)); },
                 [&](CancelCall&& m) { actor_host.on_peer(context, from, std::move(m)); },
                 [&](ActorReply&& m) { actor_calls.on_peer(context, from, std::move(m)); },
                 [&](StaleIncarnation&& m) { actor_calls.on_peer(context, from, std::move(m)); },
             },
             std::move(message));
}

// The owner decides; a holder elsewhere asks it.
void NodeCore::State::on_cancel(NodeContext& context, ClientId client, const Cancel& message) {
  const NodeId owner = message.task.node();
  if (owner != options.node) {
    const bool is_holder = client == ClientId{} || objects.holds_some_of(client, message.task);
    if (is_holder && owner != kHeadNode) parts.core.send(context, owner, CancelTask{message});
    return;
  }
  if (actor_calls.owns(message.task))
    actor_calls.on_cancel(context, client, message);
  else
    tasks.on_cancel(context, client, message);
}

}  // namespace rayd::node
