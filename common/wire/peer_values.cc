#include "common/wire/peer_values.h"

namespace rayd::wire {
namespace {

template <class IdType>
IdType read_creation(schema::Id::Reader reader, const char* what) {
  const auto id = read_id<IdType>(reader);
  if (id.is_nil()) throw Malformed{std::string{"a nil "} + what};
  if (id.index() != 0) throw Malformed{std::string{what} + " with an index"};
  return id;
}

}  // namespace

unsigned checked_count(size_t items, unsigned limit) {
  if (items > limit) {
    throw Malformed{"a list of " + std::to_string(items) + " items; at most " +
                    std::to_string(limit) + " are allowed"};
  }
  return static_cast<unsigned>(items);
}

ObjectId read_object(schema::Id::Reader reader) {
  const auto id = read_id<ObjectId>(reader);
  if (id.is_nil()) throw Malformed{"a nil object"};
  return id;
}
TaskId read_task(schema::Id::Reader reader) { return read_creation<TaskId>(reader, "task"); }
ActorId read_actor(schema::Id::Reader reader) { return read_creation<ActorId>(reader, "actor"); }

std::vector<ObjectId> read_objects(capnp::List<schema::Id>::Reader list) {
  std::vector<ObjectId> objects;
  objects.reserve(checked_count(list.size()));
  for (const auto id : list) objects.push_back(read_object(id));
  return objects;
}

void write(schema::PeerValue::Builder builder, const Value& value) {
  write_value(builder, value, [&] {
    auto nodes = builder.initStored(checked_count(value.nodes.size()));
    for (unsigned i = 0; i < nodes.size(); ++i) nodes.set(i, value.nodes[i].value);
  });
  if (!value.contains.empty()) {
    write_ids(builder.initContains(checked_count(value.contains.size())), value.contains);
  }
}

Value read_peer_value(schema::PeerValue::Reader reader) {
  Value value = read_value<schema::PeerValue>(reader, [&](Value& read) {
    const auto nodes = checked(reader.getStored());
    read.nodes.reserve(nodes.size());
    for (const uint32_t node : nodes) read.nodes.push_back(NodeId{node});
  });
  if (reader.hasContains()) value.contains = read_objects(reader.getContains());
  return value;
}

void write(capnp::List<schema::PeerValue>::Builder list, const std::vector<Value>& values) {
  for (unsigned i = 0; i < list.size(); ++i) write(list[i], values[i]);
}

std::vector<Value> read_peer_values(capnp::List<schema::PeerValue>::Reader list) {
  std::vector<Value> values;
  values.reserve(checked_count(list.size(), kMaxListValues));
  for (const auto value : list) values.push_back(read_peer_value(value));
  return values;
}

void write_peer_args(capnp::List<schema::PeerArg>::Builder list, const std::vector<Arg>& args,
                     const std::vector<Value>& values) {
  for (unsigned i = 0; i < list.size(); ++i) {
    auto builder = list[i];
    if (!args[i].is_reference()) {
      write(builder.initValue(), args[i].value);
      continue;
    }
    write(builder.initReference(), args[i].reference);
    if (i < values.size() && values[i].kind != Value::Kind::kNone) {
      write(builder.initValue(), values[i]);
    }
  }
}

void read_peer_args(capnp::List<schema::PeerArg>::Reader list, std::vector<Arg>& args,
                    std::vector<Value>& values) {
  args.resize(checked_count(list.size(), kMaxListValues));
  values.resize(list.size());
  for (unsigned i = 0; i < list.size(); ++i) {
    const auto reader = list[i];
    if (!reader.hasReference()) {
      args[i].value = read_peer_value(reader.getValue());
      if (args[i].value.kind != Value::Kind::kInline)
        throw Malformed{"an argument without a value"};
      continue;
    }
    args[i].reference = read_object(reader.getReference());
    // Nothing is known of a value of kind none, whatever else it says.
    const auto value = reader.getValue();
    if (value.which() != schema::PeerValue::NONE) values[i] = read_peer_value(value);
  }
}

}  // namespace rayd::wire
