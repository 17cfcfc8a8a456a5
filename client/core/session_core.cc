#include "client/core/session_core.h"

#include <algorithm>

namespace rayd::client {

void SessionCore::created(ObjectId object) {
  Entry& entry = entries_[object];
  ++entry.handles;
  ++entry.received;
}

void SessionCore::add_handle(ObjectId object) { ++entries_[object].handles; }

void SessionCore::drop_handle(ObjectId object) {
  const auto it = entries_.find(object);
  if (it == entries_.end()) return;
  RAY_CHECK(it->second.handles > 0);
  if (--it->second.handles == 0) forget(it);
}

void SessionCore::forget(std::unordered_map<ObjectId, Entry, IdHash>::iterator it) {
  const ObjectId object = it->first;
  const std::vector<ObjectId> contains = std::move(it->second.value.contains);
  if (it->second.received > 0) releases_.push_back({object, it->second.received});
  entries_.erase(it);
  for (const ObjectId inner : contains) drop_handle(inner);
  if (releases_.size() >= kMaxIdsPerMessage) flush_releases();
}

bool SessionCore::is_known(ObjectId object, Want::Fetch fetch) const {
  const auto it = entries_.find(object);
  if (it == entries_.end()) return false;
  return it->second.known >= (fetch == Want::Fetch::kYes ? Asked::kValue : Asked::kReady);
}

void SessionCore::want(std::span<const ObjectId> objects, Want::Fetch fetch) {
  const Asked need = fetch == Want::Fetch::kYes ? Asked::kValue : Asked::kReady;
  Want message{{}, fetch};
  const auto send = [&] {
    if (!message.objects.empty()) outbox_.push_back(std::move(message));
    message = Want{{}, fetch};
  };
  for (const ObjectId object : objects) {
    const auto it = entries_.find(object);
    if (it == entries_.end()) continue;
    Entry& entry = it->second;
    if (entry.known >= need || entry.asked >= need) continue;
    entry.asked = need;
    message.objects.push_back(object);
    if (message.objects.size() == kMaxIdsPerMessage) send();
  }
  send();
}

void SessionCore::unwant(std::span<const ObjectId> objects) {
  Unwant message;
  const auto send = [&] {
    if (!message.objects.empty()) outbox_.push_back(std::move(message));
    message = Unwant{};
  };
  for (const ObjectId object : objects) {
    const auto it = entries_.find(object);
    if (it == entries_.end() || it->second.asked <= it->second.known) continue;
    it->second.asked = it->second.known;
    message.objects.push_back(object);
    if (message.objects.size() == kMaxIdsPerMessage) send();
  }
  send();
}

const Value& SessionCore::value(ObjectId object) const {
  const auto it = entries_.find(object);
  RAY_CHECK(it != entries_.end() && it->second.known == Asked::kValue);
  return it->second.value;
}

void SessionCore::on_ready(Ready&& ready) {
  // The grants for what the value contains count whether or not anybody still cares.
  const auto it = entries_.find(ready.object);
  const bool news = it != entries_.end() && it->second.known != Asked::kValue &&
                    ready.value.kind != Value::Kind::kNone;
  if (news) {
    for (const ObjectId inner : ready.value.contains) add_handle(inner);
  }
  on_granted(ready.value.contains);
  if (it == entries_.end()) return;
  // `it` may be stale after add_handle rehashed the table.
  Entry& entry = entries_.find(ready.object)->second;
  if (news) {
    entry.value = std::move(ready.value);
    entry.known = Asked::kValue;
  } else {
    entry.known = std::max(entry.known, Asked::kReady);
  }
  entry.asked = std::max(entry.asked, entry.known);
}

void SessionCore::on_granted(std::span<const ObjectId> objects) {
  for (const ObjectId object : objects) {
    const auto it = entries_.find(object);
    if (it != entries_.end()) {
      ++it->second.received;
    } else {
      releases_.push_back({object, 1});
      if (releases_.size() >= kMaxIdsPerMessage) flush_releases();
    }
  }
}

void SessionCore::flush_releases() {
  for (size_t begin = 0; begin < releases_.size(); begin += kMaxIdsPerMessage) {
    const size_t end = std::min(begin + kMaxIdsPerMessage, releases_.size());
    outbox_.push_back(Release{{releases_.begin() + static_cast<ptrdiff_t>(begin),
                               releases_.begin() + static_cast<ptrdiff_t>(end)}});
  }
  releases_.clear();
}

}  // namespace rayd::client
