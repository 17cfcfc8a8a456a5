// The GPUs of one node: which devices a holder sees. Whole ones are nobody else's; fractions share
// one device. Fractions fill the fullest device that has room, so that whole ones stay whole.
#pragma once

#include <cstdint>
#include <vector>

#include "common/types/resources.h"

namespace rayd::scheduling {

struct GpuShare {
  uint32_t device = 0;
  Quantity quantity = 0;
};

class Gpus {
 public:
  /// Devices 0, 1, …; a fraction is a part of the last one.
  explicit Gpus(Quantity total);

  /// So much may be free in sum and yet not in one piece.
  bool fits(Quantity quantity) const;
  /// In order of devices. Precondition: fits.
  std::vector<GpuShare> take(Quantity quantity);
  void give_back(const std::vector<GpuShare>& shares);

 private:
  std::vector<Quantity> free_;  // by device
};

}  // namespace rayd::scheduling
