// Machine: what this computer offers this process. Defaults are made from it.
#pragma once

#include <cstdint>
#include <string>

namespace rayd {

struct Machine {
  int64_t cpus = 1;          // usable ones: affinity mask and control group
  int64_t gpus = 0;          // NVIDIA devices in /dev
  int64_t memory_bytes = 0;  // physical memory, or the control group's limit if that is less
};

/// `root` stands for "/" in tests; the affinity mask and physical memory are always the process's.
Machine measure_machine(const std::string& root = "");

}  // namespace rayd
