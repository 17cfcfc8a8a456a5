// P1 between nodes: grants, pins, Borrows, Releases, and what becomes of them when a node dies.
//
// Everything S says to R is in order, so a count never overtakes the message that carried it. The
// one race, a Release that crosses a new grant, is settled by counting: A subtracts what R had
// seen, and what is left keeps the object alive.

#include <algorithm>

#include "daemon/node/node_core.h"
#include "daemon/node/objects.h"
#include "daemon/node/tasks.h"

namespace rayd::node {

// ---- rule 1 and 2: references in messages -------------------------------------------------------

void Objects::add_grant(OwnObject& record, NodeId node) {
  if (!record.sharing) record.sharing = std::make_unique<Sharing>();
  auto& grants = record.sharing->grants;
  const auto it = std::lower_bound(grants.begin(), grants.end(), node,
                                   [](const auto& grant, NodeId n) { return grant.first < n; });
  if (it != grants.end() && it->first == node)
    ++it->second;
  else
    grants.insert(it, {node, 1});
}

Transfer Objects::attach(NodeContext& context, NodeId to, std::vector<ObjectId> references) {
  Transfer transfer;
  if (references.empty() || is_dead(to)) return transfer;  // nobody will receive it
  std::vector<ObjectId> pinned;
  for (const ObjectId object : references) {
    if (to != parts_.options.node && is_own(object)) {
      add_grant(*find_own(object), to);
      continue;
    }
    hold(context, object);
    if (to != parts_.options.node) pinned.push_back(object);
  }
  if (!pinned.empty()) {
    Peer& peer = peers_[to];
    transfer.token = ++peer.last_transfer;
    peer.pins.emplace(transfer.token, std::move(pinned));
  }
  transfer.references = std::move(references);
  return transfer;
}

void Objects::receive(NodeContext& context, NodeId from, const Transfer& transfer) {
  if (from == parts_.options.node) return;  // `attach` held them for us
  std::map<NodeId, std::vector<ObjectId>> unseen;
  for (const ObjectId object : transfer.references) {
    const NodeId owner = object.node();
    if (is_own(object)) {
      hold(context, object);
      continue;
    }
    ForeignObject& record = foreign_record(object);
    ++record.local;
    if (owner == from)
      ++record.seen;
    else if (record.seen == 0)
      unseen[owner].push_back(object);
  }
  if (transfer.token != 0) {
    if (unseen.empty())
      parts_.core.send(context, from, TransferDone{transfer.token});
    else
      peers_[from].transfers[transfer.token] = static_cast<uint32_t>(unseen.size());
  }
  for (auto& [owner, objects] : unseen)
    borrow(context, owner, BorrowOut{std::move(objects), from, transfer.token});
}

void Objects::borrow(NodeContext& context, NodeId owner, BorrowOut&& borrow) {
  for (const ObjectId object : borrow.objects) ++foreign_objects_.at(object).borrows;
  if (is_dead(owner)) {
    for (const ObjectId object : borrow.objects)
      set_lost(object, foreign_objects_.at(object),
               error_about(object, ErrorCode::kOwnerDied, to_string(owner) + " died"));
    return finish_borrow(context, borrow);
  }
  Peer& peer = peers_[owner];
  const uint64_t token = ++peer.last_borrow;
  parts_.core.send(context, owner, Borrow{token, borrow.objects});
  peer.borrows.emplace(token, std::move(borrow));
}

// Answered, or never to be: what it held up goes on.
void Objects::finish_borrow(NodeContext& context, const BorrowOut& borrow) {
  for (const ObjectId object : borrow.objects) {
    ForeignObject& record = foreign_objects_.at(object);
    if (--record.borrows == 0 && record.local == 0)
      work_.push_back({object, WorkItem::What::kFree});
  }
  if (borrow.token == 0) return;
  auto& transfers = peers_[borrow.sender].transfers;
  const auto it = transfers.find(borrow.token);
  if (it == transfers.end() || --it->second > 0) return;
  transfers.erase(it);
  parts_.core.send(context, borrow.sender, TransferDone{borrow.token});
}

void Objects::on_peer(NodeContext& context, NodeId from, Borrow&& message) {
  BorrowAck ack;
  ack.token = message.token;
  for (const ObjectId object : message.objects) {
    OwnObject* record = is_own(object) ? find_own(object) : nullptr;
    if (record != nullptr) add_grant(*record, from);
    ack.entries.push_back({object, record != nullptr ? nullptr
                                                     : error_about(object, ErrorCode::kObjectLost,
                                                                   "its owner has freed it")});
  }
  parts_.core.send(context, from, std::move(ack));
}

void Objects::on_peer(NodeContext& context, NodeId from, BorrowAck&& message) {
  auto& borrows = peers_[from].borrows;
  const auto it = borrows.find(message.token);
  if (it == borrows.end()) return;
  const BorrowOut borrow = std::move(it->second);
  borrows.erase(it);
  for (const auto& entry : message.entries) {
    ForeignObject* record = find_foreign(entry.object);
    if (record == nullptr || entry.object.node() != from) continue;
    if (entry.lost == nullptr)
      ++record->seen;
    else
      set_lost(entry.object, *record, entry.lost);
  }
  finish_borrow(context, borrow);
  unsettled_borrows_.erase({from, message.token});
  report_if_settled(context);
}

void Objects::on_peer(NodeContext& context, NodeId from, TransferDone&& message) {
  auto& pins = peers_[from].pins;
  const auto it = pins.find(message.token);
  if (it == pins.end()) return;
  const std::vector<ObjectId> pinned = std::move(it->second);
  pins.erase(it);
  drop_all(context, pinned);
}

void Objects::on_peer(NodeContext&, NodeId from, PeerRelease&& message) {
  for (const auto& [object, count] : message.objects) {
    OwnObject* record = is_own(object) ? find_own(object) : nullptr;
    if (record == nullptr || !record->sharing) continue;
    auto& grants = record->sharing->grants;
    const auto it = std::find_if(grants.begin(), grants.end(),
                                 [from](const auto& grant) { return grant.first == from; });
    if (it == grants.end()) continue;
    it->second -= std::min<uint64_t>(it->second, count);
    if (it->second > 0) continue;
    grants.erase(it);
    std::erase(record->sharing->fetchers, from);
    if (record->local == 0 && grants.empty()) work_.push_back({object, WorkItem::What::kFree});
  }
}

// ---- rule 6: deaths -----------------------------------------------------------------------------

void Objects::on_node_dead(NodeContext& context, NodeId node, uint64_t m) {
  if (!dead_.emplace(node, m).second) return;
  Peer& peer = peers_[node];
  // Nothing more comes from it, so nobody there waits for what we would have answered.
  peer.transfers.clear();
  const auto borrows = std::move(peer.borrows);
  peer.borrows.clear();
  const ObjectId first = TaskId::make(ClientId{node.value, 0}, 0).object(0);
  for (auto it = foreign_objects_.lower_bound(first);
       it != foreign_objects_.end() && it->first.node() == node; ++it)
    set_lost(it->first, it->second,
             error_about(it->first, ErrorCode::kOwnerDied, to_string(node) + " died"));
  for (const auto& [token, borrow] : borrows) {
    unsettled_borrows_.erase({node, token});
    finish_borrow(context, borrow);
  }
  std::vector<ObjectId> orphans;
  for (auto it = copies_.lower_bound(first); it != copies_.end() && it->first.node() == node; ++it)
    if (!foreign_objects_.contains(it->first)) orphans.push_back(it->first);
  for (const ObjectId object : orphans) remove_copy(context, object);
  forget_locations_on(context, node);
  for (const auto& [id, other] : peers_)
    for (const auto& [token, borrow] : other.borrows) unsettled_borrows_.insert({id, token});
  report_due_ = std::max(report_due_, m);
  report_if_settled(context);
}

void Objects::forget_locations_on(NodeContext& context, NodeId node) {
  std::vector<ObjectId> lost;     // copies there
  std::vector<ObjectId> emptied;  // contain a reference whose owner it was
  const auto look = [&](TaskId task, const OwnObject& record) {
    if (record.state == ObjectRecord::State::kAbsent) return;
    const Value& value = record.value;
    if (std::find(value.nodes.begin(), value.nodes.end(), node) != value.nodes.end())
      lost.push_back(task.object(record.index));
    // A task that returned what it had submitted there makes it again; a put cannot.
    else if (record.index > 0 && record.is_ready() &&
             std::any_of(value.contains.begin(), value.contains.end(),
                         [&](ObjectId inner) { return inner.node() == node; }))
      emptied.push_back(task.object(record.index));
    if (record.sharing) std::erase(record.sharing->fetchers, node);
  };
  own_.for_each([&](TaskId task, const OwnNumber& number) {
    look(task, number.first);
    for (const OwnObject& record : number.others) look(task, record);
  });
  for (const ObjectId object : lost) forget_location(context, object, node);
  for (const ObjectId object : emptied) empty(context, object, *find_own(object));
  for (auto& [object, record] : foreign_objects_) {
    std::erase(record.value.nodes, node);
    if (!record.value.is_here()) work_.push_back({object, WorkItem::What::kTell});
  }
}

// The value is as good as lost, with all its copies. Who reads its bytes here goes on reading.
void Objects::empty(NodeContext& context, ObjectId object, OwnObject& record) {
  Value value = std::move(record.value);
  record.value = Value{};
  if (value.extent.length > 0) {
    if (!record.sharing) record.sharing = std::make_unique<Sharing>();
    record.sharing->replaced.push_back(std::exchange(value.extent, {}));
  }
  drop_value(context, object, std::move(value));
  lose(context, object, record);
}

void Objects::report_if_settled(NodeContext& context) {
  if (report_due_ == 0 || !unsettled_borrows_.empty()) return;
  settled_reported_ = report_due_;
  report_due_ = 0;
  context.out.emplace_back(ToHead{SettledReport{settled_reported_}});
}

void Objects::on_settled(NodeContext& context, uint64_t m) {
  if (m <= settled_) return;
  const auto is_settled_now = [&](NodeId node) {
    const auto it = dead_.find(node);
    return it != dead_.end() && it->second > settled_ && it->second <= m;
  };
  for (auto& [node, peer] : peers_) {
    if (!is_settled_now(node)) continue;
    for (const auto& [token, pinned] : std::exchange(peer.pins, {})) drop_all(context, pinned);
  }
  std::vector<std::pair<ObjectId, NodeId>> ended;
  const auto look = [&](TaskId task, const OwnObject& record) {
    if (!record.sharing) return;
    for (const auto& [node, count] : record.sharing->grants)
      if (is_settled_now(node)) ended.push_back({task.object(record.index), node});
  };
  own_.for_each([&](TaskId task, const OwnNumber& number) {
    look(task, number.first);
    for (const OwnObject& record : number.others) look(task, record);
  });
  for (const auto& [object, node] : ended) {
    OwnObject* record = find_own(object);
    std::erase_if(record->sharing->grants, [&](const auto& grant) { return grant.first == node; });
    if (record->is_unreferenced()) work_.push_back({object, WorkItem::What::kFree});
  }
  settled_ = m;
}

}  // namespace rayd::node
