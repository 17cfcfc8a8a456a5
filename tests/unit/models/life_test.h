// For tests of the Game of Life: a naive reference, and a run of all workers in one thread with
// messages delivered in a random order.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "models/game-of-life/ledger.h"
#include "models/game-of-life/tile_group.h"
#include "models/lib/digest.h"

namespace ray::model::life {

/// splitmix64 as a generator, for tests.
struct TestRandom {
  uint64_t state = 1;
  uint64_t next() { return splitmix64(state += 0x9E3779B97F4A7C15u); }
  int64_t below(int64_t n) {
    return static_cast<int64_t>(uniform_below(static_cast<uint64_t>(n), next()));
  }
  int64_t between(int64_t low, int64_t high) { return low + below(high - low + 1); }
};

/// One byte a cell, each neighbour looked up one by one: the definition and nothing else.
struct NaiveLife {
  GridSize size;
  Topology topology;
  Rule rule;
  std::vector<uint8_t> cells;

  explicit NaiveLife(const Plan& plan) : size(plan.size), topology(plan.topology), rule(plan.rule) {
    cells.resize(static_cast<size_t>(size.cells()));
    for (size_t id = 0; id < cells.size(); ++id) {
      cells[id] = plan.chance.hit(draw(plan.seed, {.id = id}).a);
    }
    for (const Run& run : plan.runs) {
      for (int64_t i = 0; i < run.length; ++i) {
        cells[static_cast<size_t>(run.y * size.width + run.x + i)] = 1;
      }
    }
  }

  uint8_t at(int64_t x, int64_t y) const {
    if (topology == Topology::kTorus) {
      x = (x + size.width) % size.width;
      y = (y + size.height) % size.height;
    }
    if (x < 0 || y < 0 || x >= size.width || y >= size.height) return 0;
    return cells[static_cast<size_t>(y * size.width + x)];
  }

  void step() {
    std::vector<uint8_t> next(cells.size());
    for (int64_t y = 0; y < size.height; ++y) {
      for (int64_t x = 0; x < size.width; ++x) {
        int count = 0;
        for (int64_t dy = -1; dy <= 1; ++dy) {
          for (int64_t dx = -1; dx <= 1; ++dx) {
            if (dx != 0 || dy != 0) count += at(x + dx, y + dy);
          }
        }
        const uint16_t counts = at(x, y) ? rule.survival : rule.birth;
        next[static_cast<size_t>(y * size.width + x)] = counts >> count & 1;
      }
    }
    cells = std::move(next);
  }

  uint64_t population() const {
    uint64_t population = 0;
    for (const uint8_t cell : cells) population += cell;
    return population;
  }
  uint64_t digest() const {
    uint64_t digest = 0;
    for (size_t id = 0; id < cells.size(); ++id) digest += digest_part({id, cells[id]});
    return digest;
  }
};

/// Runs a plan: one group a worker, messages between two workers in order and otherwise delivered
/// as `random` likes; plan and messages pass through their encoded form.
inline Ledger run_in_one_thread(const Plan& given, TestRandom random = {}) {
  const Plan plan = Plan::decode(given.encode());
  Ledger ledger(plan);
  std::vector<TileGroup> groups;
  for (int64_t worker = 0; worker < plan.workers; ++worker) groups.emplace_back(plan, worker);
  const auto workers = static_cast<size_t>(plan.workers);
  std::vector<std::deque<Words>> mail(workers * workers);  // from * workers + to
  std::vector<bool> started(workers);
  std::vector<Outbox> outboxes(workers);

  const auto send = [&](size_t from) {
    for (auto& [to, words] : outboxes[from].edges) {
      mail[from * workers + static_cast<size_t>(to)].push_back(std::move(words));
    }
    outboxes[from].edges.clear();
  };
  const auto report = [&](size_t from) {
    groups[from].finish_report(outboxes[from]);
    ledger.on_report(outboxes[from].report);
    outboxes[from].report.clear();
  };
  while (!ledger.done()) {
    // Everything that may happen now; one of it does.
    std::vector<size_t> choices;
    for (size_t i = 0; i < workers; ++i) {
      if (!started[i] || groups[i].ready()) choices.push_back(i);
    }
    for (size_t i = 0; i < mail.size(); ++i) {
      if (!mail[i].empty()) choices.push_back(workers + i);
    }
    if (choices.empty()) throw std::runtime_error("the run stands still");
    const size_t choice = choices[static_cast<size_t>(random.below(std::ssize(choices)))];
    if (choice >= workers) {
      auto& queue = mail[choice - workers];
      groups[(choice - workers) % workers].on_edges(queue.front());
      queue.pop_front();
      continue;
    }
    if (!started[choice]) {
      started[choice] = true;
      groups[choice].start(outboxes[choice]);
    } else {
      groups[choice].advance(outboxes[choice]);
    }
    send(choice);
    report(choice);
  }
  return ledger;
}

}  // namespace ray::model::life
