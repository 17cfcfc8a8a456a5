#include "models/game-of-life/checkpoint.h"
#include "tests/unit/catch.h"
#include "tests/unit/models/life_test.h"

using namespace ray::model;
using namespace ray::model::life;

namespace {

struct Golden {
  uint64_t steps;
  uint64_t population;
  const char* digest;
};

Plan soup(Topology topology, uint64_t steps) {
  Plan plan;
  plan.topology = topology;
  plan.steps = steps;
  plan.seed = 42;
  plan.chance = Chance(.3);
  return plan;
}

void check_golden(Topology topology, const std::vector<Golden>& table) {
  TestRandom random;
  for (const TileCounts tiles : {TileCounts{1, 1}, {3, 4}, {7, 2}}) {
    for (const int64_t workers : {1, 2, 4}) {
      for (const Golden& golden : table) {
        Plan plan = soup(topology, golden.steps);
        plan.tiles = tiles;
        plan.workers = std::min(workers, tiles.tiles());
        plan.halo = random.between(1, plan.tiling().deepest_halo());
        plan.halo = std::min<int64_t>(plan.halo, 70);
        CAPTURE(tiles.across, tiles.down, plan.workers, plan.halo, golden.steps);
        const Ledger ledger = run_in_one_thread(plan, random);
        CHECK(ledger.population() == golden.population);
        CHECK(digest_text(ledger.digest()) == golden.digest);
      }
    }
  }
}

Plan centred(std::string_view rle, const GridSize& size, uint64_t steps) {
  const Pattern pattern = read_rle(rle);
  Plan plan;
  plan.size = size;
  plan.topology = Topology::kBounded;
  plan.steps = steps;
  plan.runs = pattern.runs;
  for (Run& run : plan.runs) {
    run.x += (size.width - pattern.width) / 2;
    run.y += (size.height - pattern.height) / 2;
  }
  plan.tiles = choose_tiles(size, 2);
  plan.workers = 2;
  plan.halo = choose_halo(plan.tiling());
  return plan;
}

constexpr const char* kRPentomino = "b2o$2ob$bob!";

}  // namespace

TEST_CASE("a soup on a torus has the digests of models.md for every tiling") {
  check_golden(Topology::kTorus, {{0, 19828, "e691413fceb61040"},
                                  {1, 22400, "580f52a36b352c3b"},
                                  {10, 14205, "7057fbc014eaea6d"},
                                  {100, 5660, "282624fe07444175"},
                                  {1000, 2556, "2ee6c82a62eb7331"}});
}

TEST_CASE("a soup on a bounded grid has the digests of models.md for every tiling") {
  check_golden(Topology::kBounded, {{0, 19828, "e691413fceb61040"},
                                    {1, 22276, "6a8333195756b133"},
                                    {10, 14020, "ee6211ffd1b2abe1"},
                                    {100, 5827, "a7e92cda2f111086"},
                                    {1000, 2842, "8a3f4ac82d6eba3a"}});
}

TEST_CASE("the r-pentomino has 116 cells after 1103 steps, and 113 where the edge is too near") {
  CHECK(run_in_one_thread(centred(kRPentomino, {1024, 1024}, 1103)).population() == 116);
  CHECK(run_in_one_thread(centred(kRPentomino, {512, 512}, 1103)).population() == 113);
}

TEST_CASE("diehard dies at step 130, and acorn has 633 cells after 5206 steps") {
  constexpr const char* kDiehard = "6bob$2o6b$bo3b3o!";
  CHECK(run_in_one_thread(centred(kDiehard, {256, 256}, 129)).population() > 0);
  CHECK(run_in_one_thread(centred(kDiehard, {256, 256}, 130)).population() == 0);
  // Gliders fly at a quarter of a cell a step: none reaches the edge before the end.
  const Plan acorn = centred("bo5b$3bo3b$2o2b3o!", {3072, 3072}, 5206);
  CHECK(run_in_one_thread(acorn).population() == 633);
}

TEST_CASE("a Gosper gun gains a glider of 5 cells every 30 steps") {
  Plan plan = centred(
      "24bo$22bobo$12b2o6b2o12b2o$11bo3bo4b2o12b2o$2o8bo5bo3b2o$2o8bo3bob2o4bobo$"
      "10bo5bo7bo$11bo3bo$12b2o!",
      {1024, 1024}, 600);
  plan.series_every = 1;
  Ledger ledger = run_in_one_thread(plan);
  const std::vector<Ledger::Point> series = ledger.take_series();
  REQUIRE(series.size() == 601);
  CHECK(series[0].population == 36);
  for (size_t i = 0; i + 30 < series.size(); ++i) {
    CAPTURE(i);
    REQUIRE(series[i].step == i);
    REQUIRE(series[i + 30].population == series[i].population + 5);
  }
}

TEST_CASE("any rule, size, tiling, halo and order of messages gives the naive result") {
  TestRandom random{7};
  for (int round = 0; round < 150; ++round) {
    Plan plan;
    // Small sizes often: 1 x N and 2 x N are their own neighbours on a torus.
    plan.size = {random.between(1, round % 3 ? 9 : 200), random.between(1, round % 2 ? 9 : 90)};
    plan.topology = random.below(2) ? Topology::kTorus : Topology::kBounded;
    if (random.below(4)) {
      plan.rule = {static_cast<uint16_t>(random.below(512)),
                   static_cast<uint16_t>(random.below(512))};
    }
    plan.steps = static_cast<uint64_t>(random.below(40));
    plan.seed = random.next();
    plan.chance = Chance(.4);
    plan.tiles = {random.between(1, std::min<int64_t>(plan.size.width, 5)),
                  random.between(1, std::min<int64_t>(plan.size.height, 5))};
    plan.workers = random.between(1, std::min<int64_t>(plan.tiles.tiles(), 6));
    plan.halo = random.between(1, std::min<int64_t>(plan.tiling().deepest_halo(), 80));
    plan.series_every = static_cast<uint64_t>(random.below(4));
    plan.cells = true;
    CAPTURE(plan.size.width, plan.size.height, rule_text(plan.rule), plan.steps, plan.halo,
            plan.tiles.across, plan.tiles.down, plan.workers, plan.topology == Topology::kTorus);
    Ledger ledger = run_in_one_thread(plan, random);
    NaiveLife naive(plan);
    std::vector<uint64_t> populations{naive.population()};
    for (uint64_t i = 0; i < plan.steps; ++i) {
      naive.step();
      populations.push_back(naive.population());
    }
    REQUIRE(ledger.population() == naive.population());
    REQUIRE(ledger.digest() == naive.digest());
    REQUIRE(ledger.cells().count() == static_cast<int64_t>(naive.population()));
    size_t wrong = 0;
    for (int64_t y = 0; y < plan.size.height; ++y) {
      for (int64_t x = 0; x < plan.size.width; ++x) {
        wrong += ledger.cells().get(x, y) != (naive.at(x, y) != 0);
      }
    }
    REQUIRE(wrong == 0);
    uint64_t closed = 0;
    for (const Ledger::Point& point : ledger.take_series()) {
      REQUIRE(point.population == populations[point.step]);
      ++closed;
    }
    if (plan.series_every != 0) {
      const uint64_t whole = plan.steps / plan.series_every;
      REQUIRE(closed == whole + 1 + (plan.steps % plan.series_every != 0));
    }
  }
}

TEST_CASE("frames count the live cells under each pixel, whatever the tiling") {
  TestRandom random{9};
  for (const TileCounts tiles : {TileCounts{1, 1}, {3, 4}, {5, 1}}) {
    Plan plan = soup(Topology::kTorus, 7);
    plan.size = {101, 67};
    plan.tiles = tiles;
    plan.workers = std::min<int64_t>(2, tiles.tiles());
    plan.halo = 3;
    plan.frame_every = 5;
    plan.frame_scale = 8;
    Ledger ledger = run_in_one_thread(plan, random);
    NaiveLife naive(plan);
    const std::vector<Ledger::Frame> frames = ledger.take_frames();
    REQUIRE(frames.size() == 3);
    uint64_t step = 0;
    for (const Ledger::Frame& frame : frames) {
      for (; step < frame.step; ++step) naive.step();
      REQUIRE(frame.width == 13);
      REQUIRE(frame.height == 9);
      std::vector<uint32_t> expected(13 * 9);
      for (int64_t y = 0; y < 67; ++y) {
        for (int64_t x = 0; x < 101; ++x) {
          expected[static_cast<size_t>(y / 8 * 13 + x / 8)] += naive.at(x, y);
        }
      }
      CHECK(frame.densities == expected);
    }
    CHECK(frames[2].step == 7);
  }
}

TEST_CASE("edges that come twice, out of turn or to the wrong worker are refused") {
  Plan plan = soup(Topology::kBounded, 10);
  plan.tiles = {2, 1};
  plan.workers = 2;
  plan.halo = 4;
  TileGroup left(plan, 0), right(plan, 1);
  Outbox out;
  left.start(out);
  const Words message = out.edges.at(1);
  right.on_edges(message);
  CHECK_THROWS_WITH(right.on_edges(message), "edges came twice, out of turn or in a wrong size");
  CHECK_THROWS_WITH(left.on_edges(message), "edges came to the wrong worker");
  Words early = message;
  early[2] = 2;
  CHECK_THROWS(right.on_edges(early));
  Words cut = message;
  cut.pop_back();
  CHECK_THROWS_WITH(right.on_edges(cut), "a message of the model ends too early");
}

TEST_CASE("a failure of a worker reaches the driver, and reports of other runs are refused") {
  Plan plan = soup(Topology::kTorus, 10);
  Ledger ledger(plan);
  Words report;
  report_failure("out of luck on node n3", report);
  CHECK_THROWS_WITH(ledger.on_report(report), "out of luck on node n3");
  report.clear();
  report_final({5, 1, 1}, {}, report);
  CHECK_THROWS_WITH(ledger.on_report(report), "a report of another run came");
}

TEST_CASE("tiles are chosen to keep all workers busy, and halos never deeper than a tile") {
  CHECK(choose_tiles({1024, 1024}, 2).tiles() >= 8);
  CHECK(choose_tiles({1, 1}, 4) == TileCounts{1, 1});
  CHECK(choose_tiles({100, 64}, 64) == TileCounts{1, 1});
  for (const GridSize size : {GridSize{1, 5000}, {5000, 1}, {256, 256}, {4096, 4096}, {3000, 70}}) {
    for (const int64_t workers : {1, 2, 16, 100}) {
      const TileCounts tiles = choose_tiles(size, workers);
      CHECK(tiles.across <= size.width);
      CHECK(tiles.down <= size.height);
      for (const Topology topology : {Topology::kTorus, Topology::kBounded}) {
        const Tiling tiling(size, tiles, topology);
        const int64_t halo = choose_halo(tiling);
        CHECK(halo >= 1);
        for (int64_t tile = 0; tile < tiles.tiles(); ++tile) {
          const Block block = tiling.block(tile);
          const bool alone = topology == Topology::kBounded;
          CHECK((halo <= block.width || (alone && tiles.across == 1)));
          CHECK((halo <= block.height || (alone && tiles.down == 1)));
        }
      }
    }
  }
}

TEST_CASE("a run goes on from a checkpoint, cut otherwise, to the digest of an unbroken one") {
  Plan plan = soup(Topology::kTorus, 100);
  plan.size = {250, 70};  // rows that end within a word
  plan.halo = 7;
  const Ledger unbroken = run_in_one_thread(plan);
  plan.tiles = {3, 2};
  plan.workers = 2;
  plan.checkpoint_every = 40;
  Ledger broken = run_in_one_thread(plan);
  auto states = broken.take_checkpoints();
  REQUIRE(states.size() == 2);
  CHECK(states[0].step == 40);
  CHECK(states[1].step == 80);
  for (auto& state : states) {
    const Checkpoint kept{state.step, plan.topology, plan.rule, std::move(state.cells)};
    Checkpoint checkpoint = decode_checkpoint(encode_checkpoint(kept));
    CHECK(checkpoint.step == kept.step);
    Plan rest = plan;
    rest.tiles = {5, 1};
    rest.workers = 3;
    rest.halo = 4;
    rest.first_step = checkpoint.step;
    rest.cells_at_start = std::move(checkpoint.cells.words());
    const Ledger resumed = run_in_one_thread(rest);
    CHECK(resumed.digest() == unbroken.digest());
    CHECK(resumed.population() == unbroken.population());
    CHECK(resumed.steps() == 100);
  }
}

TEST_CASE("a checkpoint that was tampered with is refused in words") {
  BitGrid cells(70, 3);
  cells.set(69, 2);
  const std::string good = encode_checkpoint({5, Topology::kBounded, Rule{}, cells});
  CHECK(decode_checkpoint(good).cells == cells);
  const auto refusal = [](const std::string& bytes) -> std::string {
    try {
      decode_checkpoint(bytes);
      return "taken";
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
  };
  CHECK(refusal("x = 3, y = 3\nbo!") == "it does not begin as one");
  CHECK(refusal(good.substr(0, good.size() - 1)) == "it is cut short");
  CHECK(refusal(good.substr(0, 50)) == "it is cut short");
  CHECK(refusal(good + "x") == "it has more than its cells");
  std::string damaged = good;
  damaged[damaged.size() - 16] ^= 1;
  CHECK(refusal(damaged) == "it is damaged: its digest is another");
  damaged = good;
  damaged[damaged.size() - 1] ^= 1;
  CHECK(refusal(damaged) == "it has cells beyond the edge");
  damaged = good;
  damaged[40] = 0;  // a width of none
  CHECK(refusal(damaged) == "its header is damaged");
}
