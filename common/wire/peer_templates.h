// What one direction of a session remembers of call templates (CallRef in peer.capnp): the sender
// names a template by a small number from its second use on. Pure; knows no Cap'n Proto.
//
// Bounded on both sides: the oldest are forgotten, and defined anew when they are used again. Both
// last as long as the session, whatever connections carry it.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <unordered_map>
#include <vector>

#include "common/base/result.h"
#include "common/types/call.h"

namespace rayd::wire {

inline constexpr uint32_t kMaxPeerTemplates = 4'096;
/// Of all that are remembered, unless one alone is larger.
inline constexpr size_t kMaxPeerTemplateBytes = size_t{16} << 20;

/// The sender's side. A template is known by its address, and kept while it is remembered.
class SentTemplates {
 public:
  struct Use {
    TemplateRef call;
    uint32_t id = 0;
    enum class Is : bool { kKnown, kNew };
    Is is = Is::kKnown;
    std::vector<uint32_t> forgotten;  // kNew: these leave before
  };

  /// How a message may name it. Nothing is remembered until the message leaves: commit(). The
  /// reference holds until the next call.
  const Use& use(const TemplateRef& call);
  /// The message that names what use() said last leaves, or does not leave after all.
  void commit();
  void abandon() { use_ = {}; }

 private:
  struct Entry {
    TemplateRef call;
    uint32_t id = 0;
    size_t bytes = 0;
  };

  std::unordered_map<const CallTemplate*, uint32_t> ids_;
  std::deque<Entry> order_;  // oldest first
  std::vector<uint32_t> free_ids_;
  uint32_t highest_id_ = 0;
  size_t bytes_ = 0;
  Use use_;
};

/// The receiver's side. kCorrupt: no honest sender says this.
class ReceivedTemplates {
 public:
  Result<TemplateRef> find(uint32_t id) const;
  Status define(uint32_t id, CallTemplate&& definition);
  Status forget(std::span<const uint32_t> ids);

 private:
  std::vector<TemplateRef> by_id_;  // id − 1; null: unknown
  size_t count_ = 0;
  size_t bytes_ = 0;
};

}  // namespace rayd::wire
