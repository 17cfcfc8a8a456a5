// Values of objects: how a node that needs one gets it from its owner, and its bytes from a copy.
//
//   unknown ──Fetch──▶ known (inline, error: here) ──pull──▶ here (a copy in this node's store)
//                        ▲                            │ every source failed
//                        └──── Fetch again, later ────┘ (of own objects: pull again)

#include <algorithm>

#include "daemon/node/assignments.h"
#include "daemon/node/node_core.h"
#include "daemon/node/objects.h"
#include "daemon/node/store_grants.h"
#include "daemon/node/tasks.h"

namespace rayd::node {
namespace {

constexpr Duration kRetryAfter = Duration::millis(50);

}  // namespace

// ---- getting a value ----------------------------------------------------------------------------

// Does what is missing for those who wait.
void Objects::pursue(NodeContext& context, ObjectId object, ObjectRecord& record) {
  if (record.last_wait == 0 || retries_.contains(object)) return;
  if (record.is_ready()) {
    if (!record.value.is_here() && has_wait(record, Waiter::Need::kHere))
      start_pull(context, object, record);
    return;
  }
  if (is_own(object)) return;  // its task makes it
  auto& foreign = static_cast<ForeignObject&>(record);
  if (foreign.fetch != ForeignObject::Fetch::kNone) return;
  foreign.fetch = ForeignObject::Fetch::kAsked;
  parts_.core.send(context, object.node(), Fetch{object});
}

void Objects::start_pull(NodeContext& context, ObjectId object, ObjectRecord& record) {
  if (record.pull == ObjectRecord::Pull::kUnderWay) return;
  if (record.value.nodes.empty()) {
    if (is_own(object)) return lose(context, object, static_cast<OwnObject&>(record));
    record.state = ObjectRecord::State::kPending;  // what was known holds no longer
    return pursue(context, object, record);
  }
  record.pull = ObjectRecord::Pull::kUnderWay;
  if (pulls_.contains(object)) return;  // begun for a record that went and came again
  pulls_[object] = Extent{};
  const uint64_t bytes = record.value.size + kObjectHeaderBytes;
  if (const auto room = parts_.store.reserve_for_pull(context, object, bytes))
    pull_into(context, object, record, *room);
}

void Objects::pull_into(NodeContext& context, ObjectId object, ObjectRecord& record,
                        const Extent& room) {
  pulls_[object] = room;
  const std::vector<NodeId>& nodes = record.value.nodes;
  const NodeId from = nodes[nodes.size() == 1 ? 0 : context.random.below(nodes.size())];
  context.out.emplace_back(PullObject{object, from, record.value.size, room});
}

void Objects::on_pull_room(NodeContext& context, ObjectId object, const Extent& room) {
  ObjectRecord* record = find(object);
  if (record != nullptr && record->pull == ObjectRecord::Pull::kUnderWay &&
      !record->value.nodes.empty())
    return pull_into(context, object, *record, room);
  parts_.store.free(context, room);
  pulls_.erase(object);
  if (record == nullptr) return;
  record->pull = ObjectRecord::Pull::kNone;
  pursue(context, object, *record);
}

// No room until the deadline: those who need it here read that, the others do not care.
void Objects::on_pull_refused(NodeContext& context, ObjectId object, ErrorRef cause) {
  pulls_.erase(object);
  ObjectRecord* record = find(object);
  if (record == nullptr) return;
  record->pull = ObjectRecord::Pull::kNone;
  if (record->last_wait == 0) return;
  // The error stands in for the value as long as it takes to tell.
  Value value = std::move(record->value);
  const auto state = record->state;
  record->value = Value::of_error(std::move(cause));
  record->state = ObjectRecord::State::kReady;
  tell(context, object);
  record = find(object);
  record->value = std::move(value);
  record->state = state;
}

void Objects::on_pulled(NodeContext& context, const Pulled& message) {
  const auto pull = pulls_.find(message.object);
  if (pull == pulls_.end() || pull->second.length == 0) return;
  const Extent room = pull->second;
  pulls_.erase(pull);
  ObjectRecord* record = find(message.object);
  if (record != nullptr) record->pull = ObjectRecord::Pull::kNone;
  if (record == nullptr || record->value.is_here()) return parts_.store.free(context, room);
  if (record->is_ready()) record->value.extent = room;
  if (is_own(message.object)) {
    if (!record->is_ready()) return parts_.store.free(context, room);
    record->value.nodes.push_back(parts_.options.node);
  } else if (const auto copy = copies_.find(message.object); copy != copies_.end()) {
    // An attempt that ran here meanwhile made one too.
    parts_.store.free(context, room);
    record->value.extent = copy->second.extent;
  } else {
    add_copy(message.object, Copy{room});
    parts_.core.send(context, message.object.node(), CopyChanged{message.object});
  }
  work_.push_back({message.object, WorkItem::What::kTell});
}

void Objects::on_pull_failed(NodeContext& context, const PullFailed& message) {
  const auto pull = pulls_.find(message.object);
  if (pull == pulls_.end() || pull->second.length == 0) return;
  parts_.store.free(context, pull->second);
  pulls_.erase(pull);
  ObjectRecord* record = find(message.object);
  if (record == nullptr) return;
  record->pull = ObjectRecord::Pull::kNone;
  // The owner believes in a copy until its holder says otherwise or dies: a failed transfer is no
  // loss. Another node tries the other copies it heard of, then asks the owner again.
  if (!is_own(message.object)) std::erase(record->value.nodes, message.from);
  if (is_own(message.object) || record->value.nodes.empty()) {
    if (record->is_ready() && is_own(message.object) && record->value.nodes.empty())
      return lose(context, message.object, static_cast<OwnObject&>(*record));
    if (!is_own(message.object)) tell_late(*record);
    retry_later(context, message.object);
  }
  pursue(context, message.object, *record);
}

// No copy that was heard of is there: attempts that wait keep no room for it.
void Objects::tell_late(const ObjectRecord& record) {
  if (record.last_wait == 0) return;
  uint32_t position = record.last_wait;
  do {
    position = waits_[position].next;
    const Wait& wait = waits_[position];
    if (!wait.is_client() && wait.waiter.who == Waiter::Who::kAssignment)
      parts_.assignments.on_argument_late(wait.waiter.task);
  } while (position != record.last_wait);
}

// Not at once: the news that the owner lacks may be on its way to it.
void Objects::retry_later(NodeContext& context, ObjectId object) {
  retries_.insert(object);
  if (!retry_at_) retry_at_ = context.now + kRetryAfter;
}

void Objects::on_tick(NodeContext& context) {
  if (!retry_at_ || *retry_at_ > context.now) return;
  retry_at_.reset();
  const std::set<ObjectId> retries = std::move(retries_);
  retries_.clear();
  for (const ObjectId object : retries)
    if (ObjectRecord* record = find(object)) pursue(context, object, *record);
}

// ---- the owner's side ---------------------------------------------------------------------------

void Objects::on_peer(NodeContext& context, NodeId from, Fetch&& message) {
  OwnObject* record = is_own(message.object) ? find_own(message.object) : nullptr;
  if (record == nullptr) {
    send_value(
        context, from, message.object,
        Value::of_error(error_about(message.object, ErrorCode::kObjectLost, "it was freed")));
    return;
  }
  if (record->is_ready()) return send_value(context, from, message.object, record->value);
  if (!record->sharing) record->sharing = std::make_unique<Sharing>();
  auto& fetchers = record->sharing->fetchers;
  if (std::find(fetchers.begin(), fetchers.end(), from) == fetchers.end()) fetchers.push_back(from);
}

void Objects::send_value(NodeContext& context, NodeId to, ObjectId object, const Value& value) {
  FetchedValue message;
  message.object = object;
  message.value = value;
  message.value.extent = {};
  message.transfer = attach(context, to, message.value.contains);
  parts_.core.send(context, to, std::move(message));
}

void Objects::on_peer(NodeContext& context, NodeId from, CopyChanged&& message) {
  const ObjectId object = message.object;
  OwnObject* record = is_own(object) ? find_own(object) : nullptr;
  if (message.have == CopyChanged::Have::kNo) {
    if (record != nullptr) forget_location(context, object, from);
    return;
  }
  const bool is_copy = record != nullptr && record->value.kind == Value::Kind::kStored &&
                       record->state != ObjectRecord::State::kPending;
  if (!is_copy) return parts_.core.send(context, from, DropCopy{object});
  auto& nodes = record->value.nodes;
  if (std::find(nodes.begin(), nodes.end(), from) == nodes.end()) nodes.push_back(from);
  if (record->is_ready()) return;
  // The last copy was not the last. What is rebuilt meanwhile comes second.
  record->state = ObjectRecord::State::kReady;
  work_.push_back({object, WorkItem::What::kTell});
}

// A copy of an own object is gone; with the last one the object is lost.
void Objects::forget_location(NodeContext& context, ObjectId object, NodeId node) {
  OwnObject& record = *find_own(object);
  std::erase(record.value.nodes, node);
  if (record.is_ready() && record.value.kind == Value::Kind::kStored &&
      record.value.nodes.empty() && record.pull == ObjectRecord::Pull::kNone)
    lose(context, object, record);
}

void Objects::lose(NodeContext& context, ObjectId object, OwnObject& record) {
  record.state = ObjectRecord::State::kLost;
  if (object.index() == 0) {
    fulfil(context, object,
           Value::of_error(error_about(object, ErrorCode::kObjectLost,
                                       "the last copy of a put is gone; a put is not rebuilt")));
    return;
  }
  work_.push_back({object, WorkItem::What::kLost});
}

// ---- the holder's side --------------------------------------------------------------------------

void Objects::on_peer(NodeContext& context, NodeId from, FetchedValue&& message) {
  receive(context, from, message.transfer);
  ForeignObject* record = find_foreign(message.object);
  if (record == nullptr || record->value.is_here() || from != message.object.node())
    return drop_all(context, message.transfer.references);
  const std::vector<ObjectId> old = std::move(record->value.contains);
  record->fetch = ForeignObject::Fetch::kNone;
  record->value = std::move(message.value);
  record->state = ObjectRecord::State::kReady;
  auto& nodes = record->value.nodes;
  std::erase_if(nodes, [&](NodeId node) { return node == parts_.options.node || is_dead(node); });
  if (const auto copy = copies_.find(message.object);
      copy != copies_.end() && record->value.kind == Value::Kind::kStored)
    record->value.extent = copy->second.extent;
  drop_all(context, old);
  work_.push_back({message.object, WorkItem::What::kTell});
}

void Objects::set_lost(ObjectId object, ForeignObject& record, ErrorRef cause) {
  if (record.value.is_here()) return;
  record.fetch = ForeignObject::Fetch::kNone;
  record.value.kind = Value::Kind::kError;  // `contains` stays held until the record goes
  record.value.error = std::move(cause);
  record.state = ObjectRecord::State::kReady;
  work_.push_back({object, WorkItem::What::kTell});
}

// ---- copies in this node's store ----------------------------------------------------------------

void Objects::keep_result(NodeContext& context, ObjectId object, uint32_t attempt,
                          const Value& value) {
  if (value.kind != Value::Kind::kStored || value.extent.length == 0) return;
  if (const auto copy = copies_.find(object); copy != copies_.end()) {
    // There is one already, of an earlier attempt or pulled. In use here it stays.
    if (foreign_objects_.contains(object)) return parts_.store.free(context, value.extent);
    remove_copy(context, object);
  }
  add_copy(object, Copy{value.extent, Copy::Kind::kResult, attempt});
}

void Objects::discard_result(NodeContext& context, ObjectId object, uint32_t attempt) {
  const auto copy = copies_.find(object);
  if (copy == copies_.end() || copy->second.kind != Copy::Kind::kResult ||
      copy->second.attempt != attempt)
    return;
  on_peer(context, object.node(), DropCopy{object});
}

void Objects::drop_results_of_head(NodeContext& context) {
  std::vector<ObjectId> results;
  for (const auto& [object, copy] : copies_)
    if (object.node() == kHeadNode) results.push_back(object);
  for (const ObjectId object : results) remove_copy(context, object);
}

void Objects::on_peer(NodeContext& context, NodeId from, DropCopy&& message) {
  const auto copy = copies_.find(message.object);
  if (copy == copies_.end() || from != message.object.node()) return;
  if (foreign_objects_.contains(message.object))
    copy->second.dropped = Copy::Dropped::kYes;
  else
    remove_copy(context, message.object);
}

void Objects::add_copy(ObjectId object, const Copy& copy) {
  Copy& added = copies_[object];
  added = copy;
  if (!foreign_objects_.contains(object)) set_evictable(object, added);
}

void Objects::remove_copy(NodeContext& context, ObjectId object) {
  const auto it = copies_.find(object);
  evictable_.erase({it->second.stamp, object});
  parts_.store.free(context, it->second.extent);
  copies_.erase(it);
}

void Objects::set_evictable(ObjectId object, Copy& copy) {
  if (copy.kind != Copy::Kind::kSecondary) return;
  copy.stamp = ++last_stamp_;
  evictable_.insert({copy.stamp, object});
  parts_.store.on_evictable();
}

void Objects::set_in_use(ObjectId object) {
  const auto copy = copies_.find(object);
  if (copy != copies_.end()) evictable_.erase({copy->second.stamp, object});
}

bool Objects::evict_copy(NodeContext& context) {
  if (evictable_.empty()) return false;
  const ObjectId object = evictable_.begin()->second;
  remove_copy(context, object);
  if (!is_dead(object.node()))
    parts_.core.send(context, object.node(), CopyChanged{object, CopyChanged::Have::kNo});
  return true;
}

std::optional<Extent> Objects::copy_here(ObjectId object) const {
  if (const auto copy = copies_.find(object); copy != copies_.end()) return copy->second.extent;
  const ObjectRecord* record = find(object);
  if (record == nullptr || record->value.extent.length == 0) return std::nullopt;
  return record->value.extent;
}

}  // namespace rayd::node
