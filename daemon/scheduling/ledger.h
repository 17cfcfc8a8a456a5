// The resources of one node: what is granted, and what its blocked holders have lent.
//
// Invariant (protocols.md P2 ii): nothing is granted that leaves granted − lent > total. A lender
// that resumes may exceed it until the loans end.
#pragma once

#include "common/base/check.h"
#include "common/types/bundle_resources.h"
#include "common/types/resources.h"

namespace rayd::scheduling {

class Ledger {
 public:
  explicit Ledger(ResourceSet total) : total_(total), free_(std::move(total)) {}

  const ResourceSet& total() const { return total_; }
  const ResourceSet& granted() const { return granted_; }
  /// CPUs, those of bundles too.
  const ResourceSet& lent() const { return lent_; }
  Quantity lent_cpu() const { return lent_.cpu; }
  /// total − granted + lent: may be negative while a lender has resumed.
  const ResourceSet& free() const { return free_; }
  uint64_t version() const { return version_; }
  /// What this node can take has changed in another way.
  void note_change() { ++version_; }

  bool fits(const ResourceSet& demand) const { return demand.is_zero() || free_.covers(demand); }
  /// Without what is lent: for those who will not give it back soon.
  bool fits_unlent(const ResourceSet& demand) const {
    const ResourceSet part = lendable_part(demand);
    if (!fits(demand) || part.is_zero()) return fits(demand);
    ResourceSet unlent = free_;
    unlent.subtract(lent_);
    return unlent.covers(part);
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
  void lend(const ResourceSet& part) {
    lent_.add(part);
    free_.add(part);
    RAY_CHECK(granted_.covers(lent_));
    ++version_;
  }
  void take_back(const ResourceSet& part) {
    lent_.subtract(part);
    free_.subtract(part);
    RAY_CHECK(lent_.cpu >= 0);
    ++version_;
  }
  /// What a bundle offers comes and goes. It may go while it is granted: the holders are ended.
  void add_total(const ResourceSet& offer) {
    total_.add(offer);
    free_.add(offer);
    ++version_;
  }
  void remove_total(const ResourceSet& offer) {
    total_.subtract(offer);
    free_.subtract(offer);
    ++version_;
  }

 private:
  ResourceSet total_;
  ResourceSet granted_;
  ResourceSet lent_;
  ResourceSet free_;
  uint64_t version_ = 1;
};

}  // namespace rayd::scheduling
