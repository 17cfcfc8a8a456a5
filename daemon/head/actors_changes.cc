// What happens to actors: transitions of their rows, and the ends of nodes and jobs.
#include <algorithm>

#include "daemon/head/actors.h"
#include "daemon/head/jobs.h"
#include "daemon/head/nodes.h"

namespace rayd::head {

void Actors::next_incarnation(Actor& actor) {
  ++actor.row.info.incarnation;
  actor.row.info.node = kHeadNode;
}

void Actors::leave_queues(const Actor& actor) {
  unplaced_.erase(actor.row.info.actor);
  if (actor.start_at) backing_off_.erase({*actor.start_at, actor.row.info.actor});
}

void Actors::apply(HeadContext& context, Actor& actor, ActorEvent event, ErrorRef cause) {
  ActorInfo& info = actor.row.info;
  const ActorTransition* transition = find_transition(info.state, event);
  if (transition == nullptr) return;
  switch (transition->reaction) {
    case ActorReaction::kTell:
      info.state = transition->to;
      info.cause = nullptr;
      save(context, actor);
      tell(context, actor);
      return;
    case ActorReaction::kStartNext:
      info.state = transition->to;
      next_incarnation(actor);
      start(context, actor);
      return;
    case ActorReaction::kRestart: {
      info.state = transition->to;
      info.cause = std::move(cause);
      next_incarnation(actor);
      int64_t wait_ns = parts_.options.restart_backoff.ns << std::min(info.restarts, 20u);
      wait_ns = std::min(wait_ns, parts_.options.restart_backoff_max.ns);
      ++info.restarts;
      leave_queues(actor);
      actor.start_at = context.now + Duration{wait_ns};
      backing_off_.insert({*actor.start_at, info.actor});
      save(context, actor);
      tell(context, actor);
      tell_people(context, actor, "actor_restarts");
      return;
    }
    case ActorReaction::kEnd: return die(context, actor, std::move(cause));
  }
}

void Actors::tell_people(HeadContext& context, const Actor& actor, const char* event) {
  const ActorInfo& info = actor.row.info;
  const std::string who = to_string(info.actor) + " " + label(actor);
  parts_.outbox.emit(context, HeadEvent{event, who + ": " + info.cause->message});
}

// The row is final, and journalled before the incarnation is ended.
void Actors::die(HeadContext& context, Actor& actor, ErrorRef cause) {
  ActorInfo& info = actor.row.info;
  info.state = ActorState::kDead;
  info.cause = cause;
  leave_queues(actor);
  actor.start_at.reset();
  actor.row.args.clear();
  actor.row.values.clear();
  actor.references.clear();
  if (const auto name = names_.find(actor.name); name != names_.end() && name->second == info.actor)
    names_.erase(name);
  if (const auto job = by_job_.find(info.job); job != by_job_.end()) {
    job->second.erase(info.actor);
    if (job->second.empty()) by_job_.erase(job);
  }
  save(context, actor);
  if (actor.is_placed() && parts_.nodes.is_live(info.node))
    parts_.outbox.to_node(context, info.node, EndActor{info.actor, info.incarnation, cause});
  tell(context, actor);
  tell_people(context, actor, "actor_dead");
}

// An incarnation is gone: reaped, or its node was declared dead.
void Actors::lose(HeadContext& context, Actor& actor, ErrorRef cause, ActorDown::Final final) {
  const ActorInfo& info = actor.row.info;
  const int32_t allowed = info.creation->actor.max_restarts;
  const bool is_left = allowed < 0 || info.restarts < static_cast<uint32_t>(allowed);
  const bool may_restart = final == ActorDown::Final::kNo && is_left;
  actor.row.info.node = kHeadNode;  // nobody hosts it any more
  apply(context, actor, may_restart ? ActorEvent::kLost : ActorEvent::kLostForGood,
        std::move(cause));
}

// ---- ends of others -----------------------------------------------------------------------------

void Actors::on_node_dead(HeadContext& context, NodeId node) {
  const ErrorRef node_died = make_error(ErrorCode::kActorDied, to_string(node) + " died");
  const ErrorRef owner_died =
      make_error(ErrorCode::kOwnerDied, to_string(node) + ", whose program had created it, died");
  std::vector<ActorId> owned, hosted;
  for (auto& [id, actor] : actors_) {
    actor.subscribers.erase(node);
    actor.excluded.erase(node);
    if (actor.is_dead()) continue;
    if (actor.row.owner == node)
      owned.push_back(id);
    else if (actor.row.info.node == node)
      hosted.push_back(id);
  }
  for (const ActorId id : owned) apply(context, actors_.at(id), ActorEvent::kKilled, owner_died);
  for (const ActorId id : hosted) lose(context, actors_.at(id), node_died, ActorDown::Final::kNo);
  // Whoever waited to hear of its creations never will.
  std::vector<ActorId> unborn;
  for (auto& [id, nodes] : early_) {
    nodes.erase(node);
    if (id.node() == node) unborn.push_back(id);
  }
  for (const ActorId id : unborn) die(context, add(id, node), owner_died);
  std::erase_if(early_, [](const auto& entry) { return entry.second.empty(); });
}

void Actors::on_job_ended(HeadContext& context, JobId job) {
  const auto it = by_job_.find(job);
  if (it == by_job_.end()) return;
  const ErrorRef cause = make_error(ErrorCode::kActorDied, to_string(job) + " has ended");
  const std::set<ActorId> actors = it->second;
  for (const ActorId id : actors) apply(context, actors_.at(id), ActorEvent::kKilled, cause);
}

void Actors::on_group_removed(HeadContext& context, GroupId group) {
  std::vector<ActorId> inside;
  for (const auto& [id, actor] : actors_) {
    const TemplateRef& creation = actor.row.info.creation;
    if (!actor.is_dead() && creation != nullptr && creation->placement.group == group)
      inside.push_back(id);
  }
  const ErrorRef cause = make_error(ErrorCode::kActorDied,
                                    "its placement group, " + to_string(group) + ", was removed");
  for (const ActorId id : inside) apply(context, actors_.at(id), ActorEvent::kKilled, cause);
}

}  // namespace rayd::head
