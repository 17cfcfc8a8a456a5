// What local_mode has to give: the CPUs and other resources of this process.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "client/api/local_state.h"

namespace ray::internal {

class LocalResources {
 public:
  /// From `--num-cpus N --num-gpus N --resources JSON`, else what the machine has.
  explicit LocalResources(const std::vector<std::string>& head_args);

  bool fits(const Demand& demand) const;
  /// True if it could fit when nothing else ran.
  bool is_feasible(const Demand& demand) const;
  void take(const Demand& demand);
  void give(const Demand& demand);
  /// A bundle's own resources come and go; what it reserves is taken by the caller.
  void add(const Demand& offer);
  void remove(const Demand& offer);
  int64_t cpus() const;
  /// "CPU 100 of 4"
  std::string explain(const Demand& demand) const;

 private:
  Demand total_;
  Demand free_;
};

/// What a call's options ask for, in quantities; `cpus`: if they name nothing. In a bundle these
/// are the bundle's own resources.
Demand demand_of(const CallOptions& options, int64_t cpus);
Demand demand_of(const std::unordered_map<std::string, double>& bundle);
/// What this bundle of a group offers.
Demand bundle_offer(const Demand& bundle, const std::string& group, int index);
/// What is lent by a holder that waits: CPUs, those of bundles too.
Demand lendable_part(const Demand& held);

}  // namespace ray::internal
