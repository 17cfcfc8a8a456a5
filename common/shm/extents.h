// Which range of a segment belongs to whom: the daemon's allocator of arenas and large objects.
//
//   free ──grant──▶ granted ──release──▶ hot ──trimmed──▶ cold
//    ▲                 ▲ ▲                │                 │
//    │                 │ └────grant───────┴────grant────────┘      (to the same client only)
//    └── the client died: its hot and cold ranges at once, granted ones when released
//
// A client that was granted a range has mapped it writable and may go on writing, so the range
// stays that client's as long as it lives. *hot*: its pages exist, and the range released last is
// granted first, because a warm page is ten times cheaper than a fresh one. *cold*: punched, an
// address only. *free*: punched, for everybody. granted + hot ≤ capacity; addresses are many times
// that.
//
// Pure: the answers say what to punch, and the caller punches in that order before it acts on
// anything newer. Lengths are rounded up to pages. Every operation is
// logarithmic (grant is linear when addresses have run out).
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/shm/extent.h"

namespace rayd::shm {

struct ExtentLimits {
  uint64_t address_bytes = 0;         // of the segment
  uint64_t capacity_bytes = 0;        // memory: granted and hot together
  uint64_t hot_bytes = ~uint64_t{0};  // hot alone
};

/// Ranges whose memory is to be given back, in this order.
using PunchList = std::vector<Extent>;

struct Granted {
  Extent extent;
  enum class Pages : uint8_t { kExist, kFresh } pages = Pages::kFresh;
  PunchList punch;  // before the grant is told to anybody
};

class ExtentTable {
 public:
  explicit ExtentTable(const ExtentLimits& limits);

  /// kStoreFull when memory, or addresses, do not suffice now; kInvalidArgument for 0 bytes.
  /// Precondition: client_died was not called for it.
  Result<Granted> grant(ClientId client, uint64_t bytes);

  /// Precondition: page-aligned, and a part of one granted extent.
  PunchList release(Extent part);

  /// The process is reaped: it can write no more. Its granted ranges stay until released.
  PunchList client_died(ClientId client);

  /// True when `piece` lies inside one range that is granted to `client`: the check of what a
  /// client says it has written.
  bool is_granted(ClientId client, Extent piece) const;

  uint64_t used_bytes() const { return used_; }  // granted
  uint64_t hot_bytes() const { return hot_; }
  uint64_t capacity_bytes() const { return limits_.capacity_bytes; }
  /// Granted, hot and cold: addresses that cannot go to a new client.
  uint64_t held_addresses() const { return limits_.address_bytes - free_; }

  /// RAY_CHECKs every invariant; for tests. Linear.
  void check() const;

 private:
  enum class State : uint8_t { kFree, kGranted, kHot, kCold };
  struct Range {
    uint64_t length = 0;
    State state = State::kFree;
    ClientId client;     // not of free ones
    uint64_t stamp = 0;  // of hot ones: when it was released last
    bool continues(const Range& next) const;
  };
  using Ranges = std::map<uint64_t, Range>;                 // by offset; they cover all addresses
  using BySize = std::set<std::pair<uint64_t, uint64_t>>;   // {length, offset}
  using ByStamp = std::set<std::pair<uint64_t, uint64_t>>;  // {stamp, offset}
  enum class Life : uint8_t { kAlive, kDead };
  struct Holder {
    Life life = Life::kAlive;
    uint64_t granted = 0;
    BySize hot;
    ByStamp hot_by_stamp;
    BySize cold;
  };

  void add(uint64_t offset, const Range& range);
  Range take(uint64_t offset);
  void turn(Extent part, State state, ClientId client);
  void forget_if_done(ClientId client);
  uint64_t find_hot(const Holder& holder, uint64_t length) const;
  uint64_t find_place(const Holder& holder, uint64_t length) const;
  uint64_t find_run(ClientId client, uint64_t length, PunchList& punch);
  void trim_to(uint64_t hot_limit, PunchList& punch);

  ExtentLimits limits_;
  Ranges ranges_;
  std::map<ClientId, Holder> holders_;
  BySize free_ranges_;
  ByStamp hot_ranges_;  // of all clients
  uint64_t used_ = 0;
  uint64_t hot_ = 0;
  uint64_t free_ = 0;
  uint64_t clock_ = 0;
};

}  // namespace rayd::shm
