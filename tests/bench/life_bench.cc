// The speed of the Life kernel: cells a second of CPU time, for each kernel that this CPU has, a
// torus in the cache and one tile with a halo of depth k.
//   life_bench [SIDE]
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "models/game-of-life/tile.h"

using namespace ray::model;
using namespace ray::model::life;

namespace {

struct Case {
  const char* rule = "";
  int64_t side = 0;
  int64_t halo = 0;
};

double cells_per_second(const Kernel& kernel, const Case& which) {
  const Rule rule = *parse_rule(which.rule);
  Tile tile(Tiling({which.side, which.side}, {1, 1}, Topology::kTorus), 0, which.halo);
  tile.fill({.seed = 42, .chance = Chance(.3)});
  const std::clock_t begun = std::clock();
  double seconds = 0;
  int64_t steps = 0;
  std::vector<uint64_t> edge;
  while (seconds < .3) {
    for (int i = 0; i < kDirections; ++i) {
      edge.clear();
      tile.append_edge({i}, edge);
      tile.put_halo(Direction{i}.opposite(), edge);
    }
    for (int64_t step = 1; step <= which.halo; ++step) tile.step(kernel, rule, step);
    steps += which.halo;
    seconds = static_cast<double>(std::clock() - begun) / CLOCKS_PER_SEC;
  }
  const double side = static_cast<double>(which.side);
  return side * side * static_cast<double>(steps) / seconds;
}

}  // namespace

int main(int argc, char** argv) {
  const int64_t side = argc > 1 ? std::atoll(argv[1]) : 4096;
  if (side < 1 || side > 65536) {
    std::fprintf(stderr, "life_bench: SIDE=%s: wanted an integer from 1 to 65536\n", argv[1]);
    return 2;
  }
  std::printf("%-10s %-10s %8s %6s %10s\n", "kernel", "rule", "side", "halo", "Gcell/s");
  for (const Kernel& kernel : kernels()) {
    for (const Case& which : {Case{"B3/S23", side, 1}, Case{"B3/S23", side, 32},
                              Case{"B36/S23", side, 1}, Case{"B3/S23", 512, 32}}) {
      if (which.halo > which.side) continue;
      std::printf("%-10s %-10s %8lld %6lld %10.1f\n", kernel.name, which.rule,
                  static_cast<long long>(which.side), static_cast<long long>(which.halo),
                  cells_per_second(kernel, which) / 1e9);
    }
  }
}
