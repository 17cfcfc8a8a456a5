// What a program sees of rayd: tasks, actor calls, puts and gets, with the case names of
// `ray microbenchmark`, hot (peers polling) and parked (1 ms of silence before each call).
//
//   system_bench [--json] [--quick] [CASE…]
//
// Results are fetched and checked; references are counted and freed; retry records are kept;
// workers are processes of their own. A figure is the median of some rounds. cpu_s is of this
// process alone.
#include <ray/api.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

int Identity(int x) { return x; }

class Cell {
 public:
  static Cell* Make() { return new Cell; }
  int Add(int x) { return sum_ += x; }

 private:
  int sum_ = 0;
};

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "system_bench: wrong result: %s\n", what);
  std::exit(1);
}

struct Figure {
  double per_s = 0;
  double p50_us = 0;
  double p99_us = 0;
  double p999_us = 0;
  double cpu_s = 0;
};

enum class Gap { kNone, kMillisecond };

/// One call after the other, each timed.
Figure one_by_one(int count, Gap gap, const std::function<void(int)>& call) {
  std::vector<double> times;
  const double cpu = cpu_seconds();
  for (int i = 0; i < count; ++i) {
    if (gap == Gap::kMillisecond) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const auto begin = Clock::now();
    call(i);
    times.push_back(seconds_since(begin) * 1e6);
  }
  double total = 0;
  for (const double t : times) total += t;
  std::sort(times.begin(), times.end());
  const auto at = [&](double q) {
    return times[static_cast<size_t>(q * static_cast<double>(times.size() - 1))];
  };
  return {count / total * 1e6, at(0.5), at(0.99), at(0.999), cpu_seconds() - cpu};
}

/// Rounds of `count` calls and one wait; the rate is the median round's.
Figure in_rounds(int rounds, int count, const std::function<void()>& round) {
  std::vector<double> rates;
  const double cpu = cpu_seconds();
  for (int i = 0; i < rounds; ++i) {
    const auto begin = Clock::now();
    round();
    rates.push_back(count / seconds_since(begin));
  }
  std::sort(rates.begin(), rates.end());
  return {rates[rates.size() / 2], 0, 0, 0, cpu_seconds() - cpu};
}

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
  const char* format = "%-44s %-7s %12.0f/s %9.1f %9.1f %9.1f us %7.2f s\n";
  int scale = 5;
  std::vector<std::string> wanted;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--json") {
      format =
          "{\"case\":\"%s\",\"mode\":\"%s\",\"per_s\":%.1f,\"p50_us\":%.2f,\"p99_us\":%.2f,"
          "\"p999_us\":%.2f,\"cpu_s\":%.3f}\n";
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
