#include "common/base/process_tree.h"

#include <algorithm>
#include <csignal>

#include <sys/wait.h>
#include <unistd.h>

#include "common/base/process_status.h"
#include "tests/unit/catch.h"

using namespace rayd;

namespace {

/// A child that waits until it is killed.
pid_t start_child(uint64_t tag) {
  int ready[2];
  REQUIRE(pipe(ready) == 0);
  const pid_t pid = fork();
  if (pid == 0) {
    set_process_tag(tag);
    (void)!write(ready[1], "r", 1);
    for (;;) pause();
  }
  char byte;
  REQUIRE(read(ready[0], &byte, 1) == 1);
  close(ready[0]);
  close(ready[1]);
  return pid;
}

ProcessStatus end_child(pid_t pid) {
  kill(pid, SIGKILL);
  int status = 0;
  REQUIRE(waitpid(pid, &status, 0) == pid);
  return ProcessStatus::from_wait(status);
}

bool contains(const std::vector<pid_t>& pids, pid_t pid) {
  return std::find(pids.begin(), pids.end(), pid) != pids.end();
}

}  // namespace

TEST_CASE("a process's tag can be read from outside, dead or alive, until it is reaped") {
  const pid_t pid = start_child(0x1234567800000001);
  CHECK(process_tag(pid) == 0x1234567800000001);
  kill(pid, SIGKILL);
  siginfo_t info{};
  REQUIRE(waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT) == 0);
  CHECK(process_tag(pid) == 0x1234567800000001);
  CHECK(end_child(pid) == ProcessStatus::signalled(SIGKILL));
  CHECK_FALSE(process_tag(pid).has_value());
}

TEST_CASE("own children are listed until they are reaped, both ways") {
  const pid_t first = start_child(1);
  const pid_t second = start_child(2);
  for (const auto& children : {own_children(), own_children_by_parent()}) {
    CHECK(contains(children, first));
    CHECK(contains(children, second));
  }
  end_child(first);
  end_child(second);
  for (const auto& children : {own_children(), own_children_by_parent()}) {
    CHECK_FALSE(contains(children, first));
    CHECK_FALSE(contains(children, second));
  }
}

TEST_CASE("an end is told in words") {
  CHECK(to_string(ProcessStatus::exited(3)) == "exit status 3");
  CHECK(to_string(ProcessStatus::signalled(SIGKILL)) == "signal 9 (SIGKILL)");
  CHECK(to_string(ProcessStatus::lost()) == "an unknown end");
}
