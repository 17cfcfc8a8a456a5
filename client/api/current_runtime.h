// The process's runtime with its generation, so that what is cached for one is not used with
// another.
#pragma once

#include <cstdint>

#include "ray/internal/runtime.h"

namespace ray::internal {

struct CurrentRuntime {
  std::shared_ptr<Runtime> runtime;
  uint32_t generation = 0;  // from 1
};

/// Null: none. What it points at lives as long as the process.
const CurrentRuntime* current_runtime() noexcept;

}  // namespace ray::internal
