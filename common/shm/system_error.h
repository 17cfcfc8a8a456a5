// Turns errno into an Error with the place that failed.
#pragma once

#include <cerrno>
#include <cstring>
#include <string>

#include "common/base/result.h"

namespace rayd::shm {

/// Reads errno: call it right after the system call.
inline Error system_error(const std::string& what) {
  return {ErrorCode::kInternal, what + ": " + std::strerror(errno)};
}

}  // namespace rayd::shm
