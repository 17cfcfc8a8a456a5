#include "models/game-of-life/tile_group.h"

#include <algorithm>
#include <functional>
#include <stdexcept>

#include "models/game-of-life/ledger.h"

namespace ray::model::life {

TileGroup::TileGroup(const Plan& plan, int64_t worker)
    : plan_(plan),
      tiling_(plan.tiling()),
      worker_(worker),
      rounds_((plan.steps - plan.first_step + static_cast<uint64_t>(plan.halo) - 1) /
              static_cast<uint64_t>(plan.halo)) {
  const int64_t tiles = plan.tiles.tiles();
  for (int64_t tile = 0; tile < tiles; ++tile) {
    if (tiling_.worker_of(tile, plan.workers) != worker) continue;
    Member& member =
        members_.emplace_back(Member{.tile = tile, .cells = Tile(tiling_, tile, plan.halo)});
    for (int i = 0; i < kDirections; ++i) {
      const int64_t neighbour = tiling_.neighbour(tile, {i});
      member.neighbours[static_cast<size_t>(i)] = neighbour;
      if (neighbour < 0) continue;
      ++member.needed;
      if (tiling_.worker_of(neighbour, plan.workers) != worker) member.borders_others = true;
    }
    if (!plan.cells_at_start.empty()) {
      member.cells.fill(plan.cells_at_start);
      continue;
    }
    member.cells.fill(Tile::RandomStart{plan.seed, plan.chance});
    member.cells.draw_runs(plan.runs);
  }
  if (members_.empty()) throw std::runtime_error("a worker without tiles was asked for");
  first_tile_ = members_.front().tile;
}

void TileGroup::start(Outbox& out) {
  for (Member& member : members_) {
    observe(member, plan_.first_step, out);
    member.started = true;
    if (rounds_ == 0) {
      report_end(member, out);
    } else {
      send_edges(member, out);
      note_if_ready(member);
    }
  }
}

uint64_t TileGroup::steps_done(const Member& member) const {
  return std::min(plan_.first_step + member.round * static_cast<uint64_t>(plan_.halo), plan_.steps);
}

TileGroup::Member& TileGroup::member_of(uint64_t tile) {
  const uint64_t index = tile - static_cast<uint64_t>(first_tile_);
  if (index >= members_.size()) throw std::runtime_error("edges came to the wrong worker");
  return members_[index];
}

void TileGroup::send_edges(Member& member, Outbox& out) {
  for (int i = 0; i < kDirections; ++i) {
    const int64_t neighbour = member.neighbours[static_cast<size_t>(i)];
    if (neighbour < 0) continue;
    const Direction direction{i};
    const int64_t worker = tiling_.worker_of(neighbour, plan_.workers);
    if (worker == worker_) {
      Words edge;
      edge.reserve(static_cast<size_t>(member.cells.edge_words(direction)));
      member.cells.append_edge(direction, edge);
      Member& other = member_of(static_cast<uint64_t>(neighbour));
      take_edge(other, direction.opposite(), member.round, edge);
      continue;
    }
    Words& message = out.edges[worker];
    message.push_back(static_cast<uint64_t>(neighbour));
    message.push_back(static_cast<uint64_t>(direction.opposite().index));
    message.push_back(member.round);
    message.push_back(static_cast<uint64_t>(member.cells.edge_words(direction)));
    member.cells.append_edge(direction, message);
  }
}

void TileGroup::on_edges(std::span<const uint64_t> message) {
  WordReader reader(message);
  while (!reader.ended()) {
    Member& member = member_of(reader.take());
    const uint64_t direction = reader.take();
    if (direction >= kDirections) throw std::runtime_error("edges came from nowhere");
    const uint64_t round = reader.take();
    const uint64_t words = reader.take();
    take_edge(member, {static_cast<int>(direction)}, round, reader.take(words));
  }
}

void TileGroup::take_edge(Member& member, Direction direction, uint64_t round,
                          std::span<const uint64_t> edge) {
  const auto side = static_cast<size_t>(direction.index);
  Words& place = member.edges[round % 2][side];
  const bool expected = round == member.round || round == member.round + 1;
  const bool fits = std::ssize(edge) == member.cells.edge_words(direction);
  if (!expected || !fits || !place.empty() || member.neighbours[side] < 0) {
    throw std::runtime_error("edges came twice, out of turn or in a wrong size");
  }
  place.assign(edge.begin(), edge.end());
  ++member.received[round % 2];
  if (round == member.round) note_if_ready(member);
}

void TileGroup::note_if_ready(Member& member) {
  const bool complete = member.received[member.round % 2] == member.needed;
  if (!member.started || member.queued || !complete) return;
  member.queued = true;
  const auto index = static_cast<size_t>(&member - members_.data());
  ready_.push_back({member.round, !member.borders_others, index});
  std::push_heap(ready_.begin(), ready_.end(), std::greater<>());
}

void TileGroup::advance(Outbox& out) {
  if (ready_.empty()) return;
  const Order first = ready_.front();
  do {
    std::pop_heap(ready_.begin(), ready_.end(), std::greater<>());
    Member& member = members_[ready_.back().member];
    ready_.pop_back();
    make_round(member, out);
  } while (!first.inner && !ready_.empty() && !ready_.front().inner &&
           ready_.front().round == first.round);
}

void TileGroup::make_round(Member& member, Outbox& out) {
  member.queued = false;
  const size_t parity = member.round % 2;
  for (int i = 0; i < kDirections; ++i) {
    Words& edge = member.edges[parity][static_cast<size_t>(i)];
    if (edge.empty()) continue;
    member.cells.put_halo({i}, edge);
    edge.clear();
  }
  member.received[parity] = 0;
  const uint64_t done = steps_done(member);
  const uint64_t count = std::min(static_cast<uint64_t>(plan_.halo), plan_.steps - done);
  const Kernel& kernel = kernels().front();
  for (uint64_t step = 1; step <= count; ++step) {
    member.cells.step(kernel, plan_.rule, static_cast<int64_t>(step));
    observe(member, done + step, out);
  }
  ++member.round;
  if (member.round == rounds_) {
    report_end(member, out);
  } else {
    send_edges(member, out);
    note_if_ready(member);
  }
}

void TileGroup::observe(const Member& member, uint64_t step, Outbox& out) {
  if (plan_.in_series(step)) {
    Sum& sum = series_[step];
    ++sum.tiles;
    sum.population += static_cast<uint64_t>(member.cells.population());
  }
  if (plan_.in_frames(step)) {
    std::vector<uint32_t> densities;
    member.cells.append_densities(plan_.frame_scale, densities);
    report_frame({step, member.tile}, densities, out.report);
  }
  if (plan_.in_checkpoints(step)) {
    Words cells;
    member.cells.append_cells(cells);
    report_cells({step, member.tile}, cells, out.report);
  }
}

void TileGroup::report_end(const Member& member, Outbox& out) {
  ++done_;
  Words cells;
  if (plan_.cells) member.cells.append_cells(cells);
  report_final(
      {member.tile, static_cast<uint64_t>(member.cells.population()), member.cells.digest()}, cells,
      out.report);
}

void TileGroup::finish_report(Outbox& out) {
  for (const auto& [step, sum] : series_) {
    report_series({step, sum.tiles, sum.population}, out.report);
  }
  series_.clear();
  uint64_t slowest = plan_.steps;
  for (const Member& member : members_) slowest = std::min(slowest, steps_done(member));
  report_progress({worker_, slowest}, out.report);
}

}  // namespace ray::model::life
