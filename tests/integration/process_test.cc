// Real processes: keeper, zygotes, workers and what they leave behind.

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <set>

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/random.h"
#include "tests/integration/process_fixture.h"
#include "tests/unit/catch.h"

using namespace process_test;

namespace {

const std::string kPrograms[] = {"PROCESS_SHARED", "PROCESS_ARCHIVE"};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// The bits of a program's file, one less: not executable, but otherwise the same.
std::string unexecutable_copy(const std::string& of) {
  const std::string path = "/tmp/process_test_" + std::to_string(getpid());
  const UniqueFd out{open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
  const UniqueFd in{open(of.c_str(), O_RDONLY | O_CLOEXEC)};
  char buffer[4096];
  const ssize_t size = read(in.get(), buffer, sizeof buffer);
  REQUIRE(size > 0);
  REQUIRE(write(out.get(), buffer, static_cast<size_t>(size)) == size);
  return path;
}

}  // namespace

TEST_CASE("a program linked with the client is its own worker, as shared library and archive") {
  for (const std::string& program : kPrograms) {
    Processes daemon;
    const ClientId worker = daemon.run(test_path(program.c_str()));
    CHECK(daemon.ask(worker, "pid") == std::to_string(daemon.seen[worker].pid));
    CHECK(daemon.ask(worker, "main") == "0");
    daemon.tell(worker, "exit 3");
    daemon.wait_end(worker);
    CHECK(daemon.seen[worker].status == ProcessStatus::exited(3));
    CHECK(daemon.seen[worker].output.empty());  // not "constructed": the zygote printed that
  }
}

TEST_CASE("the same program started by hand is a driver: its main runs, once") {
  for (const std::string& program : kPrograms) {
    const std::string command = test_path(program.c_str()) + " a b";
    FILE* pipe = popen(command.c_str(), "r");
    REQUIRE(pipe != nullptr);
    char text[4096];
    const size_t size = std::fread(text, 1, sizeof text, pipe);
    CHECK(WEXITSTATUS(pclose(pipe)) == 5);
    const std::string printed(text, size);
    CHECK(printed == "constructed\nmain of " + test_path(program.c_str()) + " with 2 arguments\n");
  }
}

TEST_CASE("a worker finds its environment, its directory and no descriptors but its own") {
  Processes daemon;
  daemon.directory = "/usr";
  const ClientId first = daemon.run(test_path("PROCESS_SHARED"), {"COLOUR=blue"});
  const ClientId second = daemon.run(test_path("PROCESS_SHARED"), {"COLOUR=blue"});
  CHECK(daemon.ask(second, "environment COLOUR") == "blue");
  CHECK(daemon.ask(second, "environment RAYD_ZYGOTE_FD") == "(none)");
  CHECK(daemon.ask(second, "environment HOME") == "(none)");
  CHECK(daemon.ask(second, "directory") == "/usr");
  const std::string descriptors = daemon.ask(second, "descriptors");
  CHECK(std::count(descriptors.begin(), descriptors.end(), ' ') == 4);  // 0, 1, 2, the channel
  CHECK(daemon.ask(second, "group") == std::to_string(daemon.seen[second].pid));
  CHECK_FALSE(daemon.seen[first].ended());
}

TEST_CASE("a directory that does not exist ends the worker with a reason") {
  Processes daemon;
  daemon.directory = "/nowhere/at/all";
  const ClientId worker = daemon.start(test_path("PROCESS_SHARED"));
  daemon.wait_end(worker);
  CHECK(daemon.seen[worker].status == ProcessStatus::exited(127));
  REQUIRE(daemon.seen[worker].errors.size() == 1);
  CHECK(has(daemon.seen[worker].errors[0], "/nowhere/at/all: No such file or directory"));
}

TEST_CASE("a program whose constructors start a thread is executed for each worker") {
  Processes daemon;
  const ClientId worker = daemon.run(test_path("PROCESS_SHARED"), {"PROCESS_TEST_THREAD=1"});
  const ClientId other = daemon.run(test_path("PROCESS_SHARED"), {"PROCESS_TEST_THREAD=1"});
  for (const ClientId each : {worker, other}) {
    CHECK(daemon.ask(each, "constructed") == "here");
    CHECK(daemon.ask(each, "main") == "0");
    CHECK(daemon.ask(each, "environment RAYD_WORKER_FDS") == "(none)");
    CHECK(daemon.ask(each, "environment PROCESS_TEST_THREAD") == "1");
    const std::string descriptors = daemon.ask(each, "descriptors");
    CHECK(std::count(descriptors.begin(), descriptors.end(), ' ') == 4);
    daemon.tell(each, "exit 4");
    daemon.wait_end(each);
    CHECK(daemon.seen[each].status == ProcessStatus::exited(4));
  }
}

TEST_CASE("a module is loaded once, in the zygote") {
  Processes daemon;
  const ClientId worker = daemon.run(test_path("PROCESS_MODULE"), {}, ImageKind::kSharedObject);
  CHECK(daemon.ask(worker, "constructed") == "in the zygote");
  CHECK(daemon.ask(worker, "environment RAYD_MODULE") == "(none)");
}

TEST_CASE("started by root, a worker runs as another user and dies as any other") {
  if (geteuid() != 0) {
    WARN("not root: not tried");
    return;
  }
  Processes daemon;
  daemon.credentials = keeper::Credentials{65534, 65534, {65534, 100}};
  const ClientId worker = daemon.run(test_path("PROCESS_SHARED"));
  CHECK(daemon.ask(worker, "user") == "65534 65534 2");
  const pid_t orphan = std::stoi(daemon.ask(worker, "daemonise"));
  daemon.credentials.reset();
  CHECK(daemon.ask(daemon.run(test_path("PROCESS_SHARED")), "user").starts_with("0 0 "));
  daemon.processes.kill_worker(worker, Force::kYes);
  daemon.wait_end(worker);
  CHECK(daemon.seen[worker].status == ProcessStatus::signalled(SIGKILL));
  CHECK(kill(orphan, 0) != 0);
}

TEST_CASE("an image that does not start fails with what it printed") {
  Processes daemon;
  struct Case {
    std::string path;
    std::vector<std::string> environment;
    ImageKind kind;
    std::string expected;
  };
  const std::string copy = unexecutable_copy(test_path("PROCESS_SHARED"));
  const Case cases[] = {
      {"/nowhere/program", {}, ImageKind::kProgram, "/nowhere/program: No such file"},
      {copy, {}, ImageKind::kProgram, "Permission denied"},
      {test_path("PROCESS_STRANGER"), {}, ImageKind::kProgram, "linked with librayclient"},
      {test_path("PROCESS_SHARED"),
       {"PROCESS_TEST_CRASH=1"},
       ImageKind::kProgram,
       "this constructor gives up"},
      {"/nowhere/module.so", {}, ImageKind::kSharedObject, "/nowhere/module.so: cannot open"},
      {test_path("PROCESS_BROKEN_MODULE"), {}, ImageKind::kSharedObject, "nobody_defines_this"},
  };
  for (const Case& each : cases) {
    const ClientId worker = daemon.start(each.path, each.environment, each.kind);
    daemon.wait_end(worker);
    CHECK(daemon.seen[worker].failed);
    INFO(daemon.seen[worker].failure);
    CHECK(has(daemon.seen[worker].failure, each.expected));
    CHECK(has(daemon.seen[worker].failure, each.path));
  }
  unlink(copy.c_str());
}

TEST_CASE("constructors that do not finish in time fail the workers that wait for them") {
  auto options = Processes::default_options();
  options.zygote_start_timeout = std::chrono::milliseconds{100};
  Processes daemon{options};
  const ClientId worker = daemon.start(test_path("PROCESS_SHARED"), {"PROCESS_TEST_HANG=1"});
  const ClientId ended = daemon.start(test_path("PROCESS_SHARED"), {"PROCESS_TEST_HANG=1"});
  daemon.processes.kill_worker(ended, Force::kNo);
  daemon.wait_end(worker);
  CHECK(has(daemon.seen[worker].failure, "did not finish within 100 ms"));
  CHECK(has(daemon.seen[ended].failure, "ended before it began"));
}

TEST_CASE("output arrives line by line, whole, before the death of who printed it") {
  Processes daemon;
  const ClientId worker = daemon.run(test_path("PROCESS_SHARED"));
  daemon.ask(worker, "print one");
  daemon.wait_until([&] { return daemon.seen[worker].output.size() == 1; });
  daemon.ask(worker, std::string("complain \x01\xff two\nthree"));
  daemon.tell(worker, "exit 0");
  daemon.wait_end(worker);
  CHECK(daemon.seen[worker].output == std::vector<std::string>{"one"});
  CHECK(daemon.seen[worker].errors == std::vector<std::string>{"\x01\xff two", "three"});
}

TEST_CASE("output that is held stays with the worker, and comes when it is released") {
  Processes daemon;
  const ClientId worker = daemon.run(test_path("PROCESS_SHARED"));
  const ClientId other = daemon.run(test_path("PROCESS_SHARED"));
  daemon.processes.hold_output(worker);
  daemon.tell(worker, "flood 1000000");  // more than the pipe: it blocks
  for (int i = 0; i < 50; ++i) {
    daemon.ask(other, "print tick");
    daemon.wait_until([&] { return daemon.seen[other].output.size() == size_t(i) + 1; });
  }
  CHECK(daemon.seen[worker].output.empty());
  daemon.processes.release_output(worker);
  daemon.wait_until([&] { return daemon.seen[worker].output.size() == 1'000'000 / (64 * 1024); });
  for (const std::string& line : daemon.seen[worker].output) CHECK(line.size() == 64 * 1024);
  daemon.tell(worker, "exit 0");
  daemon.wait_end(worker);
  CHECK(daemon.seen[worker].output.back().size() == 1'000'000 % (64 * 1024));
}

TEST_CASE("a hundred workers killed in any order are each reported once, as killed") {
  Processes daemon;
  std::vector<ClientId> workers;
  for (int i = 0; i < 100; ++i) {
    workers.push_back(daemon.start(test_path("PROCESS_SHARED")));
  }
  daemon.wait_until([&] {
    return std::all_of(workers.begin(), workers.end(),
                       [&](ClientId worker) { return daemon.seen[worker].pid != 0; });
  });
  Random random{42};
  std::set<pid_t> pids;
  for (size_t i = workers.size(); i > 0; --i) {
    std::swap(workers[i - 1], workers[random.below(i)]);
    const ClientId worker = workers[i - 1];
    pids.insert(daemon.seen[worker].pid);
    if (random.chance(1, 2)) {
      kill(daemon.seen[worker].pid, SIGKILL);
    } else {
      daemon.processes.kill_worker(worker, Force::kYes);
    }
  }
  for (const ClientId worker : workers) {
    daemon.wait_end(worker);
    CHECK(daemon.seen[worker].status == ProcessStatus::signalled(SIGKILL));
  }
  CHECK(pids.size() == 100);
}

TEST_CASE("workers asked for and ended before they began are each answered once") {
  Processes daemon;
  std::vector<ClientId> workers;
  for (int i = 0; i < 60; ++i) workers.push_back(daemon.start(test_path("PROCESS_ARCHIVE")));
  for (size_t i = 0; i < workers.size(); i += 2) {
    daemon.processes.kill_worker(workers[i], Force::kYes);
  }
  for (size_t i = 0; i < workers.size(); ++i) {
    Processes::Seen& seen = daemon.seen[workers[i]];
    daemon.wait_until([&] { return seen.pid != 0 || seen.failed; });
    CHECK(seen.failed == (i % 2 == 0));
  }
}

TEST_CASE("without a keeper a start fails and says so") {
  Processes daemon;
  kill(daemon.processes.keeper_pid(), SIGKILL);
  const ClientId early = daemon.start(test_path("PROCESS_SHARED"));
  daemon.wait_until([&] { return daemon.keeper_died; });
  CHECK(daemon.seen[early].failure == "the keeper has died");
  const ClientId late = daemon.start(test_path("PROCESS_SHARED"));
  daemon.wait_end(late);
  CHECK(has(daemon.seen[late].failure, "there is no keeper"));
}

TEST_CASE("an end that is asked for politely is a SIGTERM") {
  Processes daemon;
  const ClientId worker = daemon.run(test_path("PROCESS_SHARED"));
  daemon.processes.kill_worker(worker, Force::kNo);
  daemon.wait_end(worker);
  CHECK(daemon.seen[worker].status == ProcessStatus::signalled(SIGTERM));
}

TEST_CASE("when a worker is reported dead nothing of it is left, and others' children live") {
  Processes daemon;
  const ClientId worker = daemon.run(test_path("PROCESS_SHARED"));
  const ClientId other = daemon.run(test_path("PROCESS_SHARED"));
  const pid_t child = std::stoi(daemon.ask(worker, "child"));
  const pid_t orphan = std::stoi(daemon.ask(worker, "daemonise"));
  const pid_t others_child = std::stoi(daemon.ask(other, "child"));
  const pid_t others_orphan = std::stoi(daemon.ask(other, "daemonise"));
  daemon.tell(worker, "exit 0");
  daemon.wait_end(worker);
  CHECK(daemon.seen[worker].status == ProcessStatus::exited(0));
  for (const pid_t gone : {child, orphan}) CHECK(kill(gone, 0) != 0);
  for (const pid_t alive : {others_child, others_orphan}) CHECK(kill(alive, 0) == 0);
  kill(daemon.seen[other].pid, SIGKILL);
  daemon.wait_end(other);
  for (const pid_t gone : {others_child, others_orphan}) CHECK(kill(gone, 0) != 0);
}

TEST_CASE("a zygote that is killed takes its workers along, and each is reported") {
  Processes daemon;
  const ClientId worker = daemon.run(test_path("PROCESS_SHARED"));
  const ClientId other = daemon.run(test_path("PROCESS_SHARED"));
  const pid_t orphan = std::stoi(daemon.ask(other, "daemonise"));
  // The zygote's pid is the parent of the worker.
  const std::string path = "/proc/" + std::to_string(daemon.seen[worker].pid) + "/stat";
  FILE* file = std::fopen(path.c_str(), "r");
  REQUIRE(file != nullptr);
  int zygote = 0;
  REQUIRE(std::fscanf(file, "%*d %*s %*c %d", &zygote) == 1);
  std::fclose(file);
  kill(zygote, SIGKILL);
  for (const ClientId each : {worker, other}) {
    daemon.wait_end(each);
    CHECK(daemon.seen[each].status == ProcessStatus::signalled(SIGKILL));
  }
  CHECK(kill(orphan, 0) != 0);
  const ClientId next = daemon.run(test_path("PROCESS_SHARED"));
  CHECK(daemon.ask(next, "main") == "0");
}

TEST_CASE("an idle zygote is ended, and the next worker gets a new one") {
  auto options = Processes::default_options();
  options.zygote_idle = std::chrono::milliseconds{1};
  Processes daemon{options};
  for (int i = 0; i < 3; ++i) {
    const ClientId worker = daemon.run(test_path("PROCESS_SHARED"));
    daemon.tell(worker, "exit 0");
    daemon.wait_end(worker);
    daemon.io.run_one();  // the idle timer
  }
}

TEST_CASE("a keeper that is killed is noticed, nothing is left, and another can be started") {
  Processes daemon;
  const ClientId worker = daemon.run(test_path("PROCESS_SHARED"));
  const pid_t orphan = std::stoi(daemon.ask(worker, "daemonise"));
  kill(daemon.processes.keeper_pid(), SIGKILL);
  daemon.wait_until([&] { return daemon.keeper_died; });
  CHECK(daemon.seen[worker].died);
  CHECK(kill(daemon.seen[worker].pid, 0) != 0);
  CHECK(kill(orphan, 0) != 0);
  REQUIRE(daemon.processes.start_keeper().ok());
  CHECK(daemon.ask(daemon.run(test_path("PROCESS_SHARED")), "main") == "0");
}

TEST_CASE("the keeper is deaf to a terminal's signals") {
  Processes daemon;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
    kill(daemon.processes.keeper_pid(), signal);
  }
  CHECK(getpgid(daemon.processes.keeper_pid()) == daemon.processes.keeper_pid());
  const ClientId worker = daemon.run(test_path("PROCESS_SHARED"));
  daemon.tell(worker, "exit 0");
  daemon.wait_end(worker);
  CHECK(daemon.seen[worker].status == ProcessStatus::exited(0));
}

TEST_CASE("a daemon that is killed leaves no descendant and no socket file") {
  const std::string guarded = "/tmp/process_test_guarded_" + std::to_string(getpid());
  const UniqueFd file{open(guarded.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)};
  REQUIRE(file);
  const std::string command =
      "exec " + test_path("PROCESS_DAEMON") + ' ' + test_path("PROCESS_SHARED") + ' ' + guarded;
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  const UniqueFd reader{ends[0]};
  UniqueFd writer{ends[1]};
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, writer.get(), STDOUT_FILENO);
  std::string shell = "sh", option = "-c", text = command;
  char* argv[] = {shell.data(), option.data(), text.data(), nullptr};
  pid_t daemon = 0;
  REQUIRE(posix_spawn(&daemon, "/bin/sh", &files, nullptr, argv, environ) == 0);
  posix_spawn_file_actions_destroy(&files);
  writer.reset();

  char printed[256] = {};
  REQUIRE(read(reader.get(), printed, sizeof printed - 1) > 0);
  pid_t keeper = 0, worker = 0, child = 0, grandchild = 0;
  REQUIRE(std::sscanf(printed, "%d %d %d %d", &keeper, &worker, &child, &grandchild) == 4);
  for (const pid_t pid : {keeper, worker, child, grandchild}) REQUIRE(kill(pid, 0) == 0);
  kill(daemon, SIGKILL);
  for (const pid_t pid : {keeper, worker, child, grandchild}) CHECK(wait_gone(pid));
  waitpid(daemon, nullptr, 0);
  waitpid(keeper, nullptr, 0);  // ours by now: starting a keeper makes a subreaper
  CHECK(access(guarded.c_str(), F_OK) != 0);
  unlink(guarded.c_str());
}
