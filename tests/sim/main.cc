// sim: a cluster under a seed, or under many.
//
//   sim --seed S [--nodes K] [--trace]     one seed, twice: the hashes must agree
//   sim --seeds N [--first S] [--nodes K] [--jobs J]
//                                          seeds S … S+N−1 in J processes; counts of faults at the
//                                          end
//   sim --breaks                           each planted bug is caught, by the invariant it breaks
//   sim --break NAME [--seed S]            one of them
//   sim --scale [--nodes 10|100|1000] [--json]
//                                          what a cluster of 10, 100, 1000 nodes costs its head

#include <sys/wait.h>
#include <unistd.h>

#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>

#include "tests/sim/faults.h"
#include "tests/sim/scale.h"
#include "tests/sim/world.h"

namespace {

using namespace rayd;
using namespace rayd::sim;

struct Arguments {
  uint64_t first = 1;
  uint64_t count = 1;
  uint32_t nodes = 0;
  uint64_t jobs = 1;
  Trace::Show show = Trace::Show::kNo;
  bool is_many = false;
  const BreakInfo* broken = nullptr;
  bool breaks_all = false;
  bool is_scale = false;
  ScaleFormat format = ScaleFormat::kTable;
};

bool parse_flag(const std::string& flag, Arguments& arguments) {
  if (flag == "--trace") {
    arguments.show = Trace::Show::kYes;
  } else if (flag == "--breaks") {
    arguments.breaks_all = true;
  } else if (flag == "--scale") {
    arguments.is_scale = true;
  } else if (flag == "--json") {
    arguments.format = ScaleFormat::kJson;
  } else {
    return false;
  }
  return true;
}

bool parse(int argc, char** argv, Arguments& arguments) {
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (parse_flag(flag, arguments)) continue;
    if (i + 1 >= argc) return false;
    if (flag == "--break") {
      arguments.broken = find_break(argv[++i]);
      if (arguments.broken == nullptr) return false;
      continue;
    }
    const uint64_t number = std::strtoull(argv[++i], nullptr, 10);
    if (flag == "--seed") {
      arguments.first = number;
    } else if (flag == "--seeds") {
      arguments.count = number;
      arguments.is_many = true;
    } else if (flag == "--first") {
      arguments.first = number;
    } else if (flag == "--nodes" && number >= 1 &&
               number <= (arguments.is_scale ? 1'000 : kMostNodes)) {
      arguments.nodes = static_cast<uint32_t>(number);
    } else if (flag == "--jobs" && number >= 1 && number <= 64) {
      arguments.jobs = number;
    } else {
      return false;
    }
  }
  return true;
}

// A failed check of a core ends the process: the seed and what led to it are said first.
const World* running = nullptr;
uint64_t running_seed = 0;

void on_fatal(int signal) {
  std::printf("seed=%" PRIu64 " FAILED: a check failed\n", running_seed);
  if (running != nullptr)
    for (const std::string& line : running->trace.last()) std::printf("    %s\n", line.c_str());
  std::fflush(stdout);
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

struct Totals {
  uint64_t steps = 0;
  uint64_t failed = 0;
  std::map<std::string, uint64_t> faults;
};

bool run_seed(const Arguments& arguments, uint64_t seed, Totals& totals) {
  Options options;
  options.seed = seed;
  options.nodes = arguments.nodes;
  options.show = arguments.show;
  World world(options);
  running = &world;
  running_seed = seed;
  const bool is_fine = world.run();
  totals.steps += world.steps();
  for (const auto& [name, count] : world.counts()) totals.faults[name] += count;
  if (!is_fine) {
    std::printf("seed=%" PRIu64 " hash=%016" PRIx64 " FAILED\n", seed, world.trace.hash());
    for (const std::string& what : world.violations()) std::printf("  %s\n", what.c_str());
    if (arguments.show == Trace::Show::kNo)
      for (const std::string& line : world.trace.last()) std::printf("    %s\n", line.c_str());
    return false;
  }
  options.show = Trace::Show::kNo;
  options.check = Options::Check::kNo;
  World again(options);
  running = &again;
  again.run();
  if (again.trace.hash() != world.trace.hash()) {
    std::printf("seed=%" PRIu64 " hash=%016" PRIx64 " FAILED: its second run has %016" PRIx64 "\n",
                seed, world.trace.hash(), again.trace.hash());
    return false;
  }
  if (!arguments.is_many)
    std::printf("seed=%" PRIu64 " hash=%016" PRIx64 " ok\n", seed, world.trace.hash());
  return true;
}

// The planted bug is caught within some seeds: a violation of the invariant that it breaks.
bool is_caught(const BreakInfo& broken, const Arguments& arguments) {
  constexpr uint64_t kSeedsTried = 1'500;  // the rarest shows in one of some hundred
  for (uint64_t seed = arguments.first; seed < arguments.first + kSeedsTried; ++seed) {
    Options options;
    options.seed = seed;
    options.nodes = arguments.nodes;
    options.show = arguments.show;
    options.broken = broken.what;
    World world(options);
    running = &world;
    running_seed = seed;
    world.run();
    for (const std::string& what : world.violations()) {
      if (!what.starts_with(broken.invariant)) continue;
      std::printf("%-20s seed=%" PRIu64 " %s\n", broken.name, seed, what.c_str());
      return true;
    }
  }
  std::printf("%-20s FAILED: nobody saw %s broken\n", broken.name, broken.invariant);
  return false;
}

int run_breaks(const Arguments& arguments) {
  if (arguments.broken != nullptr) return is_caught(*arguments.broken, arguments) ? 0 : 1;
  uint64_t missed = 0;
  for (const BreakInfo& broken : kBreaks)
    if (!is_caught(broken, arguments)) ++missed;
  std::printf("breaks=%zu missed=%" PRIu64 "%s\n", std::size(kBreaks), missed,
              missed == 0 ? " ok" : "");
  return missed == 0 ? 0 : 1;
}

// ---- several processes --------------------------------------------------------------------------

void run_part(const Arguments& arguments, uint64_t part, Totals& totals) {
  for (uint64_t i = part; i < arguments.count; i += arguments.jobs)
    if (!run_seed(arguments, arguments.first + i, totals)) ++totals.failed;
}

void write_totals(int out, const Totals& totals) {
  std::FILE* file = fdopen(out, "w");
  std::fprintf(file, "%" PRIu64 " %" PRIu64 "\n", totals.steps, totals.failed);
  for (const auto& [name, count] : totals.faults)
    std::fprintf(file, "%s %" PRIu64 "\n", name.c_str(), count);
  std::fclose(file);
}

// False: its process has ended before it could say them.
bool read_totals(int in, Totals& totals) {
  std::FILE* file = fdopen(in, "r");
  uint64_t steps = 0;
  uint64_t failed = 0;
  const bool is_whole = std::fscanf(file, "%" SCNu64 " %" SCNu64, &steps, &failed) == 2;
  totals.steps += steps;
  totals.failed += failed;
  char name[64];
  uint64_t count = 0;
  while (std::fscanf(file, "%63s %" SCNu64, name, &count) == 2) totals.faults[name] += count;
  std::fclose(file);
  return is_whole;
}

// What a process finds it prints itself.
void run_parts(const Arguments& arguments, Totals& totals) {
  std::vector<int> ends;
  for (uint64_t part = 0; part < arguments.jobs; ++part) {
    int pipe_ends[2];
    std::fflush(stdout);
    if (pipe(pipe_ends) != 0) std::abort();
    if (fork() == 0) {
      close(pipe_ends[0]);
      Totals own;
      run_part(arguments, part, own);
      write_totals(pipe_ends[1], own);
      std::fflush(stdout);
      _exit(0);
    }
    close(pipe_ends[1]);
    ends.push_back(pipe_ends[0]);
  }
  for (const int end : ends)
    if (!read_totals(end, totals)) ++totals.failed;
  while (wait(nullptr) > 0) {
  }
}

int run_seeds(const Arguments& arguments) {
  constexpr uint64_t kSeedsForAll = 1'000;
  Totals totals;
  if (arguments.jobs > 1)
    run_parts(arguments, totals);
  else
    run_part(arguments, 0, totals);
  if (!arguments.is_many) return totals.failed == 0 ? 0 : 1;
  for (const auto& [name, count] : totals.faults)
    std::printf("%-24s %8" PRIu64 "\n", name.c_str(), count);
  if (arguments.count >= kSeedsForAll)
    for (const std::string& name :
         never_fired(totals.faults, arguments.nodes == 1 ? Nodes::kOne : Nodes::kSeveral)) {
      std::printf("%-24s never fired\n", name.c_str());
      ++totals.failed;
    }
  std::printf("seeds=%" PRIu64 " steps=%" PRIu64 " failed=%" PRIu64 "%s\n", arguments.count,
              totals.steps, totals.failed, totals.failed == 0 ? " ok" : "");
  return totals.failed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (!parse(argc, argv, arguments)) {
    std::fprintf(stderr,
                 "sim --seed S | --seeds N [--first S] [--jobs J] [--nodes 1…20] [--trace]\n"
                 "sim --breaks | --break NAME [--seed S]\n"
                 "sim --scale [--nodes 10|100|1000] [--json]\n");
    return 2;
  }
  for (const int fatal : {SIGABRT, SIGSEGV, SIGFPE}) std::signal(fatal, on_fatal);
  if (arguments.is_scale) return run_scale(arguments.format, arguments.nodes);
  const bool is_broken = arguments.breaks_all || arguments.broken != nullptr;
  return is_broken ? run_breaks(arguments) : run_seeds(arguments);
}
