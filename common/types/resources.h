// Resource quantities (fixed point, 1/10000) and sets of them. Zero is legal; negative is not.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace rayd {

/// 1/10000 of a unit: 1 CPU is 10000. Bytes of memory are whole units, not scaled.
using Quantity = int64_t;
inline constexpr Quantity kUnit = 10'000;
/// In units: "2", "0.5".
std::string quantity_text(Quantity quantity);

/// What a task demands, or a node has. Custom resources are sorted by name, without zeros.
struct ResourceSet {
  Quantity cpu = 0;
  Quantity gpu = 0;
  int64_t memory_bytes = 0;
  std::vector<std::pair<std::string, Quantity>> custom;

  auto operator<=>(const ResourceSet&) const = default;

  bool is_zero() const { return cpu == 0 && gpu == 0 && memory_bytes == 0 && custom.empty(); }
  /// True if every quantity here is ≥ that of `demand`.
  bool covers(const ResourceSet& demand) const;
  void add(const ResourceSet& other);
  /// May leave negative quantities (a lender's resume); the caller judges.
  void subtract(const ResourceSet& other);
  Quantity custom_quantity(const std::string& name) const;
  /// Like "CPU 1, GPU 0.5, disk 2"; "nothing" if zero.
  std::string to_text() const;
};

}  // namespace rayd
