#include "models/game-of-life/kernel.h"

// GCC says that vectors would be passed differently with another instruction set; here they are
// only passed to functions that are inlined.
#pragma GCC diagnostic ignored "-Wpsabi"

#define LIFE_ISA portable
#define LIFE_TARGET
#define LIFE_BYTES 16
#include "models/game-of-life/kernel_body.inc"

#if defined(__x86_64__)
#define LIFE_ISA avx2
#define LIFE_TARGET __attribute__((target("avx2")))
#define LIFE_BYTES 32
#include "models/game-of-life/kernel_body.inc"

#define LIFE_ISA avx512
#define LIFE_TARGET __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq")))
#define LIFE_BYTES 64
#include "models/game-of-life/kernel_body.inc"
#endif

namespace ray::model::life {
namespace {

struct Kernels {
  Kernel list[3];
  size_t count = 0;

  Kernels() {
#if defined(__x86_64__)
    const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
    if (wide) list[count++] = {"avx512", avx512::step};
    if (__builtin_cpu_supports("avx2")) list[count++] = {"avx2", avx2::step};
#endif
    list[count++] = {"portable", portable::step};
  }
};

}  // namespace

std::span<const Kernel> kernels() {
  static const Kernels kernels;
  return {kernels.list, kernels.count};
}

}  // namespace ray::model::life
