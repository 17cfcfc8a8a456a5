#include "tests/sim/describe.h"

#include "tests/sim/trace.h"

namespace rayd::sim {
namespace {

void put_all(std::string& out, const std::vector<ObjectId>& objects) {
  for (const ObjectId object : objects) say(out, " ", object);
}
void put_value(std::string& out, const Value& value) {
  switch (value.kind) {
    case Value::Kind::kNone: out += " none"; break;
    case Value::Kind::kInline: out += " inline"; break;
    case Value::Kind::kStored: say(out, " stored ", value.size); break;
    case Value::Kind::kError:
      say(out, " error ", static_cast<int>(value.error->code), " ", value.error->remote_type);
      break;
  }
  if (value.extent.length > 0) say(out, " at ", value.extent.offset, "+", value.extent.length);
  for (const NodeId node : value.nodes) say(out, " on ", node);
  if (value.contains.empty()) return;
  out += " {";
  put_all(out, value.contains);
  out += " }";
}
void put_values(std::string& out, const std::vector<Value>& values) {
  for (const Value& value : values) put_value(out, value);
}
void put_args(std::string& out, const std::vector<Arg>& args) {
  for (const Arg& arg : args) {
    if (arg.is_reference())
      say(out, " ref ", arg.reference);
    else
      put_value(out, arg.value);
  }
}
void put_error(std::string& out, const ErrorRef& error) {
  if (error != nullptr) say(out, " error ", static_cast<int>(error->code));
}
void put_transfer(std::string& out, const Transfer& transfer) {
  if (transfer.references.empty()) return;
  say(out, " [transfer ", transfer.token);
  put_all(out, transfer.references);
  out += "]";
}
void put_attempt(std::string& out, TaskId task, uint32_t attempt) {
  say(out, " ", task, " k=", attempt);
}
template <class Call>
void put_call(std::string& out, const Call& call) {
  say(out, " ", call.actor, " inc=", call.incarnation, " of ", call.caller);
}
void put_view(std::string& out, const NodeView& view) {
  say(out, " ", view.node, " v", view.version, " used ", view.used.cpu, " lent ", view.lent.cpu,
      " of ", view.total.cpu);
}
void put_info(std::string& out, const ActorInfo& info) {
  say(out, " ", info.actor, " state ", static_cast<int>(info.state), " inc=", info.incarnation,
      " on ", info.node);
  put_error(out, info.cause);
}

// ---- clients ------------------------------------------------------------------------------------

void put(std::string& out, const DefineTemplate& m) { say(out, "DefineTemplate ", m.id); }
void put(std::string& out, const Submit& m) {
  say(out, "Submit ", m.task);
  put_args(out, m.args);
}
void put(std::string& out, const CreateActor& m) {
  say(out, "CreateActor ", m.creation);
  put_args(out, m.args);
}
void put(std::string& out, const CallActor& m) {
  say(out, "CallActor ", m.actor, " as ", m.task);
  put_args(out, m.args);
}
void put(std::string& out, const Put& m) {
  say(out, "Put ", m.object);
  put_value(out, m.value);
}
void put(std::string& out, const Release& m) {
  out += "Release";
  for (const auto& [object, count] : m.objects) say(out, " ", object, " x", count);
}
void put(std::string& out, const Want& m) {
  out += m.fetch == Want::Fetch::kYes ? "Get" : "Wait";
  put_all(out, m.objects);
}
void put(std::string& out, const Unwant& m) {
  out += "Unwant";
  put_all(out, m.objects);
}
void put(std::string& out, const Blocked& m) { say(out, "Blocked ", m.wait); }
void put(std::string& out, const Unblocked&) { out += "Unblocked"; }
void put(std::string& out, const Cancel& m) {
  say(out, m.force == Cancel::Force::kYes ? "Cancel by force " : "Cancel ", m.task);
}
void put(std::string& out, const KillActor& m) { say(out, "KillActor ", m.actor); }
void put(std::string& out, const GetActor& m) { say(out, "GetActor ", m.name); }
void put(std::string& out, const RequestArena& m) { say(out, "RequestArena ", m.bytes); }
void put(std::string& out, const CloseArena& m) { say(out, "CloseArena ", m.arena.offset); }
void put(std::string& out, const Done& m) {
  out += "Done";
  put_attempt(out, m.task, m.attempt);
  put_values(out, m.results);
  put_error(out, m.error);
}
void put(std::string& out, const Ready& m) {
  say(out, "Ready ", m.object);
  put_value(out, m.value);
}
void put(std::string& out, const ActorFound& m) { say(out, "ActorFound ", m.actor); }
void put(std::string& out, const ArenaGranted& m) {
  say(out, "ArenaGranted ", m.arena.offset, "+", m.arena.length);
}
void put(std::string& out, const ArenaRefused& m) { say(out, "ArenaRefused ", m.used_bytes); }
void put(std::string& out, const GroupRequest& m) {
  say(out, "GroupRequest ", m.request, " what ", static_cast<int>(m.what), " ",
      to_string(m.group.group));
}
void put(std::string& out, const GroupReply& m) {
  say(out, "GroupReply ", m.request, " of ", m.groups.size());
  put_error(out, m.error);
}
void put(std::string& out, const SessionError& m) { say(out, "SessionError ", m.message); }
void put(std::string& out, const RunInline& m) { say(out, "RunInline ", m.wait); }

// ---- peers --------------------------------------------------------------------------------------

void put(std::string& out, const Borrow& m) {
  say(out, "Borrow ", m.token);
  put_all(out, m.objects);
}
void put(std::string& out, const BorrowAck& m) {
  say(out, "BorrowAck ", m.token);
  for (const auto& entry : m.entries) say(out, entry.lost ? " lost " : " ", entry.object);
}
void put(std::string& out, const TransferDone& m) { say(out, "TransferDone ", m.token); }
void put(std::string& out, const PeerRelease& m) {
  out += "PeerRelease";
  for (const auto& [object, count] : m.objects) say(out, " ", object, " x", count);
}
void put(std::string& out, const Fetch& m) { say(out, "Fetch ", m.object); }
void put(std::string& out, const FetchedValue& m) {
  say(out, "FetchedValue ", m.object);
  put_value(out, m.value);
  put_transfer(out, m.transfer);
}
void put(std::string& out, const CopyChanged& m) {
  say(out, m.have == CopyChanged::Have::kYes ? "CopyHere " : "CopyGone ", m.object);
}
void put(std::string& out, const DropCopy& m) { say(out, "DropCopy ", m.object); }
void put(std::string& out, const Assign& m) {
  out += "Assign";
  put_attempt(out, m.task, m.attempt);
  put_args(out, m.args);
  put_transfer(out, m.transfer);
}
void put(std::string& out, const Refused& m) {
  out += "Refused";
  put_attempt(out, m.task, m.attempt);
}
void put(std::string& out, const AttemptDone& m) {
  out += "AttemptDone";
  put_attempt(out, m.task, m.attempt);
  put_values(out, m.results);
  put_error(out, m.error);
  put_transfer(out, m.transfer);
}
void put(std::string& out, const AttemptFailed& m) {
  out += "AttemptFailed";
  put_attempt(out, m.task, m.attempt);
  put_error(out, m.cause);
  out += m.started == AttemptFailed::Started::kYes ? " started" : " not started";
}
void put(std::string& out, const Revoke& m) {
  out += "Revoke";
  put_attempt(out, m.task, m.attempt);
  say(out, " why ", static_cast<int>(m.reason));
}
void put(std::string& out, const Revoked& m) {
  out += "Revoked";
  put_attempt(out, m.task, m.attempt);
}
void put(std::string& out, const CancelTask& m) { say(out, "CancelTask ", m.cancel.task); }
void put(std::string& out, const Discard& m) { say(out, "Discard ", m.object, " k=", m.attempt); }
void put(std::string& out, const Attach& m) {
  out += "Attach";
  put_call(out, m);
  say(out, " base ", m.base);
}
void put(std::string& out, const Detach& m) {
  out += "Detach";
  put_call(out, m);
}
void put(std::string& out, const ActorCall& m) {
  out += "Call";
  put_call(out, m);
  say(out, " n=", m.n, " acked ", m.acked, " task ", m.task);
  put_args(out, m.args);
  put_transfer(out, m.transfer);
}
void put(std::string& out, const SkipCall& m) {
  out += "Skip";
  put_call(out, m);
  say(out, " n=", m.n);
}
void put(std::string& out, const ActorReply& m) {
  out += "Reply";
  put_call(out, m);
  say(out, " n=", m.n, " task ", m.task);
  put_values(out, m.results);
  put_error(out, m.error);
  put_transfer(out, m.transfer);
}
void put(std::string& out, const StaleIncarnation& m) {
  out += "Stale";
  put_call(out, m);
  say(out, " started ", m.started);
}
void put(std::string& out, const CancelCall& m) {
  out += "CancelCall";
  put_call(out, m);
  say(out, " n=", m.n);
}
// A variant's is for itself only: what becomes one implicitly has its own `put`, or does not
// compile.
template <class Message>
requires std::is_same_v<Message, PeerMessage>
void put(std::string& out, const Message& message);

// ---- the head -----------------------------------------------------------------------------------

void put(std::string& out, const Announce& m) {
  say(out, "Announce epoch ", m.epoch);
  put_view(out, m.view);
  for (const auto& hosted : m.actors)
    say(out, " hosts ", hosted.actor, " inc=", hosted.incarnation, " phase ",
        static_cast<int>(hosted.phase));
  for (const ActorId actor : m.subscriptions) say(out, " follows ", actor);
}
void put(std::string& out, const RenewLease& m) { say(out, "RenewLease ", m.number); }
void put(std::string& out, const ViewChanged& m) {
  out += "ViewChanged";
  put_view(out, m.view);
}
void put(std::string& out, const CreateActorRow& m) {
  say(out, "CreateActorRow ", m.actor);
  put_args(out, m.args);
  put_transfer(out, m.transfer);
}
void put(std::string& out, const AbandonActor& m) { say(out, "AbandonActor ", m.actor); }
void put(std::string& out, const ActorUp& m) { say(out, "Up ", m.actor, " inc=", m.incarnation); }
void put(std::string& out, const ActorDown& m) {
  say(out, "Down ", m.actor, " inc=", m.incarnation);
  put_error(out, m.cause);
}
void put(std::string& out, const StartRefused& m) {
  say(out, "StartRefused ", m.actor, " inc=", m.incarnation);
  put_error(out, m.cause);
}
void put(std::string& out, const KillActorRow& m) {
  say(out, "KillActorRow ", m.actor);
  put_error(out, m.cause);
}
void put(std::string& out, const Subscribe& m) { say(out, "Subscribe ", m.actor); }
void put(std::string& out, const Unsubscribe& m) { say(out, "Unsubscribe ", m.actor); }
void put(std::string& out, const FindActor& m) { say(out, "FindActor ", m.name); }
void put(std::string& out, const DriverConnected& m) { say(out, "DriverConnected ", m.client); }
void put(std::string& out, const DriverGone& m) { say(out, "DriverGone ", m.client); }
void put(std::string& out, const Leave&) { say(out, "Leave"); }
void put(std::string& out, const SettledReport& m) { say(out, "SettledReport ", m.m); }
void put(std::string& out, const Welcome& m) {
  say(out, "Welcome epoch ", m.epoch, " ", m.node, " m=", m.membership);
}
void put(std::string& out, const LeaseRenewed& m) { say(out, "LeaseRenewed ", m.number); }
void put(std::string& out, const Views& m) {
  out += "Views";
  for (const NodeView& view : m.changed) put_view(out, view);
}
void put(std::string& out, const NodeStateChanged& m) {
  say(out, "NodeState ", m.node, " ", static_cast<int>(m.state), " m=", m.m);
}
void put(std::string& out, const Settled& m) { say(out, "Settled ", m.m); }
void put(std::string& out, const StartActor& m) {
  say(out, "Start ", m.actor, " inc=", m.incarnation);
  put_args(out, m.args);
  put_transfer(out, m.transfer);
}
void put(std::string& out, const EndActor& m) { say(out, "End ", m.actor, " inc=", m.incarnation); }
void put(std::string& out, const ActorChanged& m) {
  out += "ActorChanged";
  put_info(out, m.info);
}
void put(std::string& out, const AnnounceAck& m) {
  out += "AnnounceAck";
  for (const ActorId actor : m.actors) say(out, " ", actor);
}
void put(std::string& out, const OperationReply& m) {
  say(out, "OperationReply ", m.operation.client, ".", m.operation.seq, " job ", m.job.value);
  put_error(out, m.error);
}
void put(std::string& out, const GroupAsked& m) { put(out, m.request); }
void put(std::string& out, const SubscribeGroup& m) {
  say(out, "SubscribeGroup ", to_string(m.group));
}
/// Which round of which group.
template <class Message>
void put_round(std::string& out, const char* name, const Message& m) {
  say(out, name, " ", to_string(m.group), " round ", m.round);
}
void put(std::string& out, const BundlesReserved& m) { put_round(out, "BundlesReserved", m); }
void put(std::string& out, const BundlesRefused& m) { put_round(out, "BundlesRefused", m); }
void put(std::string& out, const BundlesCommitted& m) { put_round(out, "BundlesCommitted", m); }
void put(std::string& out, const ReserveBundles& m) {
  put_round(out, "ReserveBundles", m);
  for (const auto& bundle : m.bundles) say(out, " ", bundle.index, ":", bundle.demand.to_text());
}
void put(std::string& out, const CommitBundles& m) { put_round(out, "CommitBundles", m); }
void put(std::string& out, const ReturnBundles& m) { put_round(out, "ReturnBundles", m); }
void put(std::string& out, const GroupChanged& m) {
  say(out, "GroupChanged ", to_string(m.info.group), " state ", static_cast<int>(m.info.state));
  for (const Bundle& bundle : m.info.bundles) say(out, " ", bundle.node);
}
void put(std::string& out, const JobEnded& m) { say(out, "JobEnded ", m.job.value); }

template <class Variant>
void put_variant(std::string& out, const Variant& variant) {
  std::visit([&out](const auto& alternative) { put(out, alternative); }, variant);
}
template <class Message>
requires std::is_same_v<Message, PeerMessage>
void put(std::string& out, const Message& message) { put_variant(out, message); }

// ---- inputs and actions of a node ---------------------------------------------------------------

void put(std::string& out, const Tick&) { out += "tick"; }
void put(std::string& out, const FromClient& m) {
  say(out, "<- client ", m.client, ": ");
  put_variant(out, m.message);
}
void put(std::string& out, const FromPeer& m) {
  say(out, "<- ", m.node, ": ");
  put_variant(out, m.message);
}
void put(std::string& out, const FromHead& m) {
  out += "<- head: ";
  put_variant(out, m.message);
}
void put(std::string& out, const ClientConnected& m) { say(out, "connected ", m.client); }
void put(std::string& out, const ClientGone& m) { say(out, "gone ", m.client); }
void put(std::string& out, const WorkerStarted& m) { say(out, "worker started ", m.worker); }
void put(std::string& out, const WorkerStartFailed& m) { say(out, "start failed ", m.worker); }
void put(std::string& out, const WorkerDied& m) {
  say(out, "worker died ", m.worker, " ", m.cause);
  for (const auto& [task, attempt] : m.claimed) put_attempt(out, task, attempt);
}
void put(std::string& out, const SlotRevoked& m) {
  say(out, "slot ", m.outcome == SlotRevoked::Outcome::kWon ? "won " : "already started ",
      m.worker);
  put_attempt(out, m.task, m.attempt);
}
void put(std::string& out, const Pulled& m) { say(out, "pulled ", m.object); }
void put(std::string& out, const PullFailed& m) {
  say(out, "pull failed ", m.object, " from ", m.from);
}
void put(std::string& out, const ToClient& m) {
  say(out, "-> client ", m.client, ": ");
  put_variant(out, m.message);
}
void put(std::string& out, const ToWorker& m) {
  say(out, "-> worker ", m.worker, ": Run");
  put_attempt(out, m.run.task, m.run.attempt);
  if (!m.run.actor.is_nil()) say(out, " actor ", m.run.actor, " inc=", m.run.incarnation);
  put_values(out, m.run.args);
}
void put(std::string& out, const ToPeer& m) {
  say(out, "-> ", m.node, ": ");
  put_variant(out, m.message);
}
void put(std::string& out, const ToHead& m) {
  out += "-> head: ";
  put_variant(out, m.message);
}
void put(std::string& out, const StartWorker& m) { say(out, "start worker ", m.worker); }
void put(std::string& out, const StopWorker& m) {
  say(out, m.how == StopWorker::How::kKill ? "kill worker " : "stop worker ", m.worker);
}
void put(std::string& out, const RevokeSlot& m) {
  say(out, "revoke slot ", m.worker);
  put_attempt(out, m.task, m.attempt);
}
void put(std::string& out, const SetCancelWord& m) {
  say(out, "set cancel word ", m.worker);
  put_attempt(out, m.task, m.attempt);
}
void put(std::string& out, const PullObject& m) {
  say(out, "pull ", m.object, " from ", m.from, " into ", m.room.offset);
}
void put(std::string& out, const FreeExtent& m) {
  say(out, "free ", m.extent.offset, "+", m.extent.length);
}
void put(std::string& out, const PublishFinished& m) {
  say(out, "finished ", m.client, " ", m.finished);
}
void put(std::string& out, const ClientReady& m) { say(out, "ready ", m.client); }
void put(std::string& out, const Event& m) { say(out, "event ", m.name, " ", m.text); }

// ---- inputs and actions of the head -------------------------------------------------------------

void put(std::string& out, const HeadTick&) { out += "tick"; }
void put(std::string& out, const NodeConnected& m) { say(out, "connected session ", m.session); }
void put(std::string& out, const NodeDisconnected& m) { say(out, "disconnected ", m.node); }
void put(std::string& out, const FromNode& m) {
  say(out, "<- ", m.node, ": ");
  put_variant(out, m.message);
}
void put(std::string& out, const NodeJoins& m) { say(out, "joins session ", m.session); }
void put(std::string& out, const Committed& m) { say(out, "committed ", m.number); }
void put(std::string& out, const SubmitJob& m) { say(out, "SubmitJob ", m.request); }
void put(std::string& out, const CancelJob& m) { say(out, "CancelJob ", m.job.value); }
void put(std::string& out, const PutModule& m) { say(out, "PutModule ", m.row.name); }
void put(std::string& out, const RemoveModule& m) { say(out, "RemoveModule ", m.name); }
void put(std::string& out, const PutToken& m) { say(out, "PutToken ", to_string(m.row.token)); }
void put(std::string& out, const RevokeToken& m) { say(out, "RevokeToken ", to_string(m.token)); }
void put(std::string& out, const ResultFetched& m) { say(out, "ResultFetched ", m.job.value); }
void put(std::string& out, const ToNode& m) {
  say(out, "-> ", m.node, ": ");
  put_variant(out, m.message);
}
void put(std::string& out, const ToJoiner& m) {
  say(out, "-> session ", m.session, ": ");
  put(out, m.welcome);
}
void put(std::string& out, const Append& m) {
  say(out, "append ", m.number, " row ", m.row.index());
}
void put(std::string& out, const RequestReply& m) {
  say(out, "reply ", m.request, " job ", m.job.value);
  put_error(out, m.error);
}
void put(std::string& out, const FetchResult& m) {
  say(out, "fetch result ", m.object, " from ", m.node);
}
void put(std::string& out, const JobChanged& m) {
  say(out, "job ", m.row.job.value, " state ", static_cast<int>(m.row.state));
}
void put(std::string& out, const HeadEvent& m) { say(out, "event ", m.name, " ", m.text); }

// Defined last: it sees every `put` above.
template <class Variant>
void put_any(std::string& out, const Variant& variant) {
  std::visit([&out](const auto& alternative) { put(out, alternative); }, variant);
}

}  // namespace

void describe(std::string& out, const NodeInput& input) { put_any(out, input); }
void describe(std::string& out, const NodeAction& action) { put_any(out, action); }
void describe(std::string& out, const HeadInput& input) { put_any(out, input); }
void describe(std::string& out, const HeadAction& action) {
  if (action.after > 0) say(out, "after ", action.after, " ");
  put_any(out, action.what);
}
void describe(std::string& out, const PeerMessage& message) { put_variant(out, message); }

}  // namespace rayd::sim
