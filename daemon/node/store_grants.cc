#include "daemon/node/store_grants.h"

#include <algorithm>

#include "common/base/check.h"
#include "daemon/node/clients.h"
#include "daemon/node/objects.h"

namespace rayd::node {
namespace {

// The user's segment. A daemon that serves several users has one for each.
constexpr uint16_t kSegment = 0;
constexpr uint64_t kBit = 64;  // bytes

shm::ExtentLimits limits_of(const NodeOptions& options) {
  shm::ExtentLimits limits;
  limits.capacity_bytes = options.store_capacity_bytes;
  limits.address_bytes = options.store_virtual_bytes;
  return limits;
}

constexpr uint64_t round_up(uint64_t bytes, uint64_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

// The bits of `words` that stand for [begin, end), 64-byte units.
template <class F>
void for_words(uint64_t begin, uint64_t end, F&& f) {
  while (begin < end) {
    const uint64_t word = begin / 64;
    const uint64_t first = begin % 64;
    const uint64_t count = std::min(end - begin, 64 - first);
    f(word, (count == 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1) << first);
    begin += count;
  }
}

}  // namespace

StoreGrants::StoreGrants(Parts& parts) : parts_(parts), extents_(limits_of(parts.options)) {}

// ---- asking for room ----------------------------------------------------------------------------

void StoreGrants::on_request(NodeContext& context, ClientId client, const RequestArena& message) {
  Pending pending;
  pending.client = client;
  pending.request = message.request;
  pending.bytes = message.bytes;
  pending.kind = message.kind;
  pending.deadline = context.now + parts_.options.store_full_timeout;
  if (message.bytes == 0 || message.bytes > parts_.options.store_capacity_bytes)
    return refuse(context, pending);  // waiting would not help
  if (pending_.empty())
    if (const auto extent = grant(context, pending)) return tell_granted(context, pending, *extent);
  pending_.push_back(pending);
}

std::optional<Extent> StoreGrants::reserve_for_pull(NodeContext& context, ObjectId object,
                                                    uint64_t bytes) {
  Pending pending;
  pending.client = self();
  pending.object = object;
  pending.bytes = bytes;
  pending.kind = RequestArena::Kind::kExtent;
  pending.deadline = context.now + parts_.options.store_full_timeout;
  if (pending_.empty())
    if (const auto extent = grant(context, pending)) return extent;
  pending_.push_back(pending);
  return std::nullopt;
}

std::optional<Extent> StoreGrants::grant(NodeContext& context, const Pending& pending) {
  auto granted = extents_.grant(pending.client, pending.bytes);
  while (!granted.ok() && parts_.objects.evict_copy(context))
    granted = extents_.grant(pending.client, pending.bytes);
  if (!granted.ok()) return std::nullopt;
  punch(context, granted->punch);
  Arena arena;
  arena.length = granted->extent.length;
  arena.client = pending.client;
  arena.kind = pending.kind;
  if (arena.kind == RequestArena::Kind::kArena) arena.words.resize(arena.length / shm::kPageBytes);
  if (pending.is_pull()) arena.sealed_bytes = pending.bytes;
  arenas_[granted->extent.offset] = std::move(arena);
  return Extent{kSegment, granted->extent.offset,
                pending.is_pull() ? pending.bytes : granted->extent.length};
}

void StoreGrants::tell_granted(NodeContext& context, const Pending& pending, const Extent& extent) {
  if (pending.is_pull())
    parts_.objects.on_pull_room(context, pending.object, extent);
  else
    context.out.emplace_back(ToClient{pending.client, ArenaGranted{pending.request, extent}});
}

void StoreGrants::refuse(NodeContext& context, const Pending& pending) {
  const uint64_t used = extents_.used_bytes();
  const uint64_t capacity = extents_.capacity_bytes();
  if (!pending.is_pull()) {
    context.out.emplace_back(
        ToClient{pending.client, ArenaRefused{pending.request, used, capacity}});
    return;
  }
  auto error = std::make_shared<ErrorInfo>();
  error->code = ErrorCode::kStoreFull;
  error->message = "no room for " + std::to_string(pending.bytes) +
                   " bytes: " + std::to_string(used) + " of " + std::to_string(capacity) +
                   " are in use";
  error->task = pending.object.task();
  error->node = parts_.options.node;
  parts_.objects.on_pull_refused(context, pending.object, std::move(error));
}

// In order: a small request behind a large one waits too, or the large one would wait for ever.
void StoreGrants::work(NodeContext& context) {
  if (!std::exchange(may_have_room_, false)) return;
  while (!pending_.empty()) {
    const auto extent = grant(context, pending_.front());
    if (!extent) return;
    const Pending pending = pending_.front();
    pending_.pop_front();
    tell_granted(context, pending, *extent);
  }
}

void StoreGrants::on_tick(NodeContext& context) {
  while (!pending_.empty() && pending_.front().deadline <= context.now) {
    const Pending pending = pending_.front();
    pending_.pop_front();
    may_have_room_ = true;  // who is behind it may need less
    refuse(context, pending);
  }
}

std::optional<Time> StoreGrants::next_deadline() const {
  if (pending_.empty()) return std::nullopt;
  return pending_.front().deadline;  // all wait equally long
}

// ---- what is written ----------------------------------------------------------------------------

StoreGrants::Arenas::iterator StoreGrants::find(const Extent& extent) {
  if (extent.segment != kSegment || extent.length == 0) return arenas_.end();
  auto it = arenas_.upper_bound(extent.offset);
  if (it == arenas_.begin()) return arenas_.end();
  --it;
  const uint64_t begin = extent.offset - it->first;
  const bool is_inside = begin < it->second.length && extent.length <= it->second.length - begin;
  return is_inside ? it : arenas_.end();
}

bool StoreGrants::seal(NodeContext&, ClientId client, const Extent& extent) {
  const auto it = find(extent);
  if (it == arenas_.end() || extent.offset % kBit != 0) return false;
  Arena& arena = it->second;
  if (arena.client != client || arena.state != Arena::State::kOpen) return false;
  if (arena.kind == RequestArena::Kind::kExtent) {
    if (arena.sealed_bytes != 0 || extent.offset != it->first) return false;
    arena.sealed_bytes = extent.length;
    return true;
  }
  const uint64_t begin = (extent.offset - it->first) / kBit;
  const uint64_t end = begin + round_up(extent.length, kBit) / kBit;
  bool overlaps = false;
  for_words(begin, end,
            [&](uint64_t w, uint64_t bits) { overlaps |= (arena.words[w] & bits) != 0; });
  if (overlaps) return false;
  for_words(begin, end, [&](uint64_t w, uint64_t bits) { arena.words[w] |= bits; });
  return true;
}

void StoreGrants::free(NodeContext& context, const Extent& extent) {
  const auto it = find(extent);
  RAY_CHECK(it != arenas_.end());
  Arena& arena = it->second;
  if (arena.kind == RequestArena::Kind::kExtent)
    return give_back(context, it, {it->first, arena.length});
  const uint64_t begin = (extent.offset - it->first) / kBit;
  const uint64_t end = begin + round_up(extent.length, kBit) / kBit;
  for_words(begin, end, [&](uint64_t word, uint64_t bits) {
    RAY_CHECK((arena.words[word] & bits) == bits);
    arena.words[word] &= ~bits;
  });
  if (arena.state == Arena::State::kOpen) return;
  // The first and the last page may be shared with neighbours that live; those between are not.
  uint64_t first = begin / 64;
  uint64_t last = (end - 1) / 64;
  while (first <= last && arena.words[first] != 0) ++first;
  while (last > first && arena.words[last] != 0) --last;
  if (first > last || arena.words[first] != 0) return;
  give_back(context, it,
            {it->first + first * shm::kPageBytes, (last - first + 1) * shm::kPageBytes});
}

// ---- giving back --------------------------------------------------------------------------------

void StoreGrants::on_close(NodeContext& context, ClientId client, const CloseArena& message) {
  const auto it = find(message.arena);
  const bool is_theirs = it != arenas_.end() && it->first == message.arena.offset &&
                         it->second.client == client && it->second.state == Arena::State::kOpen;
  if (!is_theirs)
    return parts_.clients.refuse(context, client, "closed an arena that it does not have");
  close(context, it);
}

void StoreGrants::close(NodeContext& context, Arenas::iterator it) {
  Arena& arena = it->second;
  const uint64_t start = it->first;
  arena.state = Arena::State::kClosed;
  if (arena.kind == RequestArena::Kind::kExtent) {
    if (arena.sealed_bytes == 0) give_back(context, it, {start, arena.length});
    return;
  }
  // Runs of pages without a live object.
  const uint64_t pages = arena.words.size();
  std::vector<shm::Extent> parts;
  for (uint64_t page = 0; page < pages; ++page) {
    if (arena.words[page] != 0) continue;
    const uint64_t first = page;
    while (page < pages && arena.words[page] == 0) ++page;
    parts.push_back({start + first * shm::kPageBytes, (page - first) * shm::kPageBytes});
  }
  for (const shm::Extent& part : parts)
    give_back(context, find({kSegment, part.offset, part.length}), part);
}

// What lies behind the part becomes an arena of its own: the part's addresses are somebody else's
// from now on.
void StoreGrants::give_back(NodeContext& context, Arenas::iterator it, shm::Extent part) {
  may_have_room_ = true;
  Arena& arena = it->second;
  const uint64_t before = part.offset - it->first;
  const uint64_t after = it->first + arena.length - part.end();
  if (after > 0) {
    Arena rest;
    rest.length = after;
    rest.client = arena.client;
    rest.state = arena.state;
    rest.words.assign(arena.words.end() - static_cast<ptrdiff_t>(after / shm::kPageBytes),
                      arena.words.end());
    arenas_[part.end()] = std::move(rest);
  }
  if (before > 0) {
    arena.length = before;
    arena.words.resize(before / shm::kPageBytes);
  } else {
    arenas_.erase(it);
  }
  punch(context, extents_.release(part));
}

void StoreGrants::punch(NodeContext& context, const shm::PunchList& list) {
  for (const shm::Extent& range : list)
    context.out.emplace_back(FreeExtent{Extent{kSegment, range.offset, range.length}});
}

void StoreGrants::on_client_gone(NodeContext& context, ClientId client) {
  std::erase_if(pending_, [&](const Pending& pending) { return pending.client == client; });
  may_have_room_ = true;
  std::vector<uint64_t> open;
  for (const auto& [offset, arena] : arenas_)
    if (arena.client == client && arena.state == Arena::State::kOpen) open.push_back(offset);
  punch(context, extents_.client_died(client));
  for (const uint64_t offset : open) close(context, arenas_.find(offset));
}

}  // namespace rayd::node
