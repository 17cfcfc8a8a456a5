// RAY_CHECK: an invariant of our own code. Always on, and unreachable by any peer's bytes.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace rayd {

[[noreturn]] inline void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, condition);
  std::abort();
}

}  // namespace rayd

#define RAY_CHECK(condition)                                \
  do {                                                      \
    if (!(condition)) [[unlikely]]                          \
      ::rayd::check_failed(#condition, __FILE__, __LINE__); \
  } while (false)
