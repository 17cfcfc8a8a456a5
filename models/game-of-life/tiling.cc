#include "models/game-of-life/tiling.h"

#include <algorithm>

namespace ray::model::life {
namespace {

/// Where part `i` of `parts` of a line begins.
struct Cut {
  int64_t length = 0;
  int64_t parts = 1;
  int64_t at(int64_t i) const { return i * length / parts; }
};

}  // namespace

Block Tiling::block(int64_t tile) const {
  const Cut columns{size_.width, counts_.across};
  const Cut rows{size_.height, counts_.down};
  const int64_t i = tile % counts_.across;
  const int64_t j = tile / counts_.across;
  return {columns.at(i), rows.at(j), columns.at(i + 1) - columns.at(i),
          rows.at(j + 1) - rows.at(j)};
}

int64_t Tiling::neighbour(int64_t tile, Direction direction) const {
  int64_t i = tile % counts_.across + direction.dx();
  int64_t j = tile / counts_.across + direction.dy();
  if (topology_ == Topology::kTorus) {
    i = (i + counts_.across) % counts_.across;
    j = (j + counts_.down) % counts_.down;
  }
  const bool beyond = i < 0 || i >= counts_.across || j < 0 || j >= counts_.down;
  return beyond ? -1 : j * counts_.across + i;
}

int64_t Tiling::deepest_halo() const {
  constexpr int64_t kDeepest = 1024;  // deeper ones only cost memory
  int64_t deepest = kDeepest;
  const bool torus = topology_ == Topology::kTorus;
  // The smallest part of a line cut evenly is the quotient, rounded down.
  if (torus || counts_.across > 1) deepest = std::min(deepest, size_.width / counts_.across);
  if (torus || counts_.down > 1) deepest = std::min(deepest, size_.height / counts_.down);
  return deepest;
}

TileCounts choose_tiles(const GridSize& size, int64_t workers) {
  constexpr int64_t kSmallestWidth = 256;
  constexpr int64_t kSmallestHeight = 64;
  const int64_t wanted = 4 * workers;
  TileCounts best{1, 1};
  int64_t best_edge = 0;
  for (int64_t across = 1; across == 1 || across * kSmallestWidth <= size.width; ++across) {
    const int64_t fit = std::max<int64_t>(1, size.height / kSmallestHeight);
    const int64_t down = std::min(fit, (wanted + across - 1) / across);
    const TileCounts counts{across, down};
    // What all tiles exchange, in words: a cell of a side costs a row a word, or a word 64 cells.
    const int64_t edge = down * size.width / 64 + across * size.height;
    const int64_t useful = std::min(counts.tiles(), wanted);
    const int64_t best_useful = std::min(best.tiles(), wanted);
    if (across == 1 || useful > best_useful || (useful == best_useful && edge < best_edge)) {
      best = counts;
      best_edge = edge;
    }
    if (across >= wanted) break;
  }
  return best;
}

int64_t choose_halo(const Tiling& tiling) {
  const Block smallest{0, 0, tiling.size().width / tiling.counts().across,
                       tiling.size().height / tiling.counts().down};
  const int64_t side = std::min(smallest.width, smallest.height);
  return std::clamp<int64_t>(side / 8, 1, std::min<int64_t>(64, tiling.deepest_halo()));
}

}  // namespace ray::model::life
