// Prints what the process side costs: the start of a worker, the memory of workers and keeper.

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "common/base/clock.h"
#include "tests/integration/process_fixture.h"

using namespace process_test;

namespace {

struct Memory {
  long resident_kib = 0;
  long proportional_kib = 0;
  long private_kib = 0;
};

Memory memory_of(pid_t pid) {
  std::ifstream rollup{"/proc/" + std::to_string(pid) + "/smaps_rollup"};
  Memory memory;
  std::string word;
  while (rollup >> word) {
    long* const field = word == "Rss:"             ? &memory.resident_kib
                        : word == "Pss:"           ? &memory.proportional_kib
                        : word == "Private_Dirty:" ? &memory.private_kib
                                                   : nullptr;
    if (field != nullptr) rollup >> *field;
  }
  return memory;
}

void print_memory(const char* what, const Memory& memory) {
  std::printf("%-28s rss %6ld KiB  pss %6ld KiB  private dirty %6ld KiB\n", what,
              memory.resident_kib, memory.proportional_kib, memory.private_kib);
}

void print_latency(const char* what, std::vector<double> millis) {
  std::sort(millis.begin(), millis.end());
  std::printf("%-28s p50 %7.3f ms   p99 %7.3f ms   max %7.3f ms   (n = %zu)\n", what,
              millis[millis.size() / 2], millis[millis.size() * 99 / 100], millis.back(),
              millis.size());
}

double millis_since(Time start) { return static_cast<double>((now_boottime() - start).ns) / 1e6; }

void measure(const char* name, const std::string& program, std::vector<std::string> environment,
             int count) {
  Processes daemon;
  Time start = now_boottime();
  const ClientId first = daemon.run(program, environment);
  std::printf("%s\n%-28s %.3f ms\n", name, "  first worker, with zygote", millis_since(start));
  std::vector<double> starts;
  std::vector<ClientId> workers;
  for (int i = 0; i < count; ++i) {
    start = now_boottime();
    workers.push_back(daemon.run(program, environment));
    starts.push_back(millis_since(start));
  }
  print_latency("  start, zygote warm", starts);
  std::vector<double> answers;
  for (int i = 0; i < count; ++i) {
    start = now_boottime();
    const ClientId worker = daemon.run(program, environment);
    daemon.ask(worker, "pid");
    answers.push_back(millis_since(start));
    workers.push_back(worker);
  }
  print_latency("  start to first answer", answers);
  print_memory("  a worker of many", memory_of(daemon.seen[workers[workers.size() / 2]].pid));
  print_memory("  keeper", memory_of(daemon.processes.keeper_pid()));
  std::vector<double> ends;
  for (const ClientId worker : workers) {
    start = now_boottime();
    daemon.processes.kill_worker(worker, Force::kYes);
    daemon.wait_end(worker);
    ends.push_back(millis_since(start));
  }
  print_latency("  kill to nothing left", ends);
  daemon.tell(first, "exit 0");
  daemon.wait_end(first);
}

}  // namespace

int main() {
  measure("forked", test_path("PROCESS_SHARED"), {}, 100);
  measure("executed (has a thread)", test_path("PROCESS_SHARED"), {"PROCESS_TEST_THREAD=1"}, 50);
}
