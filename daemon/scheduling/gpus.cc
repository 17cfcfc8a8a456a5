#include "daemon/scheduling/gpus.h"

#include <algorithm>

#include "common/base/check.h"

namespace rayd::scheduling {

Gpus::Gpus(Quantity total) {
  for (Quantity left = total; left > 0; left -= kUnit) free_.push_back(std::min(left, kUnit));
}

bool Gpus::fits(Quantity quantity) const {
  if (quantity == 0) return true;
  const auto whole = std::count(free_.begin(), free_.end(), kUnit);
  const Quantity fraction = quantity % kUnit;
  if (whole > quantity / kUnit) return true;
  if (whole < quantity / kUnit) return false;
  return fraction == 0 || std::any_of(free_.begin(), free_.end(), [&](Quantity free) {
           return free != kUnit && free >= fraction;
         });
}

std::vector<GpuShare> Gpus::take(Quantity quantity) {
  RAY_CHECK(fits(quantity));
  std::vector<GpuShare> shares;
  const auto take_part = [&](uint32_t device, Quantity part) {
    free_[device] -= part;
    shares.push_back({device, part});
  };
  if (const Quantity fraction = quantity % kUnit; fraction > 0) {
    uint32_t fullest = UINT32_MAX;
    for (uint32_t i = 0; i < free_.size(); ++i)
      if (free_[i] >= fraction && (fullest == UINT32_MAX || free_[i] < free_[fullest])) fullest = i;
    take_part(fullest, fraction);
  }
  Quantity whole = quantity / kUnit;
  for (uint32_t i = 0; i < free_.size() && whole > 0; ++i) {
    if (free_[i] != kUnit) continue;
    take_part(i, kUnit);
    --whole;
  }
  std::sort(shares.begin(), shares.end(),
            [](const GpuShare& a, const GpuShare& b) { return a.device < b.device; });
  return shares;
}

void Gpus::give_back(const std::vector<GpuShare>& shares) {
  for (const GpuShare& share : shares) {
    free_[share.device] += share.quantity;
    RAY_CHECK(free_[share.device] <= kUnit);
  }
}

}  // namespace rayd::scheduling
