#include "tests/sim/checker.h"

#include "tests/sim/world.h"

namespace rayd::sim {

template <class... Parts>
void Checker::violation(const Parts&... parts) {
  std::string what;
  say(what, parts...);
  world_.violation(what);
}

void Checker::look(NodeId id) {
  Node* node = world_.find_node(id);
  Seen& seen = seen_[id];
  const int64_t used_before = seen.used;
  const int64_t over_before = seen.overcommitted;
  seen.snapshot = node->core().snapshot();
  seen.objects.clear();
  for (const auto& object : seen.snapshot.objects) seen.objects[object.object] = &object;
  const NodeView& view = seen.snapshot.view;
  const ResourceSet& total = node->options().total;
  seen.used = view.used.cpu;
  seen.overcommitted = std::max<int64_t>(0, view.used.cpu - view.lent.cpu - total.cpu);
  // A lender's resume may exceed the total; a grant may not make it worse. Only CPUs are lent. What
  // was granted before a resume, among what was heard at once, cannot be told from after.
  const bool has_resumed = node->take_resumed();
  if (seen.overcommitted > over_before && seen.used > used_before && !has_resumed)
    violation("P2 ii: ", id, " grants what leaves granted - lent > total");
  if (view.used.gpu > total.gpu)
    violation("P2 ii: ", id, " grants ", view.used.gpu, " of ", total.gpu, " GPU");
  check_grants(id);
  ResourceSet reserved;
  for (const auto& bundles : seen.snapshot.bundles) reserved.add(bundles.sum);
  if (!total.covers(reserved))
    violation("G ii: ", id, " has reserved ", reserved.to_text(), " of ", total.to_text());
}

// What the node says it has granted is what its workers hold. A worker holds the demand of what is
// in its ring, which is of one shape, and of what runs inside of waits; of actors and those that
// end only the node knows.
void Checker::check_grants(NodeId id) {
  const node::Snapshot& snapshot = seen_.at(id).snapshot;
  for (const auto& worker : snapshot.workers)
    if (worker.phase == node::WorkerPhase::kActor || worker.phase == node::WorkerPhase::kEnding)
      return;
  if (!snapshot.actors.empty()) return;
  ResourceSet sum;
  for (const auto& attempt : snapshot.attempts) {
    const Oracle::Task* task = world_.oracle.find_task(attempt.task);
    if (attempt.holds == node::AttemptSnapshot::Holds::kYes && task != nullptr)
      sum.add(task->demand);
  }
  for (const auto& bundles : snapshot.bundles) sum.add(bundles.sum);
  const ResourceSet& used = snapshot.view.used;
  if (used.cpu != sum.cpu || used.gpu != sum.gpu)
    violation("P2 ii: ", id, " says it has granted ", used.to_text(), ", its workers hold ",
              sum.to_text());
}

// Alive, and not declared dead.
bool Checker::is_trusted(NodeId id) const {
  Node* node = world_.find_node(id);
  return node != nullptr && node->is_alive() && !dead_.contains(id);
}

const node::ObjectSnapshot* Checker::find(NodeId node, ObjectId object) const {
  const auto seen = seen_.find(node);
  if (seen == seen_.end()) return nullptr;
  const auto it = seen->second.objects.find(object);
  return it == seen->second.objects.end() ? nullptr : it->second;
}

void Checker::check(const std::set<NodeId>& touched) {
  for (const NodeId id : touched) {
    if (id == kHeadNode) {
      world_.groups.check();
      for (const auto& known : world_.head().snapshot().nodes)
        if (known.state == NodeState::kDead) dead_.insert(known.view.node);
      continue;
    }
    Node* node = world_.find_node(id);
    if (!node->is_alive()) continue;
    look(id);
    check_store(id);
    check_clients(id);
  }
  check_references();
  check_copies();
  check_attempts();
}

// ---- P1 between nodes ---------------------------------------------------------------------------

void Checker::check_in_flight(NodeId from, NodeId to, const Transfer& transfer, Counts& counts) {
  for (const ObjectId object : transfer.references) {
    const NodeId owner = object.node();
    if (owner == from) ++counts[{object, to}];
    // Whatever is on the way is alive, at whichever node it is.
    if (is_trusted(owner) && is_trusted(from) && is_trusted(to) && find(owner, object) == nullptr)
      violation("P1 ii: ", object, " was freed while it travels from ", from, " to ", to);
  }
}

// For each own object and other node: grants on the way there, seen there, and on the way back.
Checker::Counts Checker::count_grants() {
  Counts counts;
  for (const FlightRef& flight : world_.flights()) {
    const NodeId from = flight->from;
    const NodeId to = flight->to;
    if (flight->messages.empty() || !is_trusted(from) || !is_trusted(to)) continue;
    for (const LinkMessage& message : flight->messages) {
      const auto* peer = std::get_if<PeerMessage>(&message);
      if (peer == nullptr) continue;
      std::visit(
          [&, from = from, to = to](const auto& m) {
            using Message = std::decay_t<decltype(m)>;
            if constexpr (requires { m.transfer; }) check_in_flight(from, to, m.transfer, counts);
            if constexpr (std::is_same_v<Message, BorrowAck>)
              for (const auto& entry : m.entries)
                if (entry.lost == nullptr) ++counts[{entry.object, to}];
            if constexpr (std::is_same_v<Message, PeerRelease>)
              for (const auto& [object, count] : m.objects) counts[{object, from}] += count;
          },
          *peer);
    }
  }
  return counts;
}

void Checker::check_references() {
  Counts counts = count_grants();
  for (const auto& [id, seen] : seen_) {
    if (!is_trusted(id)) continue;
    for (const auto& object : seen.snapshot.objects) {
      const NodeId owner = object.object.node();
      if (owner == id || !is_trusted(owner)) continue;
      if (object.seen > 0) counts[{object.object, id}] += static_cast<int64_t>(object.seen);
      const bool is_lost = object.kind == Value::Kind::kError ||
                           (object.seen == 0 && world_.was_passed_on(object.object));
      // (i), (ii): what somebody holds is not freed. An actor's handle to itself keeps nothing.
      if (object.local > 0 && !is_lost && object.object.index() > 0 &&
          find(owner, object.object) == nullptr)
        violation("P1 i: ", id, " holds ", object.object, ", which its owner has freed");
      if (object.local > 0 && object.seen == 0 && object.borrows == 0 && !is_lost)
        violation("P1 i: ", id, " holds ", object.object, " without a grant or a Borrow");
    }
  }
  for (const auto& [id, seen] : seen_) {
    if (!is_trusted(id)) continue;
    for (const auto& object : seen.snapshot.objects) {
      if (object.object.node() != id) continue;
      for (const auto& [holder, count] : object.grants) {
        if (!is_trusted(holder)) continue;
        const auto it = counts.find({object.object, holder});
        const int64_t expected = it == counts.end() ? 0 : it->second;
        if (expected != static_cast<int64_t>(count))
          violation("P1 iii: grants of ", object.object, " to ", holder, " are ", count, " where ",
                    expected, " were seen or are on the way");
        if (it != counts.end()) counts.erase(it);
      }
    }
  }
  for (const auto& [key, count] : counts)
    if (count > 0 && is_trusted(key.first.node()) && is_trusted(key.second))
      violation("P1 iii: ", key.second, " has seen or is sent ", count, " grants of ", key.first,
                " that its owner does not count");
}

// ---- P1 between a node and its clients ----------------------------------------------------------

void Checker::check_clients(NodeId id) {
  const Seen& seen = seen_.at(id);
  std::map<std::pair<ClientId, ObjectId>, int64_t> counts;  // daemon − client
  for (const auto& object : seen.snapshot.objects) {
    uint64_t inside = 0;
    for (const auto& [client, count] : object.client_grants) {
      counts[{client, object.object}] += static_cast<int64_t>(count);
      inside += count;
    }
    for (const auto& [node, count] : object.pins) inside += count;
    if (inside > object.local)
      violation("P1 iii: ", object.object, " has ", inside, " clients' counts and pins in ",
                object.local, " holds of ", id);
  }
  for (const auto& [client_id, client] : world_.clients()) {
    if (&client->node() != world_.find_node(id) || !client->is_alive()) continue;
    for (const auto& [object, count] : client->received())
      counts[{client_id, object}] -= static_cast<int64_t>(count);
    for (const ClientAnswer& answer : client->answers()) {
      if (const auto* ready = std::get_if<Ready>(&answer))
        for (const ObjectId object : ready->value.contains) --counts[{client_id, object}];
      if (const auto* found = std::get_if<ActorFound>(&answer);
          found != nullptr && !found->actor.is_nil())
        --counts[{client_id, found->actor.creation().object(0)}];
    }
    for (const ClientMessage& message : client->out) {
      if (const auto* release = std::get_if<Release>(&message))
        for (const auto& [object, count] : release->objects) counts[{client_id, object}] -= count;
      if (const auto* put = std::get_if<Put>(&message)) ++counts[{client_id, put->object}];
      if (const auto* create = std::get_if<CreateActor>(&message))
        ++counts[{client_id, create->creation.object(0)}];
      const auto count_returns = [&, client_id = client_id](TaskId task) {
        for (uint32_t i = 1; i <= world_.oracle.find_task(task)->outcomes.size(); ++i)
          ++counts[{client_id, task.object(i)}];
      };
      if (const auto* submit = std::get_if<Submit>(&message)) count_returns(submit->task);
      if (const auto* call = std::get_if<CallActor>(&message)) count_returns(call->task);
    }
    if (!client->is_worker()) continue;
    for (const auto& [attempt, objects] : static_cast<const Worker&>(*client).unread())
      for (const ObjectId object : objects) --counts[{client_id, object}];
  }
  std::set<ClientId> held_back;  // what they said waits in the daemon
  for (const auto& actor : seen.snapshot.actors)
    if (actor.held_back > 0) held_back.insert(actor.worker);
  for (const auto& [key, difference] : counts) {
    if (difference == 0 || held_back.contains(key.first)) continue;
    const Client* client = world_.find_client(key.first);
    if (client == nullptr || !client->is_alive() || !client->is_admitted()) continue;
    if (client->is_worker() &&
        static_cast<const Worker*>(client)->actor() == ActorId::of(key.second.task()) &&
        key.second.index() == 0)
      continue;  // its handle to itself is not counted
    violation("P1 iii: ", id, " counts ", difference, " more of ", key.second, " for client ",
              key.first, " than it has or is on the way");
  }
}

// ---- the store ----------------------------------------------------------------------------------

void Checker::check_store(NodeId id) {
  Node* node = world_.find_node(id);
  const auto check = [&](ObjectId object, const Extent& extent) {
    if (extent.length > 0 && !node->store().read(extent))
      violation("the store of ", id, " has lost the bytes of ", object, " at ", extent.offset);
  };
  for (const auto& object : seen_.at(id).snapshot.objects) check(object.object, object.extent);
  for (const auto& copy : seen_.at(id).snapshot.copies) check(copy.object, copy.extent);
}

// ---- P2 -----------------------------------------------------------------------------------------

void Checker::check_attempts() {
  std::set<std::pair<TaskId, uint32_t>> running;
  for (const auto& [id, seen] : seen_) {
    if (!is_trusted(id)) continue;
    for (const auto& attempt : seen.snapshot.attempts) {
      if (!running.insert({attempt.task, attempt.attempt}).second)
        violation("P2 i: ", attempt.task, " k=", attempt.attempt, " is at two nodes");
      const auto owner = seen_.find(attempt.owner);
      if (owner == seen_.end() || !is_trusted(attempt.owner)) continue;
      for (const auto& task : owner->second.snapshot.tasks)
        if (task.task == attempt.task && attempt.attempt > task.attempt)
          violation("P2 i: ", attempt.task, " runs as k=", attempt.attempt, ", its owner is at ",
                    task.attempt);
    }
  }
}

// What is on the way about copies of objects, by the node that has the copy.
std::set<std::pair<NodeId, ObjectId>> Checker::copies_in_flight() const {
  std::set<std::pair<NodeId, ObjectId>> named;
  for (const FlightRef& flight : world_.flights()) {
    const NodeId from = flight->from;
    const NodeId to = flight->to;
    for (const LinkMessage& message : flight->messages) {
      const auto* peer = std::get_if<PeerMessage>(&message);
      if (peer == nullptr) continue;
      std::visit(
          [&, from = from, to = to](const auto& m) {
            using Message = std::decay_t<decltype(m)>;
            if constexpr (std::is_same_v<Message, CopyChanged>) named.insert({from, m.object});
            if constexpr (std::is_same_v<Message, DropCopy> || std::is_same_v<Message, Discard>)
              named.insert({to, m.object});
            if constexpr (std::is_same_v<Message, AttemptDone> ||
                          std::is_same_v<Message, ActorReply>)
              for (uint32_t i = 0; i < m.results.size(); ++i)
                named.insert({from, m.task.object(i + 1)});
          },
          *peer);
    }
  }
  return named;
}

// A copy is in use where it is, or its owner knows the object, or is about to hear of it.
void Checker::check_copies() {
  std::optional<std::set<std::pair<NodeId, ObjectId>>> named;
  for (const auto& [id, seen] : seen_) {
    if (!is_trusted(id)) continue;
    for (const auto& copy : seen.snapshot.copies) {
      const NodeId owner = copy.object.node();
      if (!is_trusted(owner) || find(id, copy.object) || find(owner, copy.object)) continue;
      if (!named) named = copies_in_flight();
      if (!named->contains({id, copy.object}))
        violation("P2 v: ", id, " keeps a copy of ", copy.object, ", which is freed");
    }
  }
}

// ---- rest ---------------------------------------------------------------------------------------

void Checker::check_rest() {
  for (Node* node : world_.live_nodes()) {
    const node::Snapshot snapshot = node->core().snapshot();
    const NodeId id = node->id();
    for (const auto& object : snapshot.objects)
      violation("P1 iv: at rest ", id, " has object ", object.object, " local ", object.local,
                " seen ", object.seen, " grants ", object.grants.size(), " pins ",
                object.pins.size());
    for (const auto& copy : snapshot.copies)
      violation("P2 v: at rest ", id, " has a copy of ", copy.object);
    for (const auto& task : snapshot.tasks)
      violation("P2 iii: at rest ", id, " has task ", task.task);
    for (const auto& attempt : snapshot.attempts)
      violation("P2 iii: at rest ", id, " has attempt ", attempt.task, " k=", attempt.attempt);
    for (const auto& worker : snapshot.workers)
      violation("at rest ", id, " has worker ", worker.worker);
    for (const auto& actor : snapshot.actors) violation("at rest ", id, " has actor ", actor.actor);
    for (const auto& client : snapshot.clients)
      violation("at rest ", id, " has client ", client.client);
    for (const auto& bundles : snapshot.bundles)
      violation("G iii: at rest ", id, " has bundles of ", to_string(bundles.group));
    for (const auto& [name, quantity] : snapshot.view.total.custom)
      violation("G iii: at rest ", id, " offers ", name);
    if (snapshot.store_used_bytes != 0)
      violation("P2 v: at rest ", id, " has ", snapshot.store_used_bytes, " bytes in its store");
    if (snapshot.view.used.cpu != 0 || snapshot.view.lent.cpu != 0)
      violation("at rest ", id, " uses ", snapshot.view.used.cpu, " lends ",
                snapshot.view.lent.cpu);
  }
}

}  // namespace rayd::sim
