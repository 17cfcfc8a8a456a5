#include "common/net/strangers.h"

#include <utility>

namespace rayd {
namespace {

const std::string kOthers = "others";

}  // namespace

std::map<std::string, uint32_t> StrangerSlots::counts() const {
  std::map<std::string, uint32_t> counts;
  for (const auto& [slot, stranger] : taken_) ++counts[stranger.source];
  return counts;
}

std::optional<StrangerSlots::Slot> StrangerSlots::oldest_silent_of(
    const std::string& source) const {
  for (const auto& [slot, stranger] : taken_) {
    if (stranger.silent && stranger.source == source) return slot;
  }
  return std::nullopt;
}

std::optional<StrangerSlots::Slot> StrangerSlots::oldest_silent_of_the_busiest() const {
  const std::map<std::string, uint32_t> present = counts();
  std::optional<Slot> found;
  uint32_t most = 0;
  for (const auto& [slot, stranger] : taken_) {
    const uint32_t count = present.at(stranger.source);
    if (!stranger.silent || count <= most) continue;
    most = count;
    found = slot;
  }
  return found;
}

StrangerSlots::Admission StrangerSlots::admit(const std::string& source) {
  const std::map<std::string, uint32_t> present = counts();
  const auto own = present.find(source);
  const uint32_t from_source = own == present.end() ? 0 : own->second;
  const uint32_t reserved = known_.contains(source) ? 0 : limits_.reserved;
  Admission admission;
  if (from_source >= limits_.per_source) {
    admission.evicted = oldest_silent_of(source);
    if (!admission.evicted) return admission;
  } else if (taken_.size() + reserved >= limits_.in_flight) {
    admission.evicted = oldest_silent_of_the_busiest();
    if (!admission.evicted) return admission;
  }
  if (admission.evicted) release(*admission.evicted);
  admission.slot = Slot{++last_id_};
  taken_.emplace(*admission.slot, Stranger{source, true});
  return admission;
}

void StrangerSlots::on_heard(Slot slot) {
  const auto it = taken_.find(slot);
  if (it != taken_.end()) it->second.silent = false;
}

void StrangerSlots::know(const std::string& source) {
  if (!known_.insert(source).second) return;
  known_since_.push_back(source);
  if (known_since_.size() <= kMaxKnown) return;
  known_.erase(known_since_.front());
  known_since_.pop_front();
}

std::optional<TurnedAway> TurnedAwayLog::note(Time now, const std::string& source,
                                              const std::string& why) {
  if (sources_.size() >= kMaxSources && !sources_.contains(source)) {
    std::erase_if(sources_, [now](const auto& entry) { return entry.second.told + kEvery <= now; });
  }
  const bool own_line = sources_.contains(source) || sources_.size() < kMaxSources;
  const std::string& name = own_line ? source : kOthers;
  const auto [it, is_new] = sources_.try_emplace(name);
  Source& entry = it->second;
  ++entry.untold;
  if (!is_new && now < entry.told + kEvery) return std::nullopt;
  entry.told = now;
  return TurnedAway{name, why, std::exchange(entry.untold, 0)};
}

}  // namespace rayd
