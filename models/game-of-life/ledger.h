// Ledger: what the tiles of a run reported, added up; the driver's side of a run.
//
// Reports come from many workers in any order. A step of the series and a frame are closed when all
// tiles have reported on them, and come out in the order of steps. Every sum is of integers, so the
// order in which parts arrive changes nothing.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "models/game-of-life/plan.h"
#include "models/lib/bit_grid.h"
#include "models/lib/words.h"

namespace ray::model::life {

// The parts of a report, as the workers write them.
struct SeriesPart {
  uint64_t step = 0;
  uint64_t tiles = 0;  ///< how many tiles this part sums up
  uint64_t population = 0;
};
struct FramePart {
  uint64_t step = 0;
  int64_t tile = 0;
};
struct CellsPart {  // of a checkpoint
  uint64_t step = 0;
  int64_t tile = 0;
};
struct FinalPart {
  int64_t tile = 0;
  uint64_t population = 0;
  uint64_t digest = 0;
};
struct Progress {
  int64_t worker = 0;
  uint64_t steps = 0;  ///< done by the worker's slowest tile
};
void report_series(const SeriesPart& part, Words& report);
void report_frame(const FramePart& part, std::span<const uint32_t> densities, Words& report);
void report_cells(const CellsPart& part, std::span<const uint64_t> cells, Words& report);
void report_final(const FinalPart& part, std::span<const uint64_t> cells, Words& report);
void report_progress(const Progress& progress, Words& report);
/// The run cannot go on; the reader of the report throws std::runtime_error with this text.
void report_failure(std::string_view text, Words& report);

class Ledger {
 public:
  explicit Ledger(const Plan& plan);

  /// Throws std::runtime_error for a report of a failure, or one that does not belong to this run.
  void on_report(std::span<const uint64_t> report);

  struct Point {
    uint64_t step = 0;
    uint64_t population = 0;
  };
  /// The steps of the series that were closed since the last time, in order.
  std::vector<Point> take_series();

  struct Frame {
    uint64_t step = 0;
    int64_t width = 0;
    int64_t height = 0;
    std::vector<uint32_t> densities;  ///< live cells a pixel, by rows
  };
  /// The frames that were closed since the last time, in order.
  std::vector<Frame> take_frames();

  struct State {
    uint64_t step = 0;
    BitGrid cells;
  };
  /// The checkpoints that were closed since the last time, in order.
  std::vector<State> take_checkpoints();

  /// Steps done by the slowest tile.
  uint64_t steps() const;
  /// All tiles have reported their end.
  bool done() const { return tiles_left_ == 0; }
  /// Sums over the tiles that have ended.
  uint64_t population() const { return population_; }
  uint64_t digest() const { return digest_; }
  /// Empty unless the plan asks for the cells.
  const BitGrid& cells() const { return cells_; }

 private:
  void on_series(const SeriesPart& part);
  void on_frame(const FramePart& part, WordReader& reader);
  void on_cells(const CellsPart& part, WordReader& reader);
  void on_final(const FinalPart& part, WordReader& reader);
  Block block_of(int64_t tile) const;

  Plan plan_;
  Tiling tiling_;
  int64_t tiles_left_;
  uint64_t population_ = 0;
  uint64_t digest_ = 0;
  BitGrid cells_;
  std::map<uint64_t, SeriesPart> series_;  // by step, not yet taken
  /// What comes tile by tile, by step, until it is taken.
  template <class Whole>
  struct Open {
    Whole whole;
    int64_t tiles_left = 0;
  };
  template <class Whole>
  using OpenByStep = std::map<uint64_t, Open<Whole>>;
  template <class Whole>
  static std::vector<Whole> take_closed(OpenByStep<Whole>& open);

  OpenByStep<Frame> frames_;
  OpenByStep<State> checkpoints_;
  std::vector<uint64_t> worker_steps_;
};

}  // namespace ray::model::life
