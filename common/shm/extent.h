// A part of a file or segment, in bytes.
#pragma once

#include <compare>
#include <cstdint>

namespace rayd::shm {

inline constexpr uint64_t kPageBytes = 4096;
inline constexpr uint64_t kHugePageBytes = uint64_t{2} << 20;

struct Extent {
  uint64_t offset = 0;
  uint64_t length = 0;
  constexpr auto operator<=>(const Extent&) const = default;
  constexpr uint64_t end() const { return offset + length; }
};

}  // namespace rayd::shm
