// Temporary: keeps rayd linking until actor_calls.cc and actor_host.cc land, whose room deletes
// this.
#include "daemon/node/actor_calls.h"
#include "daemon/node/actor_host.h"
namespace rayd::node {
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
void ActorHost::on_start(NodeContext&, StartActor&&) {}
void ActorHost::on_end(NodeContext&, const EndActor&) {}
void ActorHost::on_announce_ack(NodeContext&, const AnnounceAck&) {}
void ActorHost::on_worker(NodeContext&, ActorId, uint32_t, ClientId) {}
void ActorHost::on_worker_failed(NodeContext&, ActorId, uint32_t, ErrorRef) {}
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
std::optional<Time> ActorHost::next_deadline() const { return {}; }
void ActorHost::append_to(Snapshot&) const {}
}  // namespace rayd::node
