#include "models/game-of-life/plan.h"

namespace ray::model::life {

Words Plan::encode() const {
  Words words;
  const auto put = [&](auto... values) { (words.push_back(static_cast<uint64_t>(values)), ...); };
  put(size.width, size.height, topology, rule.birth, rule.survival, first_step, steps);
  put(tiles.across, tiles.down, workers, halo);
  put(seed, chance.threshold(), chance.certain());
  put(series_every, frame_every, frame_scale, checkpoint_every, cells);
  put(runs.size());
  for (const Run& run : runs) put(run.x, run.y, run.length);
  put(cells_at_start.size());
  words.insert(words.end(), cells_at_start.begin(), cells_at_start.end());
  return words;
}

Plan Plan::decode(std::span<const uint64_t> words) {
  WordReader reader(words);
  Plan plan;
  plan.size.width = reader.take_int();
  plan.size.height = reader.take_int();
  plan.topology = static_cast<Topology>(reader.take());
  plan.rule.birth = static_cast<uint16_t>(reader.take());
  plan.rule.survival = static_cast<uint16_t>(reader.take());
  plan.first_step = reader.take();
  plan.steps = reader.take();
  plan.tiles.across = reader.take_int();
  plan.tiles.down = reader.take_int();
  plan.workers = reader.take_int();
  plan.halo = reader.take_int();
  plan.seed = reader.take();
  const uint64_t threshold = reader.take();
  plan.chance = Chance(Chance::Shipped{threshold, reader.take() != 0});
  plan.series_every = reader.take();
  plan.frame_every = reader.take();
  plan.frame_scale = reader.take_int();
  plan.checkpoint_every = reader.take();
  plan.cells = reader.take() != 0;
  for (uint64_t left = reader.take(); left > 0; --left) {
    Run& run = plan.runs.emplace_back();
    run.x = reader.take_int();
    run.y = reader.take_int();
    run.length = reader.take_int();
  }
  const auto cells = reader.take(reader.take());
  plan.cells_at_start.assign(cells.begin(), cells.end());
  return plan;
}

Block frame_block(const Block& cells, int64_t scale) {
  const int64_t x = cells.x / scale;
  const int64_t y = cells.y / scale;
  return {x, y, (cells.x + cells.width - 1) / scale - x + 1,
          (cells.y + cells.height - 1) / scale - y + 1};
}

}  // namespace ray::model::life
