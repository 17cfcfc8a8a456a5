// The smallest daemon: answers to --keeper, and as PROGRAM FILE starts a worker of PROGRAM with a
// grandchild, has FILE guarded, and prints the pids of keeper, worker, child and grandchild.

#include <cstdio>
#include <string>

#include <unistd.h>

#include "daemon/shell/keeper.h"
#include "tests/integration/process_fixture.h"

int main(int argc, char** argv) {
  if (rayd::is_keeper(argc, argv)) return rayd::keeper_main(argc, argv);
  if (argc != 3) return 2;
  process_test::Processes daemon;
  daemon.processes.guard_file(argv[2]);
  const auto worker = daemon.run(argv[1]);
  const std::string child = daemon.ask(worker, "child");
  const std::string grandchild = daemon.ask(worker, "daemonise");
  std::printf("%d %d %s %s\n", daemon.processes.keeper_pid(), daemon.seen[worker].pid,
              child.c_str(), grandchild.c_str());
  std::fflush(stdout);
  daemon.wait_until([] { return false; });
}
