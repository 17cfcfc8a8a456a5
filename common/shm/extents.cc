#include "common/shm/extents.h"

#include <algorithm>

namespace rayd::shm {
namespace {

constexpr uint64_t kNowhere = ~uint64_t{0};
/// How many recently released ranges are tried before the smallest that fits is taken.
constexpr int kRecentTries = 16;

constexpr bool is_page_aligned(uint64_t value) { return value % kPageBytes == 0; }

std::string mebibytes(uint64_t bytes) {
  return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB";
}

/// The offset of the smallest range of at least `length`.
uint64_t best_fit(const std::set<std::pair<uint64_t, uint64_t>>& ranges, uint64_t length) {
  const auto it = ranges.lower_bound({length, 0});
  return it == ranges.end() ? kNowhere : it->second;
}

void punch_also(PunchList& punch, Extent extent) {
  if (!punch.empty() && punch.back().end() == extent.offset) {
    punch.back().length += extent.length;
  } else {
    punch.push_back(extent);
  }
}

}  // namespace

bool ExtentTable::Range::continues(const Range& next) const {
  return state == next.state && state != State::kGranted && client == next.client;
}

ExtentTable::ExtentTable(const ExtentLimits& limits) : limits_(limits) {
  RAY_CHECK(is_page_aligned(limits.address_bytes) && is_page_aligned(limits.capacity_bytes));
  RAY_CHECK(limits.address_bytes >= limits.capacity_bytes && limits.capacity_bytes > 0);
  limits_.hot_bytes = std::min(limits.hot_bytes, limits.capacity_bytes) / kPageBytes * kPageBytes;
  add(0, {.length = limits.address_bytes});
}

/// Enters a range, joined with its neighbours of the same kind.
void ExtentTable::add(uint64_t offset, const Range& range) {
  Range joined = range;
  const auto next = ranges_.find(offset + range.length);
  if (next != ranges_.end() && range.continues(next->second)) {
    const Range after = take(next->first);
    joined.length += after.length;
    joined.stamp = std::max(joined.stamp, after.stamp);
  }
  const auto it = ranges_.lower_bound(offset);
  if (it != ranges_.begin()) {
    const auto previous = std::prev(it);
    if (previous->first + previous->second.length == offset && range.continues(previous->second)) {
      offset = previous->first;
      const Range before = take(offset);
      joined.length += before.length;
      joined.stamp = std::max(joined.stamp, before.stamp);
    }
  }
  ranges_.emplace(offset, joined);
  switch (joined.state) {
    case State::kFree:
      free_ += joined.length;
      free_ranges_.insert({joined.length, offset});
      return;
    case State::kGranted:
      used_ += joined.length;
      holders_[joined.client].granted += joined.length;
      return;
    case State::kHot:
      hot_ += joined.length;
      hot_ranges_.insert({joined.stamp, offset});
      holders_[joined.client].hot.insert({joined.length, offset});
      holders_[joined.client].hot_by_stamp.insert({joined.stamp, offset});
      return;
    case State::kCold: holders_[joined.client].cold.insert({joined.length, offset}); return;
  }
}

/// Removes the range that begins at `offset` from the map and from every index.
ExtentTable::Range ExtentTable::take(uint64_t offset) {
  const auto it = ranges_.find(offset);
  RAY_CHECK(it != ranges_.end());
  const Range range = it->second;
  ranges_.erase(it);
  switch (range.state) {
    case State::kFree:
      free_ -= range.length;
      free_ranges_.erase({range.length, offset});
      break;
    case State::kGranted:
      used_ -= range.length;
      holders_[range.client].granted -= range.length;
      break;
    case State::kHot:
      hot_ -= range.length;
      hot_ranges_.erase({range.stamp, offset});
      holders_[range.client].hot.erase({range.length, offset});
      holders_[range.client].hot_by_stamp.erase({range.stamp, offset});
      break;
    case State::kCold: holders_[range.client].cold.erase({range.length, offset}); break;
  }
  return range;
}

/// Turns a part of one range into another kind; what is left of the range stays as it was.
void ExtentTable::turn(Extent part, State state, ClientId client) {
  const auto after = ranges_.upper_bound(part.offset);
  RAY_CHECK(after != ranges_.begin());
  const uint64_t begin = std::prev(after)->first;
  const Range whole = take(begin);
  RAY_CHECK(part.end() <= begin + whole.length);
  const auto keep = [&](uint64_t from, uint64_t to) {
    if (from == to) return;
    Range rest = whole;
    rest.length = to - from;
    add(from, rest);
  };
  keep(begin, part.offset);
  keep(part.end(), begin + whole.length);
  add(part.offset, {.length = part.length,
                    .state = state,
                    .client = state == State::kFree ? ClientId{} : client,
                    .stamp = state == State::kHot ? ++clock_ : 0});
}

uint64_t ExtentTable::find_hot(const Holder& holder, uint64_t length) const {
  int tries = 0;
  for (auto it = holder.hot_by_stamp.rbegin();
       it != holder.hot_by_stamp.rend() && tries < kRecentTries; ++it, ++tries) {
    if (ranges_.at(it->second).length >= length) return it->second;
  }
  return best_fit(holder.hot, length);
}

uint64_t ExtentTable::find_place(const Holder& holder, uint64_t length) const {
  const uint64_t cold = best_fit(holder.cold, length);
  return cold != kNowhere ? cold : best_fit(free_ranges_, length);
}

/// The last resort: ranges that the client may have lie side by side, but in different states.
/// Makes the first such run that is long enough cold. Linear.
uint64_t ExtentTable::find_run(ClientId client, uint64_t length, PunchList& punch) {
  std::vector<Extent> run;
  uint64_t found = 0;
  for (auto it = ranges_.begin(); it != ranges_.end() && found < length; ++it) {
    const auto& [offset, range] = *it;
    const bool usable =
        range.state == State::kFree || (range.state != State::kGranted && range.client == client);
    if (!usable) {
      run.clear();
      found = 0;
      continue;
    }
    run.push_back({offset, range.length});
    found += range.length;
  }
  if (found < length) return kNowhere;
  run.back().length -= found - length;
  for (const Extent& extent : run) {
    if (ranges_.at(extent.offset).state == State::kHot) punch_also(punch, extent);
  }
  for (const Extent& extent : run) turn(extent, State::kCold, client);
  return run.front().offset;
}

/// Cools what was released longest ago, whoever has it, until no more than `hot_limit` is hot.
void ExtentTable::trim_to(uint64_t hot_limit, PunchList& punch) {
  while (hot_ > hot_limit) {
    const uint64_t offset = hot_ranges_.begin()->second;
    const Range range = ranges_.at(offset);
    const uint64_t bytes = std::min(range.length, hot_ - hot_limit);
    const Extent tail{offset + range.length - bytes, bytes};
    turn(tail, State::kCold, range.client);
    punch_also(punch, tail);
  }
}

Result<Granted> ExtentTable::grant(ClientId client, uint64_t bytes) {
  if (bytes == 0) return Error{ErrorCode::kInvalidArgument, "an extent of 0 bytes"};
  const auto full = [&](const char* of_what) {
    return Error{ErrorCode::kStoreFull, "the object store is out of " + std::string{of_what} +
                                            ": " + mebibytes(bytes) + " asked, " +
                                            mebibytes(used_) + " of " +
                                            mebibytes(limits_.capacity_bytes) + " in use"};
  };
  if (bytes > limits_.capacity_bytes - used_) return full("memory");
  const uint64_t length = (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;

  Granted granted;
  const Holder& holder = holders_[client];
  RAY_CHECK(holder.life == Life::kAlive);
  uint64_t offset = find_hot(holder, length);
  if (offset != kNowhere) {
    granted.pages = Granted::Pages::kExist;
  } else {
    offset = find_place(holder, length);
    if (offset == kNowhere) offset = find_run(client, length, granted.punch);
    if (offset == kNowhere) {
      forget_if_done(client);
      return full("addresses");
    }
    trim_to(limits_.capacity_bytes - used_ - length, granted.punch);
  }
  granted.extent = {offset, length};
  turn(granted.extent, State::kGranted, client);
  return granted;
}

PunchList ExtentTable::release(Extent part) {
  RAY_CHECK(part.length > 0 && is_page_aligned(part.offset) && is_page_aligned(part.length));
  const auto after = ranges_.upper_bound(part.offset);
  RAY_CHECK(after != ranges_.begin());
  const Range range = std::prev(after)->second;
  RAY_CHECK(range.state == State::kGranted);
  PunchList punch;
  if (holders_[range.client].life == Life::kDead) {
    turn(part, State::kFree, range.client);
    punch_also(punch, part);
    forget_if_done(range.client);
    return punch;
  }
  turn(part, State::kHot, range.client);
  trim_to(limits_.hot_bytes, punch);
  return punch;
}

PunchList ExtentTable::client_died(ClientId client) {
  const auto it = holders_.find(client);
  if (it == holders_.end()) return {};
  it->second.life = Life::kDead;
  std::vector<Extent> dropped;  // cold ones too: it may have written there after they were punched
  for (const auto& [length, offset] : it->second.hot) dropped.push_back({offset, length});
  for (const auto& [length, offset] : it->second.cold) dropped.push_back({offset, length});
  std::sort(dropped.begin(), dropped.end());
  PunchList punch;
  for (const Extent& extent : dropped) {
    turn(extent, State::kFree, client);
    punch_also(punch, extent);
  }
  forget_if_done(client);
  return punch;
}

void ExtentTable::forget_if_done(ClientId client) {
  const Holder& holder = holders_[client];
  if (holder.granted == 0 && holder.hot.empty() && holder.cold.empty()) holders_.erase(client);
}

bool ExtentTable::is_granted(ClientId client, Extent piece) const {
  if (piece.end() < piece.offset) return false;
  const auto after = ranges_.upper_bound(piece.offset);
  if (after == ranges_.begin()) return false;
  const auto& [offset, range] = *std::prev(after);
  return range.state == State::kGranted && range.client == client &&
         piece.end() <= offset + range.length;
}

void ExtentTable::check() const {
  uint64_t next = 0, used = 0, hot = 0, free = 0;
  const Range* previous = nullptr;
  for (const auto& [offset, range] : ranges_) {
    RAY_CHECK(offset == next && range.length > 0 && is_page_aligned(range.length));
    RAY_CHECK(previous == nullptr || !previous->continues(range));
    next += range.length;
    previous = &range;
    if (range.state == State::kGranted) used += range.length;
    if (range.state == State::kHot) hot += range.length;
    if (range.state == State::kFree) free += range.length;
    if (range.state == State::kHot || range.state == State::kCold) {
      RAY_CHECK(holders_.at(range.client).life == Life::kAlive);
    }
  }
  RAY_CHECK(next == limits_.address_bytes);
  RAY_CHECK(used == used_ && hot == hot_ && free == free_);
  RAY_CHECK(used_ + hot_ <= limits_.capacity_bytes && hot_ <= limits_.hot_bytes);
  uint64_t granted = 0;
  for (const auto& [client, holder] : holders_) granted += holder.granted;
  RAY_CHECK(granted == used_);
}

}  // namespace rayd::shm
