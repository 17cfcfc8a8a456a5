#include "models/game-of-life/ledger.h"

#include <algorithm>
#include <stdexcept>

#include "models/game-of-life/bits.h"

namespace ray::model::life {
namespace {

enum Kind : uint64_t { kSeries = 1, kFrame, kCells, kFinal, kProgress, kFailure };

[[noreturn]] void foreign() { throw std::runtime_error("a report of another run came"); }

/// The cells of a tile, as Tile::append_cells wrote them.
void read_block(const Block& block, WordReader& reader, BitGrid& grid) {
  for (int64_t y = 0; y < block.height; ++y) {
    for (int64_t x = 0; x < block.width; x += 64) {
      put_bits(grid.row(block.y + y), block.x + x, reader.take(),
               std::min<int64_t>(64, block.width - x));
    }
  }
}

}  // namespace

void report_series(const SeriesPart& part, Words& report) {
  report.insert(report.end(), {kSeries, part.step, part.tiles, part.population});
}

void report_frame(const FramePart& part, std::span<const uint32_t> densities, Words& report) {
  report.insert(report.end(), {kFrame, part.step, static_cast<uint64_t>(part.tile)});
  for (size_t i = 0; i < densities.size(); i += 2) {
    const uint64_t high = i + 1 < densities.size() ? densities[i + 1] : 0;
    report.push_back(densities[i] | high << 32);
  }
}

void report_cells(const CellsPart& part, std::span<const uint64_t> cells, Words& report) {
  report.insert(report.end(), {kCells, part.step, static_cast<uint64_t>(part.tile)});
  report.insert(report.end(), cells.begin(), cells.end());
}

void report_final(const FinalPart& part, std::span<const uint64_t> cells, Words& report) {
  report.insert(report.end(),
                {kFinal, static_cast<uint64_t>(part.tile), part.population, part.digest});
  report.insert(report.end(), cells.begin(), cells.end());
}

void report_progress(const Progress& progress, Words& report) {
  report.insert(report.end(), {kProgress, static_cast<uint64_t>(progress.worker), progress.steps});
}

void report_failure(std::string_view text, Words& report) {
  report.push_back(kFailure);
  put_text(report, text);
}

Ledger::Ledger(const Plan& plan)
    : plan_(plan),
      tiling_(plan.tiling()),
      tiles_left_(plan.tiles.tiles()),
      worker_steps_(static_cast<size_t>(plan.workers)) {
  if (plan.cells) cells_ = BitGrid(plan.size.width, plan.size.height);
}

Block Ledger::block_of(int64_t tile) const {
  if (tile < 0 || tile >= plan_.tiles.tiles()) foreign();
  return tiling_.block(tile);
}

void Ledger::on_report(std::span<const uint64_t> report) {
  WordReader reader(report);
  while (!reader.ended()) {
    switch (reader.take()) {
      case kSeries: {
        const auto part = reader.take(3);
        on_series({part[0], part[1], part[2]});
        break;
      }
      case kFrame: {
        const auto part = reader.take(2);
        on_frame({part[0], static_cast<int64_t>(part[1])}, reader);
        break;
      }
      case kCells: {
        const auto part = reader.take(2);
        on_cells({part[0], static_cast<int64_t>(part[1])}, reader);
        break;
      }
      case kFinal: {
        const auto part = reader.take(3);
        on_final({static_cast<int64_t>(part[0]), part[1], part[2]}, reader);
        break;
      }
      case kProgress: {
        const auto part = reader.take(2);
        if (part[0] >= worker_steps_.size()) foreign();
        worker_steps_[part[0]] = std::max(worker_steps_[part[0]], part[1]);
        break;
      }
      case kFailure: throw std::runtime_error(reader.take_text());
      default: foreign();
    }
  }
}

void Ledger::on_series(const SeriesPart& part) {
  if (!plan_.in_series(part.step)) foreign();
  SeriesPart& sum = series_[part.step];
  sum.tiles += part.tiles;
  sum.population += part.population;
}

std::vector<Ledger::Point> Ledger::take_series() {
  std::vector<Point> closed;
  const auto tiles = static_cast<uint64_t>(plan_.tiles.tiles());
  while (!series_.empty() && series_.begin()->second.tiles == tiles) {
    const auto& [step, sum] = *series_.begin();
    closed.push_back({step, sum.population});
    series_.erase(series_.begin());
  }
  return closed;
}

void Ledger::on_frame(const FramePart& part, WordReader& reader) {
  if (!plan_.in_frames(part.step)) foreign();
  const Block pixels = frame_block(block_of(part.tile), plan_.frame_scale);
  const auto count = static_cast<uint64_t>(pixels.width * pixels.height);
  const auto densities = reader.take((count + 1) / 2);
  auto [it, opened] = frames_.try_emplace(part.step);
  Open<Frame>& open = it->second;
  if (opened) {
    const Block whole = frame_block({0, 0, plan_.size.width, plan_.size.height}, plan_.frame_scale);
    open.whole = {part.step, whole.width, whole.height, {}};
    open.whole.densities.resize(static_cast<size_t>(whole.width * whole.height));
    open.tiles_left = plan_.tiles.tiles();
  }
  // Pixels on the border of tiles get a part from each.
  for (uint64_t i = 0; i < count; ++i) {
    const int64_t x = pixels.x + static_cast<int64_t>(i) % pixels.width;
    const int64_t y = pixels.y + static_cast<int64_t>(i) / pixels.width;
    open.whole.densities[static_cast<size_t>(y * open.whole.width + x)] +=
        static_cast<uint32_t>(densities[i / 2] >> (i % 2 * 32));
  }
  --open.tiles_left;
}

template <class Whole>
std::vector<Whole> Ledger::take_closed(OpenByStep<Whole>& open) {
  std::vector<Whole> closed;
  while (!open.empty() && open.begin()->second.tiles_left == 0) {
    closed.push_back(std::move(open.begin()->second.whole));
    open.erase(open.begin());
  }
  return closed;
}

std::vector<Ledger::Frame> Ledger::take_frames() { return take_closed(frames_); }
std::vector<Ledger::State> Ledger::take_checkpoints() { return take_closed(checkpoints_); }

void Ledger::on_final(const FinalPart& part, WordReader& reader) {
  const Block block = block_of(part.tile);
  --tiles_left_;
  population_ += part.population;
  digest_ += part.digest;
  if (plan_.cells) read_block(block, reader, cells_);
}

void Ledger::on_cells(const CellsPart& part, WordReader& reader) {
  if (!plan_.in_checkpoints(part.step)) foreign();
  const Block block = block_of(part.tile);
  auto [it, opened] = checkpoints_.try_emplace(part.step);
  Open<State>& open = it->second;
  if (opened) {
    open.whole = {part.step, BitGrid(plan_.size.width, plan_.size.height)};
    open.tiles_left = plan_.tiles.tiles();
  }
  read_block(block, reader, open.whole.cells);
  --open.tiles_left;
}

uint64_t Ledger::steps() const {
  return *std::min_element(worker_steps_.begin(), worker_steps_.end());
}

}  // namespace ray::model::life
