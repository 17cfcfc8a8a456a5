// What clients hold and want. A hostile client can give back only what it was granted, and name
// only what it holds.

#include <algorithm>

#include "daemon/node/actor_host.h"
#include "daemon/node/clients.h"
#include "daemon/node/objects.h"
#include "daemon/node/store_grants.h"

namespace rayd::node {
ObjectsClient& Objects::client_state(ClientId client) {
  if (last_state_ != nullptr && last_client_ == client) return *last_state_;
  last_client_ = client;
  last_state_ = &clients_[client];  // elements stay where they are
  return *last_state_;
}

const ObjectsClient* Objects::find_client(ClientId client) const {
  if (last_state_ != nullptr && last_client_ == client) return last_state_;
  const auto it = clients_.find(client);
  return it == clients_.end() ? nullptr : &it->second;
}

void Objects::grant(NodeContext& context, ClientId client, ObjectId object) {
  if (object.index() == 0 && parts_.actor_host.actor_in(client) == ActorId::of(object.task())) {
    ++client_state(client).own_handle[object];
    return;
  }
  hold(context, object);
  if (object.client() == client)
    ++find_own(object)->creator_count;
  else
    ++client_state(client).borrowed[object];
}

bool Objects::client_holds(ClientId client, ObjectId object) const {
  if (holds_counted(client, object)) return true;
  const ObjectsClient* state = find_client(client);
  return state != nullptr && state->own_handle.contains(object);
}

bool Objects::holds_counted(ClientId client, ObjectId object) const {
  if (object.client() == client) {
    const OwnNumber* number = own_.find(object);
    const OwnObject* record =
        number == nullptr ? nullptr : const_cast<OwnNumber*>(number)->find(object.index());
    return record != nullptr && record->creator_count > 0;
  }
  const ObjectsClient* state = find_client(client);
  return state != nullptr && state->borrowed.contains(object);
}

bool Objects::holds_some_of(ClientId client, TaskId task) const {
  if (task.client() == client) return true;
  const ObjectsClient* state = find_client(client);
  if (state == nullptr) return false;
  const auto it = state->borrowed.lower_bound(task.object(0));
  return it != state->borrowed.end() && it->first.task() == task;
}

void Objects::on_put(NodeContext& context, ClientId client, Put&& message) {
  const ObjectId object = message.object;
  Value& value = message.value;
  const bool is_stored = value.kind == Value::Kind::kStored;
  const bool is_sound =
      object.client() == client && object.index() == 0 && is_free(object.task()) &&
      (is_stored ? value.extent.length >= kObjectHeaderBytes &&
                       value.extent.length - kObjectHeaderBytes >= value.size
                 : value.kind == Value::Kind::kInline && value.bytes.size() <= kMaxInlineInPeer);
  if (!is_sound)
    return parts_.clients.refuse(context, client, to_string(object) + ": not a put of yours");
  for (const ObjectId inner : value.contains)
    if (!client_holds(client, inner))
      return parts_.clients.refuse(context, client, to_string(inner) + ": you do not hold it");
  if (is_stored && !parts_.store.seal(context, client, value.extent))
    return parts_.clients.refuse(context, client,
                                 to_string(object) + ": not written where granted");
  create(context, object, client);
  for (const ObjectId inner : value.contains) hold(context, inner);
  value.nodes.clear();
  fulfil(context, object, std::move(value));
}

// False: it has fewer. `holds`: how many of them are holds; the rest are an actor's of its own
// handle, which it may have made itself in a former life as a task.
bool Objects::take_from_client(ClientId client, const CountedObject& counted, uint32_t& holds) {
  const ObjectId object = counted.object;
  const bool is_creator = object.client() == client;
  OwnObject* record = is_creator ? find_own(object) : nullptr;
  ObjectsClient& state = client_state(client);
  const auto borrowed = is_creator ? state.borrowed.end() : state.borrowed.find(object);
  uint32_t* has = nullptr;
  if (record != nullptr) has = &record->creator_count;
  if (borrowed != state.borrowed.end()) has = &borrowed->second;
  holds = has == nullptr ? 0 : std::min(*has, counted.count);
  const uint32_t rest = counted.count - holds;
  if (rest > 0) {
    const auto own = state.own_handle.find(object);
    if (own == state.own_handle.end() || own->second < rest) return false;
    if ((own->second -= rest) == 0) state.own_handle.erase(own);
  }
  if (holds == 0) return true;
  *has -= holds;
  if (*has == 0 && borrowed != state.borrowed.end()) state.borrowed.erase(borrowed);
  return true;
}

void Objects::on_release(NodeContext& context, ClientId client, const Release& message) {
  for (const CountedObject& counted : message.objects) {
    uint32_t holds = 0;
    if (counted.count == 0) continue;
    if (!take_from_client(client, counted, holds))
      return parts_.clients.refuse(context, client,
                                   to_string(counted.object) + ": released more than granted");
    // Whoever waits holds: with its last reference its want goes too.
    if (!holds_counted(client, counted.object))
      if (ObjectRecord* record = find(counted.object); record && record->last_wait != 0)
        if (const uint32_t position = find_wait(*record, Waiter{}, client))
          remove_wait(*record, position);
    for (; holds > 0; --holds) drop(context, counted.object);
  }
}

void Objects::on_want(NodeContext& context, ClientId client, const Want& message) {
  const auto need = message.fetch == Want::Fetch::kYes ? Waiter::Need::kHere : Waiter::Need::kReady;
  for (const ObjectId object : message.objects) {
    ObjectRecord* record = holds_counted(client, object) ? find(object) : nullptr;
    if (record == nullptr)
      return parts_.clients.refuse(context, client, to_string(object) + ": you do not hold it");
    if (record->meets(need)) {
      answer(context, client, object, record->value, need);
      continue;
    }
    add_want(*record, client, object, need);
    pursue(context, object, *record);
  }
}

void Objects::on_unwant(NodeContext&, ClientId client, const Unwant& message) {
  for (const ObjectId object : message.objects)
    if (ObjectRecord* record = find(object))
      if (const uint32_t position = find_wait(*record, Waiter{}, client))
        remove_wait(*record, position);
}

std::vector<ObjectId> Objects::wanted_by(ClientId client) const {
  std::vector<ObjectId> wanted;
  const ObjectsClient* state = find_client(client);
  if (state == nullptr) return wanted;
  for (uint32_t position = state->first_want; position != 0;
       position = waits_[position].client_next)
    wanted.push_back(waits_[position].object);
  return wanted;
}

bool Objects::is_wanted_by(ClientId client, ObjectId object) const {
  const ObjectRecord* record = find(object);
  return record != nullptr && find_wait(*record, Waiter{}, client) != 0;
}

void Objects::remove_wants(ClientId client) {
  ObjectsClient& state = client_state(client);
  while (state.first_want != 0)
    remove_wait(*find(waits_[state.first_want].object), state.first_want);
}

void Objects::fail_wants(NodeContext& context, ClientId client, const std::vector<ObjectId>& wanted,
                         const ErrorRef& cause) {
  for (const ObjectId object : wanted) {
    ObjectRecord* record = find(object);
    const uint32_t position = record == nullptr ? 0 : find_wait(*record, Waiter{}, client);
    if (position == 0) continue;
    remove_wait(*record, position);
    context.out.emplace_back(ToClient{client, Ready{object, Value::of_error(cause)}});
  }
}

void Objects::on_client_gone(NodeContext& context, ClientId client) {
  remove_wants(client);
  std::vector<std::pair<ObjectId, uint32_t>> held;
  own_.for_each_of(client, [&](TaskId task, const OwnNumber& number) {
    const auto collect = [&](const OwnObject& record) {
      if (record.creator_count > 0)
        held.push_back({task.object(record.index), record.creator_count});
    };
    collect(number.first);
    for (const OwnObject& record : number.others) collect(record);
  });
  for (const auto& [object, count] : held) find_own(object)->creator_count = 0;
  const ObjectsClient& state = client_state(client);
  held.insert(held.end(), state.borrowed.begin(), state.borrowed.end());
  clients_.erase(client);
  last_state_ = nullptr;
  for (const auto& [object, count] : held)
    for (uint32_t i = 0; i < count; ++i) drop(context, object);
}

}  // namespace rayd::node
