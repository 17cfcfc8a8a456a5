// What a program sees of rayd: tasks, actor calls, puts and gets, with the case names of
// `ray microbenchmark`, hot (peers polling) and parked (1 ms of silence before each call).
//
//   system_bench [--json] [--quick] [CASE…]
//
// Results are fetched and checked; references are counted and freed; retry records are kept;
// workers are processes of their own. A figure is the median of some rounds. cpu_s is of this
// process alone, unless BENCH_PIDS names the daemon too.
#include <ray/api.h>

#include <memory>

#include "tests/bench/figures.h"

namespace {

using namespace rayd::bench;

int Identity(int x) { return x; }

class Cell {
 public:
  static Cell* Make() { return new Cell; }
  int Add(int x) { return sum_ += x; }

 private:
  int sum_ = 0;
};

struct Case {
  const char* name;
  const char* mode;
  std::function<Figure()> run;
};

void tasks_async(int count) {
  std::vector<ray::ObjectRef<int>> refs;
  refs.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) refs.push_back(ray::Task(Identity).Remote(i));
  const auto values = ray::Get(refs);
  for (int i = 0; i < count; ++i) {
    require(*values[static_cast<size_t>(i)] == i, "a task's result");
  }
}

std::vector<Case> cases(int scale) {
  const auto task = [](int i) {
    require(*ray::Get(ray::Task(Identity).Remote(i)) == i, "a task's result");
  };
  auto actor = std::make_shared<ray::ActorHandle<Cell>>(ray::Actor(Cell::Make).Remote());
  const auto actor_call = [actor](int) {
    require(*ray::Get(actor->Task(&Cell::Add).Remote(1)) > 0, "an actor's result");
  };
  const auto actor_async = [actor] {
    std::vector<ray::ObjectRef<int>> refs;
    for (int i = 0; i < 1000; ++i) refs.push_back(actor->Task(&Cell::Add).Remote(1));
    const auto values = ray::Get(refs);
    for (size_t i = 1; i < values.size(); ++i) {
      require(*values[i] == *values[i - 1] + 1, "the order of an actor's calls");
    }
  };
  auto kept = std::make_shared<ray::ObjectRef<int>>(ray::Put(7));
  auto bytes = std::make_shared<std::vector<char>>(size_t{64} << 20, 'x');
  return {
      {"single_client_tasks_sync", "hot",
       [=] { return one_by_one(2000 * scale, Gap::kNone, task); }},
      {"single_client_tasks_sync", "parked",
       [=] { return one_by_one(200 * scale, Gap::kMillisecond, task); }},
      {"single_client_tasks_async", "hot",
       [=] { return in_rounds(20 * scale, 1000, [] { tasks_async(1000); }); }},
      {"tasks_async_10k", "hot",
       [=] { return in_rounds(3 * scale, 10'000, [] { tasks_async(10'000); }); }},
      {"1_1_actor_calls_sync", "hot",
       [=] { return one_by_one(2000 * scale, Gap::kNone, actor_call); }},
      {"1_1_actor_calls_sync", "parked",
       [=] { return one_by_one(200 * scale, Gap::kMillisecond, actor_call); }},
      {"1_1_actor_calls_async", "hot", [=] { return in_rounds(20 * scale, 1000, actor_async); }},
      {"single_client_put_calls", "hot",
       [=] {
         return in_rounds(5 * scale, 1000, [] {
           for (int i = 0; i < 1000; ++i) (void)ray::Put(0);
         });
       }},
      {"single_client_get_calls", "hot",
       [=] {
         return in_rounds(5 * scale, 1000, [kept] {
           for (int i = 0; i < 1000; ++i) require(*ray::Get(*kept) == 7, "a get");
         });
       }},
      {"single_client_put_gigabytes (64 MiB, GB/s)", "warm",
       [=] {
         Figure figure = in_rounds(5 * scale, 1, [bytes] { (void)ray::Put(*bytes); });
         figure.per_s *= static_cast<double>(bytes->size()) / 1e9;
         return figure;
       }},
  };
}

void print(const Case& one, const Figure& figure, const char* format) {
  std::printf(format, one.name, one.mode, figure.per_s, figure.p50_us, figure.p99_us,
              figure.p999_us, figure.cpu_s);
  std::fflush(stdout);
}

}  // namespace

RAY_REMOTE(Identity);
RAY_REMOTE(Cell::Make, &Cell::Add);

int main(int argc, char** argv) {
  const char* format = kForPeople;
  int scale = 5;
  std::vector<std::string> wanted;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--json") {
      format = kJson;
    } else if (word == "--quick") {
      scale = 1;
    } else {
      wanted.push_back(word);
    }
  }
  ray::Init();
  tasks_async(1000);  // workers start
  for (const Case& one : cases(scale)) {
    const bool asked = wanted.empty() || std::any_of(wanted.begin(), wanted.end(), [&](auto& w) {
                         return std::string(one.name).find(w) != std::string::npos;
                       });
    if (asked) print(one, one.run(), format);
  }
  ray::Shutdown();
}
