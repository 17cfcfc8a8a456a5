// Reading and writing what peers and the journal say of values and arguments (value.capnp).
// Internal to common/wire: it includes generated code. Readers throw Malformed, as those of
// values.h.
#pragma once

#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/schema/value.capnp.h"
#include "common/types/call.h"
#include "common/types/head_messages.h"
#include "common/wire/values.h"

namespace rayd::wire {

/// The longest list of a peer message or a journalled row. Lists of values are bounded by
/// kMaxReturns.
inline constexpr unsigned kMaxListItems = 1u << 21;
inline constexpr unsigned kMaxListValues = kMaxReturns;

/// The number of items for an init…(n) of a builder; throws Malformed beyond `limit`.
unsigned checked_count(size_t items, unsigned limit = kMaxListItems);
/// The list itself, if it has no more than `limit` items.
template <class List>
List checked(List list, unsigned limit = kMaxListItems) {
  checked_count(list.size(), limit);
  return list;
}

/// Not nil; a task's and an actor's index is 0.
ObjectId read_object(schema::Id::Reader reader);
TaskId read_task(schema::Id::Reader reader);
ActorId read_actor(schema::Id::Reader reader);

inline void write(schema::Client::Builder builder, ClientId client) {
  builder.setNode(client.node);
  builder.setSerial(client.serial);
}
inline ClientId read_client(schema::Client::Reader reader) {
  return {reader.getNode(), reader.getSerial()};
}

std::vector<ObjectId> read_objects(capnp::List<schema::Id>::Reader list);

void write(schema::PeerValue::Builder builder, const Value& value);
Value read_peer_value(schema::PeerValue::Reader reader);
void write(capnp::List<schema::PeerValue>::Builder list, const std::vector<Value>& values);
std::vector<Value> read_peer_values(capnp::List<schema::PeerValue>::Reader list);

/// Two parallel lists become one: `values` may be shorter, and is looked at for references only.
void write_peer_args(capnp::List<schema::PeerArg>::Builder list, const std::vector<Arg>& args,
                     const std::vector<Value>& values);
/// Gives lists of one length.
void read_peer_args(capnp::List<schema::PeerArg>::Reader list, std::vector<Arg>& args,
                    std::vector<Value>& values);

}  // namespace rayd::wire
