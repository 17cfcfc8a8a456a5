// What a node knows of objects, as values.

#include <algorithm>

#include "daemon/node/clients.h"
#include "daemon/node/objects.h"

namespace rayd::node {
namespace {

ObjectSnapshot of_record(ObjectId object, const ObjectRecord& record) {
  ObjectSnapshot snapshot;
  snapshot.object = object;
  snapshot.local = record.local;
  snapshot.kind = record.is_ready() ? record.value.kind : Value::Kind::kNone;
  snapshot.size = record.value.size;
  snapshot.nodes = record.value.nodes;
  snapshot.contains = record.value.contains;
  snapshot.extent = record.value.extent;
  return snapshot;
}

}  // namespace

void Objects::append_to(Snapshot& snapshot) const {
  const auto add_own = [&](TaskId task, const OwnObject& record) {
    if (record.state == ObjectRecord::State::kAbsent) return;
    ObjectSnapshot added = of_record(task.object(record.index), record);
    if (record.sharing) added.grants = record.sharing->grants;
    if (record.creator_count > 0)
      added.client_grants.push_back({task.client(), record.creator_count});
    snapshot.objects.push_back(std::move(added));
  };
  own_.for_each([&](TaskId task, const OwnNumber& number) {
    add_own(task, number.first);
    for (const OwnObject& record : number.others) add_own(task, record);
  });
  for (const auto& [object, record] : foreign_objects_) {
    ObjectSnapshot added = of_record(object, record);
    added.seen = record.seen;
    added.borrows = record.borrows;
    snapshot.objects.push_back(std::move(added));
  }
  std::map<ObjectId, size_t> index;
  for (size_t i = 0; i < snapshot.objects.size(); ++i) index[snapshot.objects[i].object] = i;
  for (const auto& [node, peer] : peers_)
    for (const auto& [token, pinned] : peer.pins)
      for (const ObjectId object : pinned) {
        auto& pins = snapshot.objects[index.at(object)].pins;
        if (pins.empty() || pins.back().first != node) pins.push_back({node, 0});
        ++pins.back().second;
      }
  for (const ClientId client : parts_.clients.connected())
    if (const ObjectsClient* state = find_client(client))
      for (const auto& [object, count] : state->borrowed)
        snapshot.objects[index.at(object)].client_grants.push_back({client, count});
  for (const auto& [object, copy] : copies_) snapshot.copies.push_back({object, copy.extent});
}

}  // namespace rayd::node
