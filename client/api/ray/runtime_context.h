// Where this code runs, and as what.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ray {

struct RuntimeContext {
  std::string node;  // "node-2": what NodeAffinitySchedulingStrategy takes
  std::string task;  // of the running call; empty in a driver
  std::string actor;
  uint32_t attempt = 0;
  std::vector<uint32_t> gpus;  // devices that this call was given

  std::string NodeId() const { return node; }
  std::string TaskId() const { return task; }
  std::string ActorId() const { return actor; }
};

RuntimeContext GetRuntimeContext();

}  // namespace ray
