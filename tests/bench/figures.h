// What the benchmarks measure calls with, and the lines that they print.
//
// cpu_s is of this process, and of the daemons whose pids BENCH_PIDS names (spaces between), with
// all their threads; workers' is not counted.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

namespace rayd::bench {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

inline double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  double sum = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  const char* pids = std::getenv("BENCH_PIDS");
  std::istringstream words(pids != nullptr ? pids : "");
  for (std::string pid; words >> pid;) {
    std::ifstream file("/proc/" + pid + "/stat");
    std::string text;
    std::getline(file, text);
    // Fields 14 and 15; the name in parentheses may have spaces.
    std::istringstream fields(text.substr(std::min(text.size(), text.rfind(')') + 2)));
    std::string skipped;
    for (int i = 3; i < 14; ++i) fields >> skipped;
    double user = 0;
    double kernel = 0;
    if (fields >> user >> kernel)
      sum += (user + kernel) / static_cast<double>(sysconf(_SC_CLK_TCK));
  }
  return sum;
}

/// A wrong result makes every figure worthless.
inline void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "wrong result: %s\n", what);
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

/// One call after the other, each timed; `prepare` before each is not.
inline Figure one_by_one(
    int count, Gap gap, const std::function<void(int)>& call,
    const std::function<void()>& prepare = [] {}) {
  std::vector<double> times;
  double cpu = 0;
  for (int i = 0; i < count; ++i) {
    if (gap == Gap::kMillisecond) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    prepare();
    const double cpu_before = cpu_seconds();
    const auto begin = Clock::now();
    call(i);
    times.push_back(seconds_since(begin) * 1e6);
    cpu += cpu_seconds() - cpu_before;
  }
  double total = 0;
  for (const double t : times) total += t;
  std::sort(times.begin(), times.end());
  const auto at = [&](double q) {
    return times[static_cast<size_t>(q * static_cast<double>(times.size() - 1))];
  };
  return {count / total * 1e6, at(0.5), at(0.99), at(0.999), cpu};
}

/// Rounds of `count` calls and one wait; the rate is the median round's.
inline Figure in_rounds(int rounds, int count, const std::function<void()>& round) {
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

inline constexpr const char* kForPeople = "%-44s %-7s %12.0f/s %9.1f %9.1f %9.1f us %7.2f s\n";
inline constexpr const char* kJson =
    "{\"case\":\"%s\",\"mode\":\"%s\",\"per_s\":%.4g,\"p50_us\":%.2f,\"p99_us\":%.2f,"
    "\"p999_us\":%.2f,\"cpu_s\":%.3f}\n";

}  // namespace rayd::bench
