#include "daemon/head/actors.h"

#include <algorithm>

#include "common/base/check.h"
#include "daemon/head/groups.h"
#include "daemon/head/jobs.h"
#include "daemon/head/nodes.h"

namespace rayd::head {
namespace {

/// Dead actors that nobody can name any more stay listed until so many followed them.
constexpr size_t kReleasedKept = 1'000;

ResourceSet demand_of(const CallTemplate& creation) {
  ResourceSet demand = creation.actor.placement_demand;
  demand.cpu = std::max(demand.cpu, creation.demand.cpu);
  demand.gpu = std::max(demand.gpu, creation.demand.gpu);
  demand.memory_bytes = std::max(demand.memory_bytes, creation.demand.memory_bytes);
  for (const auto& [name, quantity] : creation.demand.custom) {
    const Quantity missing = quantity - demand.custom_quantity(name);
    if (missing <= 0) continue;
    ResourceSet more;
    more.custom.emplace_back(name, missing);
    demand.add(more);
  }
  return demand;
}

bool is_detached(const ActorRow& row) {
  return row.info.creation != nullptr && row.info.creation->actor.lifetime == Lifetime::kDetached;
}

}  // namespace

// ---- the journal --------------------------------------------------------------------------------

void Actors::load(ActorRow&& row) {
  const ActorId id = row.info.actor;
  const bool is_nothing = row.info.state == ActorState::kPending && row.info.creation == nullptr;
  actors_.erase(id);
  if (is_nothing) return;
  Actor& actor = add(id, row.owner);
  actor.row = std::move(row);
}

// Actors end with the head's process. Their rows stay: an incarnation may have been started from
// one, so whoever asks again for the creation must not get a second one of that number.
void Actors::begin_epoch(HeadContext& context) {
  for (auto& [id, actor] : actors_) {
    if (actor.is_dead()) continue;
    actor.row.info.state = ActorState::kDead;
    actor.row.info.cause = make_error(ErrorCode::kActorDied, "the head that knew it has ended");
    actor.row.args.clear();
    actor.row.values.clear();
    save(context, actor);
  }
}

// ---- rows ---------------------------------------------------------------------------------------

Actors::Actor* Actors::find(ActorId actor) {
  const auto it = actors_.find(actor);
  return it == actors_.end() ? nullptr : &it->second;
}

Actors::Actor& Actors::add(ActorId id, NodeId owner) {
  Actor& actor = actors_[id];
  actor.row.info.actor = id;
  actor.row.owner = owner;
  actor.subscribers.insert(id.node());
  if (const auto early = early_.find(id); early != early_.end()) {
    actor.subscribers.insert(early->second.begin(), early->second.end());
    early_.erase(early);
  }
  return actor;
}

void Actors::save(HeadContext& context, const Actor& actor) {
  parts_.outbox.append(context, actor.row);
}

void Actors::tell(HeadContext& context, const Actor& actor) {
  for (const NodeId node : actor.subscribers)
    if (parts_.nodes.is_live(node))
      parts_.outbox.to_node(context, node, ActorChanged{actor.row.info});
}

void Actors::reply(HeadContext& context, NodeId to, const OperationId& operation, ErrorRef error,
                   const ActorInfo& info) {
  OperationReply message;
  message.operation = operation;
  message.error = std::move(error);
  message.actor = info;
  parts_.outbox.to_node(context, to, std::move(message));
}

std::string Actors::label(const Actor& actor) {
  if (!actor.name.second.empty()) return actor.name.second;
  const TemplateRef& creation = actor.row.info.creation;
  if (creation == nullptr) return to_string(actor.row.info.actor);
  return creation->display_name.empty() ? creation->function.name : creation->display_name;
}

// ---- creation -----------------------------------------------------------------------------------

void Actors::on_create(HeadContext& context, NodeId from, CreateActorRow&& message) {
  if (const Actor* known = find(message.actor)) {
    reply(context, from, message.operation, nullptr, known->row.info);
    // Asked again, of a head that has started anew: what the earlier one said may be lost.
    parts_.outbox.to_node(context, from, ActorChanged{known->row.info});
    return;
  }
  Actor& actor = add(message.actor, message.owner);
  ActorInfo& info = actor.row.info;
  info.incarnation = 1;
  info.creation = std::move(message.creation);
  info.job = message.job;
  const ActorOptions& options = info.creation->actor;
  if (!options.name.empty()) {
    // That of its job, which an earlier head may have known.
    actor.name = {options.name_space.empty() ? info.creation->name_space : options.name_space,
                  options.name};
    if (actor.name.first.empty()) actor.name.first = parts_.jobs.name_space_of(info.job);
    const auto [it, is_free] = names_.try_emplace(actor.name, message.actor);
    if (!is_free) {
      const Actor& other = actors_.at(it->second);
      const ErrorRef taken =
          make_error(ErrorCode::kAlreadyExists, "there is an actor named " + options.name +
                                                    " in namespace " + actor.name.first);
      actor.name = {};
      const bool takes_it = options.get_if_exists == ActorOptions::GetIfExists::kYes;
      die(context, actor, taken);
      return reply(context, from, message.operation, takes_it ? nullptr : taken,
                   takes_it ? other.row.info : info);
    }
  }
  actor.row.args = std::move(message.args);
  actor.row.values = std::move(message.values);
  actor.references = std::move(message.transfer.references);
  save(context, actor);
  reply(context, from, message.operation, nullptr, info);
  if (!is_detached(actor.row)) {
    by_job_[info.job].insert(message.actor);
    if (parts_.jobs.has_ended(info.job)) return on_job_ended(context, info.job);
  }
  start(context, actor);
}

void Actors::on_abandon(HeadContext& context, NodeId from, const AbandonActor& message) {
  if (find(message.actor) == nullptr) die(context, add(message.actor, from), message.cause);
  reply(context, from, message.operation, nullptr, actors_.at(message.actor).row.info);
}

void Actors::on_find(HeadContext& context, NodeId from, const FindActor& message) {
  Name name{message.name_space, message.name};
  if (name.first.empty()) name.first = parts_.jobs.name_space_of(message.job);
  const auto it = names_.find(name);
  reply(context, from, message.operation, nullptr,
        it == names_.end() ? ActorInfo{} : actors_.at(it->second).row.info);
}

// ---- placing ------------------------------------------------------------------------------------

void Actors::start(HeadContext& context, Actor& actor) {
  ActorInfo& info = actor.row.info;
  Wanted wanted;
  const Placement& placement = info.creation->placement;
  if (const std::string never = parts_.nodes.why_never(placement); !never.empty())
    return apply(context, actor, ActorEvent::kLostForGood,
                 make_error(ErrorCode::kActorDied, label(actor) + " " + never));
  wanted.demand = demand_of(*info.creation);
  wanted.placement = placement;
  wanted.preferred = info.actor.node();
  wanted.excluded = actor.excluded;
  const auto node = parts_.nodes.choose(context, wanted);
  if (!node) {
    unplaced_.insert(info.actor);
    if (parts_.nodes.waits_for_group(placement)) return;
    std::string why = parts_.nodes.explain_infeasible({wanted.demand, wanted.placement});
    if (why.empty()) return;
    why = label(actor) + " " + why;
    if (info.cause != nullptr && info.cause->message == why) return;
    info.cause = make_error(ErrorCode::kInfeasible, why);
    return tell(context, actor);
  }
  unplaced_.erase(info.actor);
  if (info.cause != nullptr && info.cause->code == ErrorCode::kInfeasible) {
    info.cause = nullptr;
    tell(context, actor);
  }
  info.node = *node;
  save(context, actor);
  send_start(context, actor);
}

void Actors::send_start(HeadContext& context, const Actor& actor) {
  const ActorInfo& info = actor.row.info;
  StartActor start;
  start.actor = info.actor;
  start.incarnation = info.incarnation;
  start.creation = info.creation;
  start.job = info.job;
  start.args = actor.row.args;
  start.values = actor.row.values;
  start.transfer.references = actor.references;
  parts_.outbox.to_node(context, info.node, std::move(start));
}

void Actors::place_waiting(HeadContext& context) {
  const std::set<ActorId> waiting = unplaced_;
  for (const ActorId id : waiting) start(context, actors_.at(id));
}

void Actors::on_tick(HeadContext& context) {
  while (!backing_off_.empty() && backing_off_.begin()->first <= context.now) {
    Actor& actor = actors_.at(backing_off_.begin()->second);
    backing_off_.erase(backing_off_.begin());
    actor.start_at.reset();
    start(context, actor);
  }
}

std::optional<Time> Actors::next_deadline() const {
  if (backing_off_.empty()) return std::nullopt;
  return backing_off_.begin()->first;
}

// ---- what nodes say of incarnations -------------------------------------------------------------

void Actors::on_up(HeadContext& context, NodeId from, const ActorUp& message) {
  Actor* actor = find(message.actor);
  if (actor == nullptr || actor->is_dead() || !actor->is_at(from, message.incarnation)) {
    const ErrorRef cause = make_error(ErrorCode::kActorDied, "another incarnation took its place");
    parts_.outbox.to_node(context, from, EndActor{message.actor, message.incarnation, cause});
    return;
  }
  apply(context, *actor, ActorEvent::kUp, nullptr);
}

void Actors::on_down(HeadContext& context, NodeId from, const ActorDown& message) {
  Actor* actor = find(message.actor);
  if (actor != nullptr && !actor->is_dead() && actor->is_at(from, message.incarnation))
    lose(context, *actor, message.cause, message.final);
  parts_.outbox.to_node(context, from, AnnounceAck{{message.actor}});
}

void Actors::on_refused(HeadContext& context, NodeId from, const StartRefused& message) {
  Actor* actor = find(message.actor);
  if (actor == nullptr || actor->is_dead() || !actor->is_at(from, message.incarnation)) return;
  if (message.cause != nullptr) {
    actor->row.info.node = kHeadNode;
    return apply(context, *actor, ActorEvent::kLostForGood, message.cause);
  }
  actor->excluded[from] = message.view;
  apply(context, *actor, ActorEvent::kRefused, nullptr);
}

void Actors::on_kill(HeadContext& context, NodeId from, const KillActorRow& message) {
  Actor* actor = find(message.actor);
  ErrorRef cause = message.cause;
  if (cause == nullptr) cause = make_error(ErrorCode::kActorDied, "it was killed");
  // Its creation may be on the way, and will find this row.
  if (actor == nullptr) {
    die(context, *(actor = &add(message.actor, from)), cause);
  } else if (message.no_restart == KillActor::NoRestart::kYes) {
    apply(context, *actor, ActorEvent::kKilled, cause);
  } else if (actor->is_placed() && !actor->is_dead()) {
    // The row changes when the incarnation is reaped.
    parts_.outbox.to_node(context, actor->row.info.node,
                          EndActor{message.actor, actor->row.info.incarnation, cause});
  }
  reply(context, from, message.operation, nullptr, actor->row.info);
  if (message.cause != nullptr) release(context, *actor);
}

// Nobody can name it any more.
void Actors::release(HeadContext& context, Actor& actor) {
  if (!actor.is_dead() || actor.handles == Actor::Handles::kGone) return;
  actor.handles = Actor::Handles::kGone;
  released_.push_back(actor.row.info.actor);
  if (released_.size() <= kReleasedKept) return;
  ActorRow nothing;
  nothing.info.actor = released_.front();
  actors_.erase(released_.front());
  released_.pop_front();
  parts_.outbox.append(context, std::move(nothing));
}

// ---- subscriptions ------------------------------------------------------------------------------

void Actors::on_subscribe(HeadContext& context, NodeId from, const Subscribe& message) {
  Actor* actor = find(message.actor);
  if (actor != nullptr) {
    actor->subscribers.insert(from);
    parts_.outbox.to_node(context, from, ActorChanged{actor->row.info});
    return;
  }
  if (parts_.nodes.is_live(message.actor.node())) {
    early_[message.actor].insert(from);
    return;
  }
  ActorInfo info;
  info.actor = message.actor;
  info.state = ActorState::kDead;
  info.cause = make_error(ErrorCode::kOwnerDied,
                          to_string(message.actor.node()) + ", which created it, died");
  parts_.outbox.to_node(context, from, ActorChanged{info});
}

void Actors::on_unsubscribe(NodeId from, const Unsubscribe& message) {
  if (Actor* actor = find(message.actor)) {
    if (from != message.actor.node()) actor->subscribers.erase(from);
  } else if (const auto early = early_.find(message.actor); early != early_.end()) {
    early->second.erase(from);
    if (early->second.empty()) early_.erase(early);
  }
}

// ---- a node announces itself --------------------------------------------------------------------

void Actors::on_announce(HeadContext& context, NodeId from, const Announce& message) {
  std::set<ActorId> announced;
  AnnounceAck ack;
  for (const Announce::Hosted& hosted : message.actors) {
    reconcile(context, from, hosted);
    if (hosted.phase == Announce::Hosted::Phase::kEnded)
      ack.actors.push_back(hosted.actor);
    else
      announced.insert(hosted.actor);
  }
  if (!ack.actors.empty()) parts_.outbox.to_node(context, from, std::move(ack));
  start_again(context, from, announced);
  for (const ActorId actor : message.subscriptions) {
    // Its row went with an earlier head: only one whose creation was answered is followed here.
    if (actor.node() == from && find(actor) == nullptr)
      die(context, add(actor, from),
          make_error(ErrorCode::kActorDied, "the head that knew it has ended"));
    on_subscribe(context, from, Subscribe{actor});
  }
}

void Actors::reconcile(HeadContext& context, NodeId from, const Announce::Hosted& hosted) {
  using Phase = Announce::Hosted::Phase;
  Actor* actor = find(hosted.actor);
  const bool is_it =
      actor != nullptr && !actor->is_dead() && actor->is_at(from, hosted.incarnation);
  switch (hosted.phase) {
    case Phase::kEnded:
      if (is_it) lose(context, *actor, hosted.cause, ActorDown::Final::kNo);
      return;
    case Phase::kUp: return on_up(context, from, ActorUp{hosted.actor, hosted.incarnation});
    case Phase::kStarting:
      if (!is_it) {
        const ErrorRef cause = make_error(ErrorCode::kActorDied, "the head does not know it");
        parts_.outbox.to_node(context, from, EndActor{hosted.actor, hosted.incarnation, cause});
      }
  }
}

// What should be there and was not announced: the one that lived is gone, the others may begin.
void Actors::start_again(HeadContext& context, NodeId from, const std::set<ActorId>& announced) {
  std::vector<ActorId> missing;
  for (const auto& [id, actor] : actors_)
    if (!actor.is_dead() && actor.row.info.node == from && !announced.contains(id))
      missing.push_back(id);
  for (const ActorId id : missing) {
    Actor& actor = actors_.at(id);
    if (actor.row.info.state == ActorState::kAlive)
      lose(context, actor, make_error(ErrorCode::kActorDied, "its node no longer has it"),
           ActorDown::Final::kNo);
    else
      send_start(context, actor);
  }
}

void Actors::append_to(HeadSnapshot& snapshot) const {
  for (const auto& [id, actor] : actors_) snapshot.actors.push_back(actor.row);
}

}  // namespace rayd::head
