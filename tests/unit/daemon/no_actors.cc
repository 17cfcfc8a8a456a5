// The least that stands for actors where a story is not about them: an incarnation gets its worker
// and constructs. Calls and creations by clients are not known here.
#include <map>

#include "daemon/node/actor_calls.h"
#include "daemon/node/actor_host.h"
#include "daemon/node/workers.h"

namespace rayd::node {
namespace {

std::map<const ActorHost*, std::map<ActorId, StartActor>> started;

}  // namespace

void ActorCalls::on_create(NodeContext&, ClientId, CreateActor&&) {}
void ActorCalls::on_call(NodeContext&, ClientId, CallActor&&) {}
void ActorCalls::on_kill(NodeContext&, ClientId, const KillActor&) {}
void ActorCalls::on_get_actor(NodeContext&, ClientId, const GetActor&) {}
void ActorCalls::on_cancel(NodeContext&, ClientId, const Cancel&) {}
bool ActorCalls::owns(TaskId) const { return false; }
void ActorCalls::on_object_ready(NodeContext&, TaskId, ObjectId) {}
void ActorCalls::on_last_handle(NodeContext&, ActorId) {}
void ActorCalls::on_actor_changed(NodeContext&, const ActorInfo&) {}
void ActorCalls::on_operation_reply(NodeContext&, const OperationReply&) {}
void ActorCalls::on_peer(NodeContext&, NodeId, ActorReply&&) {}
void ActorCalls::on_peer(NodeContext&, NodeId, StaleIncarnation&&) {}
void ActorCalls::on_client_gone(NodeContext&, ClientId) {}
void ActorCalls::on_job_ended(NodeContext&, JobId) {}
void ActorCalls::on_node_dead(NodeContext&, NodeId) {}
void ActorCalls::reannounce(NodeContext&, Announce&) {}
void ActorCalls::append_to(Snapshot&) const {}

void ActorHost::on_start(NodeContext& context, StartActor&& message) {
  const TemplateRef creation = message.creation;
  const ActorId actor = message.actor;
  const uint32_t incarnation = message.incarnation;
  const JobId job = message.job;
  started[this].insert_or_assign(actor, std::move(message));
  parts_.workers.request_for_actor(context, actor, incarnation, *creation, job);
}
void ActorHost::on_worker(NodeContext& context, ActorId actor, uint32_t incarnation,
                          ClientId worker) {
  context.out.push_back(ToWorker{
      worker, Run{actor.creation(), 1, started[this].at(actor).creation, {}, actor, incarnation}});
}
void ActorHost::on_end(NodeContext& context, const EndActor& message) {
  parts_.workers.withdraw_actor_request(context, message.actor);
}
void ActorHost::on_worker_failed(NodeContext& context, ActorId actor, uint32_t, ErrorRef cause) {
  context.out.push_back(Event{Event::Level::kWarn, to_string(actor), cause->message});
}
void ActorHost::on_announce_ack(NodeContext&, const AnnounceAck&) {}
void ActorHost::on_worker_died(NodeContext&, const WorkerDied&) {}
void ActorHost::on_done(NodeContext&, ClientId, Done&&) {}
void ActorHost::on_object_ready(NodeContext&, TaskId, ObjectId) {}
void ActorHost::on_peer(NodeContext&, NodeId, Attach&&) {}
void ActorHost::on_peer(NodeContext&, NodeId, ActorCall&&) {}
void ActorHost::on_peer(NodeContext&, NodeId, SkipCall&&) {}
void ActorHost::on_peer(NodeContext&, NodeId, CancelCall&&) {}
void ActorHost::on_lease(NodeContext&, const LeaseRenewed&) {}
void ActorHost::on_node_dead(NodeContext&, NodeId) {}
ActorId ActorHost::actor_in(ClientId) const { return {}; }
void ActorHost::reannounce(Announce&) const {}
void ActorHost::on_tick(NodeContext&) {}
std::optional<Time> ActorHost::next_deadline() const { return std::nullopt; }
void ActorHost::append_to(Snapshot&) const {}

}  // namespace rayd::node
