// How much of a listener strangers may use: who has not finished its handshake and its hello is
// one, and there is room for few of them, in all and from one source. Pure: no sockets, no clock.
//
// When there is no room, the oldest connection that has not said a byte makes room: so a flood of
// idle ones, even from a member's own address, pushes out its own and nobody who talks. Some of the
// room is only for sources from which a member came before.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "common/base/clock.h"

namespace rayd {

struct StrangerLimits {
  uint32_t in_flight = 64;
  uint32_t per_source = 16;
  uint32_t reserved = 16;  // of in_flight, for known sources
};

class StrangerSlots {
 public:
  struct Slot {
    uint64_t id = 0;
    auto operator<=>(const Slot&) const = default;
  };
  struct Admission {
    std::optional<Slot> slot;     // nothing: no room, close it
    std::optional<Slot> evicted;  // to be closed for the sake of the new one; released already
  };
  static constexpr size_t kMaxKnown = 4096;

  explicit StrangerSlots(const StrangerLimits& limits) : limits_(limits) {}

  Admission admit(const std::string& source);
  /// It said something.
  void on_heard(Slot slot);
  void release(Slot slot) { taken_.erase(slot); }
  /// A member or a client came from there. The oldest is forgotten at kMaxKnown.
  void know(const std::string& source);

  size_t in_flight() const { return taken_.size(); }

 private:
  struct Stranger {
    std::string source;
    bool silent = true;
  };

  std::map<std::string, uint32_t> counts() const;
  std::optional<Slot> oldest_silent_of(const std::string& source) const;
  std::optional<Slot> oldest_silent_of_the_busiest() const;

  StrangerLimits limits_;
  uint64_t last_id_ = 0;
  std::map<Slot, Stranger> taken_;  // ids count up, so in order of age
  std::set<std::string> known_;
  std::deque<std::string> known_since_;
};

/// One line for the log about connections turned away.
struct TurnedAway {
  std::string source;  // "others": too many sources to keep apart
  std::string why;     // of the one that is told
  uint64_t times = 0;  // since the last line about this source, this one included
};

/// Lets one line a minute through for each source.
class TurnedAwayLog {
 public:
  static constexpr size_t kMaxSources = 1024;
  static constexpr Duration kEvery = Duration::seconds(60);

  /// What is to be logged now, if anything.
  std::optional<TurnedAway> note(Time now, const std::string& source, const std::string& why);

 private:
  struct Source {
    Time told;
    uint64_t untold = 0;
  };

  std::map<std::string, Source> sources_;
};

}  // namespace rayd
