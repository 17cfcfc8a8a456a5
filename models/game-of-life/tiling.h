// Tiling: how a grid is cut into tiles, who borders on whom, and which worker holds which tile.
//
// A tile is a rectangle of the grid. All tiles of a column have one width and all of a row one
// height, so what crosses a border always fits.
#pragma once

#include <cstdint>

namespace ray::model::life {

enum class Topology : uint8_t { kTorus, kBounded };

struct GridSize {
  int64_t width = 0;
  int64_t height = 0;
  int64_t cells() const { return width * height; }
  friend bool operator==(const GridSize&, const GridSize&) = default;
};

/// A rectangle of cells.
struct Block {
  int64_t x = 0;
  int64_t y = 0;
  int64_t width = 0;
  int64_t height = 0;
};

/// Numbers of tiles.
struct TileCounts {
  int64_t across = 1;
  int64_t down = 1;
  int64_t tiles() const { return across * down; }
  friend bool operator==(const TileCounts&, const TileCounts&) = default;
};

/// One of the eight directions, by row: 0 is up and left, 1 up, … 7 down and right.
struct Direction {
  int index = 0;
  int dx() const { return (index + (index > 3)) % 3 - 1; }
  int dy() const { return (index + (index > 3)) / 3 - 1; }
  Direction opposite() const { return {7 - index}; }
};
inline constexpr int kDirections = 8;

class Tiling {
 public:
  /// Precondition: 1 ≤ counts.across ≤ size.width, 1 ≤ counts.down ≤ size.height.
  Tiling(const GridSize& size, const TileCounts& counts, Topology topology)
      : size_(size), counts_(counts), topology_(topology) {}

  const GridSize& size() const { return size_; }
  const TileCounts& counts() const { return counts_; }
  Topology topology() const { return topology_; }

  Block block(int64_t tile) const;
  /// The tile that lies there, possibly the tile itself; −1 beyond the edge of a bounded grid.
  int64_t neighbour(int64_t tile, Direction direction) const;
  /// Tiles go to workers in runs of about equal length. Precondition: 1 ≤ workers ≤ tiles.
  int64_t worker_of(int64_t tile, int64_t workers) const {
    return tile * workers / counts_.tiles();
  }

  /// The deepest halo that comes from direct neighbours only: the smallest tile side across which
  /// anything is exchanged.
  int64_t deepest_halo() const;

 private:
  GridSize size_;
  TileCounts counts_;
  Topology topology_;
};

/// As many tiles as keep this many workers busy, wide rather than high, and none tiny.
TileCounts choose_tiles(const GridSize& size, int64_t workers);

/// Deep enough that messages are few, and shallow enough that little is computed twice.
int64_t choose_halo(const Tiling& tiling);

}  // namespace ray::model::life
