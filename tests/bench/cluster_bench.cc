// What a program sees of a cluster of several nodes; cluster_bench.py starts them and calls this
// beside the head, with the mode that its lines carry.
//
//   cluster_bench MODE ROUNDS CASE…      CASE: calls, pull=BYTES, broadcast=BYTES,NODES
//
// Each other node has resources of its own, n1, n2, …, which say where a task runs. Results are
// fetched and checked. A pull is timed from the call of a task there that reads an object put here
// to its result: it contains one remote task.
#include <ray/api.h>

#include <cinttypes>
#include <memory>

#include "tests/bench/figures.h"

namespace {

using namespace rayd::bench;

int Identity(int x) { return x; }
/// Reads the object where it lies, without a copy; its last word proves that all is there.
uint64_t LastWord(std::span<const uint64_t> words) { return words.back(); }

class Cell {
 public:
  static Cell* Make() { return new Cell; }
  int Add(int x) { return sum_ += x; }

 private:
  int sum_ = 0;
};

std::string resource_of(int node) { return "n" + std::to_string(node); }

template <class F>
auto task_on(int node, F function) {
  auto task = ray::Task(function);
  task.SetResource(resource_of(node), 1);
  return task;
}

void print(const std::string& name, const char* mode, const Figure& figure) {
  std::printf(kJson, name.c_str(), mode, figure.per_s, figure.p50_us, figure.p99_us, figure.p999_us,
              figure.cpu_s);
  std::fflush(stdout);
}

std::string with_parked(const char* mode) { return std::string(mode) + " parked"; }

void measure_tasks(const char* mode, int rounds) {
  const auto sync = [](int i) {
    require(*ray::Get(task_on(1, Identity).Remote(i)) == i, "a task's result");
  };
  const auto async = [] {
    std::vector<ray::ObjectRef<int>> refs;
    for (int i = 0; i < 1000; ++i) refs.push_back(task_on(1, Identity).Remote(i));
    const auto values = ray::Get(refs);
    for (int i = 0; i < 1000; ++i) {
      require(*values[static_cast<size_t>(i)] == i, "a task's result");
    }
  };
  async();  // workers start
  print("remote_tasks_sync", mode, one_by_one(200 * rounds, Gap::kNone, sync));
  print("remote_tasks_sync", with_parked(mode).c_str(),
        one_by_one(40 * rounds, Gap::kMillisecond, sync));
  print("remote_tasks_async", mode, in_rounds(rounds, 1000, async));
}

void measure_actor(const char* mode, int rounds) {
  auto creation = ray::Actor(Cell::Make);
  creation.SetResource(resource_of(1), 1);
  auto actor = creation.Remote();
  const auto sync = [&](int) {
    require(*ray::Get(actor.Task(&Cell::Add).Remote(1)) > 0, "an actor's result");
  };
  const auto async = [&] {
    std::vector<ray::ObjectRef<int>> refs;
    for (int i = 0; i < 1000; ++i) refs.push_back(actor.Task(&Cell::Add).Remote(1));
    const auto values = ray::Get(refs);
    for (size_t i = 1; i < values.size(); ++i) {
      require(*values[i] == *values[i - 1] + 1, "the order of an actor's calls");
    }
  };
  async();
  print("remote_actor_calls_sync", mode, one_by_one(200 * rounds, Gap::kNone, sync));
  print("remote_actor_calls_sync", with_parked(mode).c_str(),
        one_by_one(40 * rounds, Gap::kMillisecond, sync));
  print("remote_actor_calls_async", mode, in_rounds(rounds, 1000, async));
  actor.Kill();
}

using Words = std::vector<uint64_t>;

/// A new object for each round goes to nodes 1 … `nodes` at once.
Figure measure_reading(size_t bytes, int nodes, int rounds) {
  Words words(std::max<size_t>(bytes / sizeof(uint64_t), 1), 7);
  std::unique_ptr<ray::ObjectRef<Words>> put;
  const auto prepare = [&] {
    put.reset();
    ++words.back();
    put = std::make_unique<ray::ObjectRef<Words>>(ray::Put(words));
  };
  const auto read = [&](int) {
    std::vector<ray::ObjectRef<uint64_t>> read;
    for (int node = 1; node <= nodes; ++node) {
      read.push_back(task_on(node, LastWord).Remote(*put));
    }
    for (const auto& value : ray::Get(read)) require(*value == words.back(), "an object's bytes");
  };
  prepare();
  read(0);  // workers, connections and memory are there
  return one_by_one(rounds, Gap::kNone, read, prepare);
}

int run(const char* mode, int rounds, const std::string& name) {
  uint64_t bytes = 0;
  int nodes = 1;
  if (name == "calls") {
    measure_tasks(mode, rounds);
    measure_actor(mode, rounds);
  } else if (std::sscanf(name.c_str(), "pull=%" SCNu64, &bytes) == 1) {
    // Small ones are quick, and vary more.
    const int times = bytes < (1 << 20) ? 100 * rounds : bytes < (16 << 20) ? 10 * rounds : rounds;
    print("pull " + std::to_string(bytes), mode, measure_reading(bytes, 1, times));
  } else if (std::sscanf(name.c_str(), "broadcast=%" SCNu64 ",%d", &bytes, &nodes) == 2) {
    print("broadcast " + std::to_string(bytes) + " to " + std::to_string(nodes), mode,
          measure_reading(bytes, nodes, rounds));
  } else {
    std::fprintf(stderr, "cluster_bench: no case \"%s\"\n", name.c_str());
    return 2;
  }
  return 0;
}

}  // namespace

RAY_REMOTE(Identity, LastWord);
RAY_REMOTE(Cell::Make, &Cell::Add);

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "cluster_bench MODE ROUNDS CASE…\n");
    return 2;
  }
  ray::Init();
  int status = 0;
  for (int i = 3; i < argc && status == 0; ++i) status = run(argv[1], std::stoi(argv[2]), argv[i]);
  ray::Shutdown();
  return status;
}
