// The resources of one node: what is granted, and what its blocked holders have lent.
//
// Invariant (protocols.md P2 ii): nothing is granted that leaves granted − lent > total. A lender
// that resumes may exceed it until the loans end.
#pragma once

#include "common/base/check.h"
#include "common/types/resources.h"

namespace rayd::scheduling {

class Ledger {
 public:
  explicit Ledger(ResourceSet total) : total_(total), free_(std::move(total)) {}

  const ResourceSet& total() const { return total_; }
  const ResourceSet& granted() const { return granted_; }
  Quantity lent_cpu() const { return lent_cpu_; }
  /// total − granted + lent: may be negative while a lender has resumed.
  const ResourceSet& free() const { return free_; }
  uint64_t version() const { return version_; }
  /// What this node can take has changed in another way.
  void note_change() { ++version_; }

  bool fits(const ResourceSet& demand) const { return demand.is_zero() || free_.covers(demand); }
  /// Without what is lent: for those who will not give it back soon.
  bool fits_unlent(const ResourceSet& demand) const {
    return fits(demand) && (demand.cpu == 0 || free_.cpu - lent_cpu_ >= demand.cpu);
  }

  void grant(const ResourceSet& demand) {
    granted_.add(demand);
    free_.subtract(demand);
    ++version_;
  }
  void release(const ResourceSet& demand) {
    granted_.subtract(demand);
    free_.add(demand);
    RAY_CHECK(granted_.cpu >= 0 && granted_.gpu >= 0 && granted_.memory_bytes >= 0);
    ++version_;
  }
  void lend(Quantity cpu) {
    lent_cpu_ += cpu;
    free_.cpu += cpu;
    RAY_CHECK(lent_cpu_ <= granted_.cpu);
    ++version_;
  }
  void take_back(Quantity cpu) {
    lent_cpu_ -= cpu;
    free_.cpu -= cpu;
    RAY_CHECK(lent_cpu_ >= 0);
    ++version_;
  }

 private:
  ResourceSet total_;
  ResourceSet granted_;
  Quantity lent_cpu_ = 0;
  ResourceSet free_;
  uint64_t version_ = 1;
};

}  // namespace rayd::scheduling
