// The workloads that come with rayd, run in local_mode: threads in place of processes.
#include <ray/api.h>
#include <ray/workload.h>

#include <algorithm>
#include <map>

#include "models/lib/rle.h"
#include "tests/unit/catch.h"

namespace {

struct TestJob : ray::Job {
  std::map<std::string, std::string> files;
  std::vector<std::string> logged;
  std::map<uint64_t, int64_t> population;
  size_t frames = 0;
  uint64_t done = 0, total = 0;
  uint64_t cancel_at = ~uint64_t{0};

  using ray::Job::progress;
  void progress(uint64_t now, uint64_t all, std::string_view) override { done = now, total = all; }
  void metrics(uint64_t step, const std::vector<ray::MetricValue>& values) override {
    population[step] = std::get<int64_t>(values.at(0).value);
  }
  void frame(uint64_t, const ray::Image&) override { ++frames; }
  bool cancelled() override { return done >= cancel_at; }
  void log(ray::LogLevel, std::string_view text) override { logged.emplace_back(text); }
  void write(std::string_view name, std::string_view bytes) override {
    files[std::string(name)] = bytes;
  }
  int64_t cluster_cpus() override { return 2; }
};

void init() {
  ray::RayConfig config;
  config.local_mode = true;
  ray::Init(config);
}

using Values = std::map<std::string, std::string>;

std::string run(const char* name, const Values& values, ray::Job& job) {
  init();
  const ray::Workload* workload = ray::find_workload(name);
  REQUIRE(workload != nullptr);
  return workload->run({values, {}}, job);
}

std::string run(const char* name, const Values& values = {}) {
  TestJob job;
  return run(name, values, job);
}

}  // namespace

TEST_CASE("square and counter give what the README says") {
  CHECK(run("square") == "[0,1,4,9]");
  CHECK(run("square", {{"n", "0"}}) == "[]");
  CHECK(run("counter") == "[1,1,1,1]");
  CHECK(run("counter", {{"actors", "2"}, {"calls", "50"}}) == "[50,50]");
}

TEST_CASE("the digests of models.md come from actors too, for every tiling and number of workers") {
  for (const char* tiles : {"1x1", "3x4", "7x2"}) {
    for (const char* workers : {"1", "2", "4"}) {
      CAPTURE(tiles, workers);
      const Values common{{"seed", "42"}, {"tiles", tiles}, {"workers", workers}};
      Values torus = common, bounded = common;
      torus["steps"] = "100";
      bounded["steps"] = "1000";
      bounded["topology"] = "bounded";
      CHECK(run("game-of-life", torus) ==
            R"({"steps":100,"stop":"steps","population":5660,"digest":"282624fe07444175"})");
      CHECK(run("game-of-life", bounded) ==
            R"({"steps":1000,"stop":"steps","population":2842,"digest":"8a3f4ac82d6eba3a"})");
    }
  }
}

TEST_CASE("a run writes its series, its end as RLE, a picture and a film") {
  TestJob job;
  const std::string result = run("game-of-life",
                                 {{"pattern", "r-pentomino"},
                                  {"grid", "1024x1024"},
                                  {"topology", "bounded"},
                                  {"steps", "1103"},
                                  {"workers", "2"},
                                  {"tiles", "2x2"},
                                  {"every", "100"},
                                  {"rle", "end.rle"},
                                  {"png", "out/end.png"},
                                  {"gif", "run.gif"}},
                                 job);
  CHECK(result.find(R"("population":116,)") != std::string::npos);
  const std::string& series = job.files.at("series.csv");
  CHECK(series.starts_with("step,population\n0,5\n100,"));
  CHECK(series.ends_with("\n1103,116\n"));
  CHECK(std::count(series.begin(), series.end(), '\n') == 14);  // steps 0, 100 … 1100, the end
  CHECK(job.population.at(1103) == 116);
  CHECK(job.frames == 13);
  CHECK(job.done == 1103);
  CHECK(ray::model::read_rle(job.files.at("end.rle")).population() == 116);
  CHECK(job.files.at("end.rle").starts_with("x = 1024, y = 1024, rule = B3/S23:P1024,1024\n"));
  CHECK(job.files.at("out/end.png").starts_with("\x89PNG\r\n"));
  CHECK(job.files.at("run.gif").starts_with("GIF89a"));
  CHECK(job.logged.back().starts_with("cells_per_s "));
}

TEST_CASE("a cancelled run ends with the step it had reached, and its actors end with it") {
  TestJob job;
  job.cancel_at = 1;
  CHECK_THROWS_WITH(run("game-of-life",
                        {{"grid", "64x64"},
                         {"steps", "1000000000"},
                         {"tiles", "2x2"},
                         {"workers", "2"},
                         {"halo", "1"}},
                        job),
                    Catch::Matchers::StartsWith("cancelled at step "));
}

TEST_CASE("each workload describes all its parameters") {
  std::vector<std::string> names;
  for (const ray::Workload& workload : ray::workloads()) names.push_back(workload.name);
  CHECK(names == std::vector<std::string>{"counter", "game-of-life", "square"});
  const ray::WorkloadInfo life = ray::find_workload("game-of-life")->describe();
  std::vector<std::string> execution;
  for (const ray::ParamInfo& param : life.params) {
    CHECK_FALSE(param.meaning.empty());
    if (param.execution) execution.push_back(param.name);
  }
  CHECK(execution == std::vector<std::string>{"tiles", "workers", "halo"});
}
