// Tile: a rectangle of the grid with a halo of depth k around it.
//
//        k   width   k
//      ┌───┬───────┬───┐      With the halo filled, k steps can be made without hearing from
//      anybody:
//    k │   │       │   │      the first is right up to one cell inside the halo's edge, the next up
//    to
//      ├───┼───────┼───┤      two, the last for exactly the tile itself. Then the halo is stale and
//      │   │ tile  │   │      the neighbours' edges are put there anew. What lies further out in a
//      ├───┼───────┼───┤      row's words is garbage that moves inward by one cell a step as well,
//      │   │       │   │      and never arrives.
//      └───┴───────┴───┘
//
// On a torus the halo is what a walk around the torus meets, so a grid of one or two columns meets
// the same cell again and again, as the definition has it. On a bounded grid what is outside stays
// dead. Not thread-safe; nothing here waits.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/game-of-life/kernel.h"
#include "models/game-of-life/rule.h"
#include "models/game-of-life/tiling.h"
#include "models/lib/rle.h"
#include "models/lib/rng.h"

namespace ray::model::life {

class Tile {
 public:
  /// All cells dead. Precondition: 1 ≤ halo ≤ tiling.deepest_halo().
  Tile(const Tiling& tiling, int64_t tile, int64_t halo);
  Tile(Tile&&) noexcept = default;
  Tile& operator=(Tile&&) noexcept = default;

  const Block& block() const { return block_; }

  /// Alive where the draw for a cell hits.
  struct RandomStart {
    uint64_t seed = 0;
    Chance chance;
  };
  void fill(const RandomStart& start);
  /// Runs of live cells of the whole grid; what lies in other tiles is skipped.
  void draw_runs(std::span<const Run> runs);

  /// Cells of the whole grid by rows, each row beginning at a word.
  void fill(std::span<const uint64_t> grid);

  /// What the neighbour in `direction` needs: the outermost `halo` cells on that side, row by row,
  /// each row beginning at a word. Appended to `to`.
  void append_edge(Direction direction, std::vector<uint64_t>& to) const;
  /// Words of append_edge for this direction; a neighbour's edge from there is as large.
  int64_t edge_words(Direction direction) const;
  /// Fills the halo on the side `direction` with the edge of the neighbour there.
  /// Precondition: edge.size() == edge_words(direction).
  void put_halo(Direction direction, std::span<const uint64_t> edge);

  /// One step, the `number`-th since the halo was filled, 1 ≤ number ≤ halo.
  void step(const Kernel& kernel, const Rule& rule, int64_t number);

  int64_t population() const;
  uint64_t digest() const;
  /// The tile's cells row by row, each row beginning at a word.
  void append_cells(std::vector<uint64_t>& to) const;
  /// For each square of scale x scale cells of the grid that touches the tile, by rows: how many of
  /// its cells that lie in the tile are alive. Appended to `to`.
  void append_densities(int64_t scale, std::vector<uint32_t>& to) const;

 private:
  /// Bits of rows, as an area to copy.
  Block edge_block(Direction direction) const;
  const uint64_t* row(int64_t y) const { return cells_ + (y + halo_) * stride_; }
  uint64_t* row(int64_t y) { return cells_ + (y + halo_) * stride_; }
  /// The bit of column x of the tile in a row.
  int64_t bit(int64_t x) const { return x + halo_; }
  void clear_outside(uint64_t* first_row, int64_t rows) const;

  GridSize size_;
  Topology topology_;
  Block block_;
  int64_t halo_;
  int64_t words_;   // of a row that hold cells
  int64_t stride_;  // an odd number of cache lines, so that rows spread over the cache
  struct Mask {
    int64_t word = 0;
    uint64_t inside = 0;
  };
  std::vector<Mask> outside_;  // words with columns that are not on a bounded grid
  std::vector<uint64_t> storage_;
  uint64_t* cells_ = nullptr;
  uint64_t* next_ = nullptr;
};

}  // namespace ray::model::life
