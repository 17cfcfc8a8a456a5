// Who waits for an object, and how each is told.

#include "daemon/node/actor_calls.h"
#include "daemon/node/actor_host.h"
#include "daemon/node/assignments.h"
#include "daemon/node/objects.h"
#include "daemon/node/tasks.h"

namespace rayd::node {

// ---- rings of waits -----------------------------------------------------------------------------

void Objects::add_wait(ObjectRecord& record, const Wait& wait) {
  const uint32_t position = waits_.take();
  Wait& added = waits_[position];
  added = wait;
  if (record.last_wait == 0) {
    added.next = position;
  } else {
    added.next = waits_[record.last_wait].next;
    waits_[record.last_wait].next = position;
  }
  record.last_wait = position;
  if (!added.is_client()) return;
  ObjectsClient& client = client_state(added.client);
  added.client_previous = client.last_want;
  added.client_next = 0;
  if (client.last_want != 0)
    waits_[client.last_want].client_next = position;
  else
    client.first_want = position;
  client.last_want = position;
}

// A client is told once: a want that is there already only grows from "ready" to "here".
void Objects::add_want(ObjectRecord& record, ClientId client, ObjectId object, Waiter::Need need) {
  const uint32_t position = find_wait(record, Waiter{}, client);
  if (position == 0) {
    add_wait(record, Wait{object, Waiter{Waiter::Who::kTask, {}, need}, client});
  } else if (need == Waiter::Need::kHere) {
    waits_[position].waiter.need = need;
  }
}

// Of a client's want by its client, of a part's by the waiter.
uint32_t Objects::find_wait(const ObjectRecord& record, const Waiter& waiter,
                            ClientId client) const {
  if (record.last_wait == 0) return 0;
  uint32_t position = record.last_wait;
  do {
    position = waits_[position].next;
    const Wait& wait = waits_[position];
    if (wait.client != client) continue;
    if (wait.is_client() || wait.waiter == waiter) return position;
  } while (position != record.last_wait);
  return 0;
}

void Objects::remove_wait(ObjectRecord& record, uint32_t position) {
  uint32_t previous = position;
  while (waits_[previous].next != position) previous = waits_[previous].next;
  const Wait& wait = waits_[position];
  waits_[previous].next = wait.next;
  if (record.last_wait == position) record.last_wait = previous == position ? 0 : previous;
  if (wait.is_client()) {
    ObjectsClient& client = client_state(wait.client);
    if (wait.client_previous != 0)
      waits_[wait.client_previous].client_next = wait.client_next;
    else
      client.first_want = wait.client_next;
    if (wait.client_next != 0)
      waits_[wait.client_next].client_previous = wait.client_previous;
    else
      client.last_want = wait.client_previous;
  }
  waits_.give_back(position);
}

bool Objects::has_wait(const ObjectRecord& record, Waiter::Need need) const {
  if (record.last_wait == 0) return false;
  if (need == Waiter::Need::kReady) return true;
  uint32_t position = record.last_wait;
  do {
    position = waits_[position].next;
    if (waits_[position].waiter.need == need) return true;
  } while (position != record.last_wait);
  return false;
}

// ---- parts --------------------------------------------------------------------------------------

const Value* Objects::await(NodeContext& context, ObjectId object, Waiter waiter) {
  ObjectRecord* record = find(object);
  if (record == nullptr) {
    lost_ = Value::of_error(error_about(object, ErrorCode::kObjectLost, "nobody holds it"));
    return &lost_;
  }
  if (record->meets(waiter.need)) return &record->value;
  add_wait(*record, Wait{object, waiter, ClientId{}});
  pursue(context, object, *record);
  return nullptr;
}

void Objects::forget_waiter(ObjectId object, const Waiter& waiter) {
  ObjectRecord* record = find(object);
  if (record == nullptr) return;
  if (const uint32_t position = find_wait(*record, waiter, ClientId{}))
    remove_wait(*record, position);
}

const Value* Objects::peek(ObjectId object) const {
  const ObjectRecord* record = find(object);
  return record != nullptr && record->is_ready() ? &record->value : nullptr;
}

// ---- telling ------------------------------------------------------------------------------------

// Those whose need is met are told in the order they came. A handler may add, forget and fulfil, so
// the record is looked up again after each.
void Objects::tell(NodeContext& context, ObjectId object) {
  if (OwnObject* record = is_own(object) ? find_own(object) : nullptr;
      record && record->is_ready() && record->sharing) {
    const std::vector<NodeId> fetchers = std::move(record->sharing->fetchers);
    record->sharing->fetchers.clear();
    for (const NodeId node : fetchers) send_value(context, node, object, record->value);
  }
  for (;;) {
    ObjectRecord* record = find(object);
    if (record == nullptr || record->last_wait == 0) return;
    if (!record->is_ready()) break;
    uint32_t position = waits_[record->last_wait].next;
    while (position != record->last_wait && !record->meets(waits_[position].waiter.need))
      position = waits_[position].next;
    if (!record->meets(waits_[position].waiter.need)) break;
    const Wait wait = waits_[position];
    remove_wait(*record, position);
    tell_one(context, wait);
  }
  if (ObjectRecord* record = find(object)) pursue(context, object, *record);
}

void Objects::tell_one(NodeContext& context, const Wait& wait) {
  if (wait.is_client()) {
    answer(context, wait.client, wait.object, find(wait.object)->value, wait.waiter.need);
    return;
  }
  switch (wait.waiter.who) {
    case Waiter::Who::kTask:
      parts_.tasks.on_object_ready(context, wait.waiter.task, wait.object);
      return;
    case Waiter::Who::kAssignment:
      parts_.assignments.on_object_ready(context, wait.waiter.task, wait.object);
      return;
    case Waiter::Who::kActorCall:
    case Waiter::Who::kActorCreation:
      parts_.actor_calls.on_object_ready(context, wait.waiter.task, wait.object);
      return;
    case Waiter::Who::kActorHost:
      parts_.actor_host.on_object_ready(context, wait.waiter.task, wait.object);
      return;
  }
}

void Objects::answer(NodeContext& context, ClientId client, ObjectId object, const Value& value,
                     Waiter::Need need) {
  // Where copies are is not the client's affair, and a value that was not asked for stays.
  auto& ready = std::get<Ready>(
      std::get<ToClient>(context.out.emplace_back(ToClient{client, Ready{object, {}}})).message);
  if (need == Waiter::Need::kReady) return;
  ready.value.kind = value.kind;
  ready.value.tag = value.tag;
  ready.value.size = value.size;
  ready.value.bytes = value.bytes;
  ready.value.extent = value.extent;
  ready.value.error = value.error;
  if (value.contains.empty()) return;
  ready.value.contains = value.contains;
  // Each hold below is of an object that `value` holds, so no Borrow is needed before the answer.
  for (const ObjectId inner : value.contains) grant(context, client, inner);
}

}  // namespace rayd::node
