// What local_mode has to give: the CPUs and other resources of this process.
#pragma once

#include <string>
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
  int64_t cpus() const;
  /// "CPU 100 of 4"
  std::string explain(const Demand& demand) const;

 private:
  Demand total_;
  Demand free_;
};

/// What a call's options ask for, in quantities; `cpus`: if they name nothing.
Demand demand_of(const CallOptions& options, int64_t cpus);

}  // namespace ray::internal
