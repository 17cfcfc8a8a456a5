// Store: the memory of one node's object store. Bytes are a token; what matters is where they lie
// and whether they are still there when somebody reads.
#pragma once

#include <map>
#include <optional>

#include "common/types/value.h"

namespace rayd::sim {

class Store {
 public:
  void write(const Extent& extent, uint64_t token) {
    erase(extent);
    pieces_[extent.offset] = {extent.length, token};
  }
  /// nullopt: these bytes are not what was written there.
  std::optional<uint64_t> read(const Extent& extent) const {
    const auto it = pieces_.find(extent.offset);
    if (it == pieces_.end() || it->second.length != extent.length) return std::nullopt;
    return it->second.token;
  }
  /// Memory goes back: whatever lies there is gone.
  void punch(const Extent& extent) { erase(extent); }

 private:
  struct Piece {
    uint64_t length = 0;
    uint64_t token = 0;
  };

  void erase(const Extent& extent) {
    auto it = pieces_.lower_bound(extent.offset);
    if (it != pieces_.begin()) {
      const auto before = std::prev(it);
      if (before->first + before->second.length > extent.offset) it = before;
    }
    while (it != pieces_.end() && it->first < extent.offset + extent.length) it = pieces_.erase(it);
  }

  std::map<uint64_t, Piece> pieces_;  // by offset
};

}  // namespace rayd::sim
