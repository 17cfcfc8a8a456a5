#include "daemon/node/objects.h"

#include <algorithm>

#include "daemon/node/actor_calls.h"
#include "daemon/node/node_core.h"
#include "daemon/node/store_grants.h"
#include "daemon/node/tasks.h"

namespace rayd::node {

Objects::Objects(Parts& parts) : parts_(parts) {}
Objects::~Objects() = default;

// ---- records ------------------------------------------------------------------------------------

OwnObject* Objects::find_own(ObjectId object) {
  OwnNumber* number = own_.find(object);
  return number == nullptr ? nullptr : number->find(object.index());
}

ForeignObject* Objects::find_foreign(ObjectId object) {
  const auto it = foreign_objects_.find(object);
  return it == foreign_objects_.end() ? nullptr : &it->second;
}

ObjectRecord* Objects::find(ObjectId object) {
  if (is_own(object)) return find_own(object);
  return find_foreign(object);
}

ForeignObject& Objects::foreign_record(ObjectId object) {
  const auto [it, is_new] = foreign_objects_.try_emplace(object);
  if (is_new) {
    it->second.state = ObjectRecord::State::kPending;
    set_in_use(object);
  }
  return it->second;
}

ErrorRef Objects::error_about(ObjectId object, ErrorCode code, std::string message) const {
  auto error = make_error(code, std::move(message));
  error->task = object.task();
  error->node = parts_.options.node;
  return error;
}

bool Objects::create(NodeContext&, ObjectId object, ClientId creator) {
  RAY_CHECK(is_own(object) && object.client() == creator);
  OwnNumber* number = own_.find(object);
  if (number == nullptr) number = &own_.create(object);
  OwnObject* record = number->create(object.index());
  if (record == nullptr) return false;
  record->local = 1;
  record->creator_count = 1;
  return true;
}

bool Objects::create_handle(NodeContext& context, ActorId actor, ClientId creator) {
  const ObjectId handle = actor.creation().object(0);
  if (!create(context, handle, creator)) return false;
  find_own(handle)->kind = OwnObject::Kind::kHandle;
  return true;
}

void Objects::revive(NodeContext&, ObjectId object) {
  RAY_CHECK(is_own(object));
  OwnNumber* number = own_.find(object);
  if (number == nullptr) number = &own_.create(object);
  OwnObject* record = number->create(object.index());
  RAY_CHECK(record != nullptr);
  record->local = 1;
}

void Objects::fulfil(NodeContext& context, ObjectId object, Value&& value) {
  OwnObject* record = find_own(object);
  if (record == nullptr || record->is_ready()) {
    // The winner stays. A holder of both the winner's copy and this one keeps the one.
    if (record != nullptr)
      std::erase_if(value.nodes, [&](NodeId node) {
        return std::find(record->value.nodes.begin(), record->value.nodes.end(), node) !=
               record->value.nodes.end();
      });
    drop_value(context, object, std::move(value));
    return;
  }
  Value old = std::move(record->value);
  record->value = std::move(value);
  record->state = ObjectRecord::State::kReady;
  if (record->value.kind == Value::Kind::kStored && record->value.is_here() &&
      record->value.nodes.empty())
    record->value.nodes.push_back(parts_.options.node);
  if (record->last_wait != 0 || (record->sharing && !record->sharing->fetchers.empty()))
    work_.push_back({object, WorkItem::What::kTell});
  drop_all(context, old.contains);  // of a lost value that was rebuilt
}

// A value that nobody will read: what it holds and where it lies goes.
void Objects::drop_value(NodeContext& context, ObjectId object, Value&& value) {
  if (value.kind == Value::Kind::kStored) {
    if (value.extent.length > 0) parts_.store.free(context, value.extent);
    for (const NodeId node : value.nodes)
      if (node != parts_.options.node && !is_dead(node))
        parts_.core.send(context, node, DropCopy{object});
  }
  drop_all(context, value.contains);
}

// ---- holds --------------------------------------------------------------------------------------

void Objects::hold(NodeContext& context, ObjectId object) {
  if (ObjectRecord* record = find(object)) {
    ++record->local;
    return;
  }
  if (!is_own(object)) {
    ++foreign_record(object).local;
    borrow(context, object.node(), BorrowOut{{object}, parts_.options.node, 0});
    return;
  }
  // Somebody names what has been freed (an actor its own handle): a lost one, so that counts agree.
  OwnNumber* number = own_.find(object);
  if (number == nullptr) number = &own_.create(object);
  OwnObject& record = *number->create(object.index());
  record.local = 1;
  record.state = ObjectRecord::State::kReady;
  record.value = Value::of_error(error_about(object, ErrorCode::kObjectLost, "it was freed"));
}

void Objects::drop(NodeContext&, ObjectId object) {
  ObjectRecord* record = find(object);
  RAY_CHECK(record != nullptr && record->local > 0);
  if (--record->local == 0) work_.push_back({object, WorkItem::What::kFree});
}

void Objects::drop_all(NodeContext& context, const std::vector<ObjectId>& objects) {
  for (const ObjectId object : objects) drop(context, object);
}

// ---- work ---------------------------------------------------------------------------------------

void Objects::work(NodeContext& context) {
  // By position: handlers append while this goes on.
  for (size_t i = 0; i < work_.size(); ++i) {
    const WorkItem item = work_[i];
    switch (item.what) {
      case WorkItem::What::kTell: tell(context, item.object); break;
      case WorkItem::What::kFree: free_if_unreferenced(context, item.object); break;
      case WorkItem::What::kLost:
        if (const OwnObject* record = find_own(item.object);
            record && record->state == ObjectRecord::State::kLost)
          parts_.tasks.on_lost(context, item.object);
        break;
    }
  }
  work_.clear();
}

void Objects::free_if_unreferenced(NodeContext& context, ObjectId object) {
  if (is_own(object)) {
    OwnObject* record = find_own(object);
    if (record != nullptr && record->is_unreferenced()) free_own(context, object, *record);
    return;
  }
  ForeignObject* record = find_foreign(object);
  if (record != nullptr && record->local == 0 && record->borrows == 0)
    free_foreign(context, object, *record);
}

void Objects::free_own(NodeContext& context, ObjectId object, OwnObject& record) {
  RAY_CHECK(record.last_wait == 0);  // whoever waits holds
  const bool is_handle = record.kind == OwnObject::Kind::kHandle;
  if (record.sharing)
    for (const Extent& extent : record.sharing->replaced) parts_.store.free(context, extent);
  Value value = std::move(record.value);
  OwnNumber* number = own_.find(object);
  record = OwnObject{};
  if (--number->alive == 0) own_.erase(object);
  drop_value(context, object, std::move(value));
  if (is_handle)
    parts_.actor_calls.on_last_handle(context, ActorId::of(object.task()));
  else if (object.index() > 0)
    parts_.tasks.on_return_freed(context, object);
}

void Objects::free_foreign(NodeContext& context, ObjectId object, ForeignObject& record) {
  RAY_CHECK(record.last_wait == 0);
  const std::vector<ObjectId> contains = std::move(record.value.contains);
  const uint64_t seen = record.seen;
  const NodeId owner = object.node();
  foreign_objects_.erase(object);
  retries_.erase(object);
  const auto copy = copies_.find(object);
  if (copy != copies_.end()) {
    if (copy->second.dropped == Copy::Dropped::kYes || is_dead(owner))
      remove_copy(context, object);
    else
      set_evictable(object, copy->second);
  }
  drop_all(context, contains);
  if (seen == 0 || is_dead(owner)) return;
  // One message takes what a batch lets go of in a row.
  if (!context.out.empty())
    if (auto* last = std::get_if<ToPeer>(&context.out.back()); last && last->node == owner)
      if (auto* release = std::get_if<PeerRelease>(&last->message)) {
        release->objects.push_back({object, static_cast<uint32_t>(seen)});
        return;
      }
  parts_.core.send(context, owner, PeerRelease{{{object, static_cast<uint32_t>(seen)}}});
}

}  // namespace rayd::node
