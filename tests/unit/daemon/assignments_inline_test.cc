// At max_workers: tasks that run inside of the waits of others.
#include <map>

#include "tests/unit/catch.h"
#include "tests/unit/daemon/node_fixture.h"

using namespace rayd;
using namespace rayd::node;
using namespace rayd::node::test;

namespace {

/// Chains of tasks that wait for each other on one CPU with at most three workers.
struct FewWorkers {
  Cluster cluster{{.nodes = 1, .cpus = 1, .max_workers = 3}};
  ClientId driver = cluster.connect();
  std::map<ClientId, uint64_t> waits;
  std::map<ClientId, uint32_t> templates;

  FewWorkers() { cluster.allows_overcommit = true; }

  uint32_t nest(ClientId client) {
    if (!templates.contains(client)) templates[client] = cluster.define(client, call_of("nest"));
    return templates[client];
  }
  TaskId start() {
    const TaskId task = cluster.submit(driver, nest(driver));
    cluster.want(driver, task.object(1));
    return task;
  }
  /// What runs on this worker submits one and gets it.
  TaskId get_child(ClientId worker) {
    const TaskId child = cluster.submit(worker, nest(worker));
    cluster.want(worker, child.object(1));
    cluster.say(worker, Blocked{++waits[worker], {child.object(1)}});
    return child;
  }
  /// A chain whose last one has just been given to the worker of the one before it.
  std::vector<TaskId> chain(ClientId& last) {
    std::vector<TaskId> tasks{start()};
    for (int depth = 0; depth < 3; ++depth) {
      FakeWorker* worker = cluster.claim(tasks.back());
      REQUIRE(worker != nullptr);
      last = worker->id;
      tasks.push_back(get_child(last));
    }
    return tasks;
  }
  /// As a thread does: what began last ends first.
  void end_innermost(ClientId id, const std::string& text) {
    FakeWorker& worker = cluster.worker(id);
    worker.running.push_front(std::move(worker.running.back()));
    worker.running.pop_back();
    cluster.done(worker, text);
  }
  size_t nested_in(ClientId worker) { return cluster.worker(worker).queued.size(); }
};

}  // namespace

TEST_CASE("at max_workers a task runs inside of the Get that waits for it") {
  FewWorkers few;
  ClientId last;
  const std::vector<TaskId> tasks = few.chain(last);
  Cluster& cluster = few.cluster;
  FakeWorker& worker = cluster.worker(last);
  REQUIRE(worker.queued.size() == 1);
  CHECK(worker.queued.front().task == tasks[3]);
  CHECK(cluster.snapshot().view.used.cpu == 4 * kUnit);  // three of them lent
  CHECK(cluster.snapshot().view.lent.cpu == 3 * kUnit);
  REQUIRE(cluster.claim(worker) != nullptr);
  const TaskId deeper = few.get_child(last);  // and another inside of that one
  REQUIRE(worker.queued.size() == 1);
  CHECK(worker.queued.front().task == deeper);
  REQUIRE(cluster.claim(worker) != nullptr);
  few.end_innermost(last, "deeper");
  REQUIRE(cluster.answer(last, deeper.object(1)) != nullptr);
  CHECK(cluster.answer(last, deeper.object(1))->bytes.text() == "deeper");
  cluster.say(last, Unblocked{});
  few.end_innermost(last, "third");
  REQUIRE(cluster.answer(last, tasks[3].object(1)) != nullptr);
  CHECK(cluster.answer(last, tasks[3].object(1))->bytes.text() == "third");
  cluster.say(last, Unblocked{});
  few.end_innermost(last, "second");
  CHECK(cluster.snapshot().view.used.cpu == 2 * kUnit);
  CHECK(cluster.snapshot().view.lent.cpu == 2 * kUnit);
}

TEST_CASE("what is to run inside of a wait comes back when the wait ends before") {
  FewWorkers few;
  ClientId last;
  const std::vector<TaskId> tasks = few.chain(last);
  Cluster& cluster = few.cluster;
  const auto give_up = [&] {
    cluster.say(last, Unwant{{tasks[3].object(1)}});
    cluster.say(last, Unblocked{});
  };
  SECTION("which is heard at once or later") {
    few.cluster.hold_revokes();
    give_up();
    CHECK(cluster.held_revokes() == 1);
    CHECK(few.nested_in(last) == 0);
    cluster.say(last, Blocked{});  // a wait for something else, in which nothing can run
    cluster.say(last, Unblocked{});
    cluster.release_revokes();
    CHECK(cluster.snapshot().view.used.cpu == 3 * kUnit);
    cluster.done(cluster.worker(last), "gave up");
    FakeWorker* runner = cluster.claim(tasks[3]);
    REQUIRE(runner != nullptr);
    cluster.done(*runner, "late");
  }
  SECTION("or runs after all, once that which waited has ended") {
    cluster.claim(cluster.worker(last));
    give_up();
    CHECK(cluster.snapshot().view.used.cpu == 4 * kUnit);
    cluster.done(cluster.worker(last), "gave up");
    CHECK(cluster.snapshot().view.used.cpu == 3 * kUnit);
    cluster.done(cluster.worker(last), "late");
  }
  CHECK(cluster.snapshot().view.used.cpu == 2 * kUnit);
  CHECK(cluster.snapshot().view.lent.cpu == 2 * kUnit);
}

TEST_CASE("with the worker all attempts die that run inside of each other's waits") {
  FewWorkers few;
  ClientId last;
  const std::vector<TaskId> tasks = few.chain(last);
  Cluster& cluster = few.cluster;
  cluster.claim(cluster.worker(last));
  cluster.die(cluster.worker(last));
  // Both count as started: the outer one runs again, and its child was cancelled with its parent.
  FakeWorker* again = cluster.claim(tasks[2]);
  REQUIRE(again != nullptr);
  CHECK(again->running.back().attempt == 2);
  cluster.done(*again, "again");
  CHECK(cluster.snapshot().view.used.cpu == 2 * kUnit);
}

TEST_CASE("a cancel reaches the one that waits and the one inside of its wait") {
  FewWorkers few;
  ClientId last;
  const std::vector<TaskId> tasks = few.chain(last);
  Cluster& cluster = few.cluster;
  FakeWorker& worker = cluster.worker(last);
  SECTION("the first of all") { cluster.say(few.driver, Cancel{tasks[0]}); }
  SECTION("which has been claimed") {
    cluster.claim(worker);
    cluster.say(few.driver, Cancel{tasks[0]});
    CHECK(worker.is_cancelled);
    worker.is_cancelled = false;
    std::swap(worker.running.front(), worker.running.back());
    cluster.done(worker);        // heedless
    CHECK(worker.is_cancelled);  // the one that waited is told now
  }
  CHECK(cluster.error(last, tasks[3].object(1)) == ErrorCode::kCancelled);
  CHECK(few.nested_in(last) == 0);
}

TEST_CASE("no wait fails while slots come back, for one may be what it needs") {
  Cluster cluster{{.nodes = 1, .cpus = 1, .max_workers = 1}};
  const ClientId driver = cluster.connect();
  const uint32_t call = cluster.define(driver, call_of("f"));
  const TaskId first = cluster.submit(driver, call);
  const TaskId other = cluster.submit(driver, call);  // lines up behind it
  FakeWorker* worker = cluster.claim(first);
  REQUIRE(worker != nullptr);
  const ClientId id = worker->id;
  const TaskId child = cluster.submit(id, cluster.define(id, call_of("child")));
  cluster.want(id, child.object(1));
  cluster.hold_revokes();
  cluster.say(id, Blocked{1, {child.object(1)}});
  REQUIRE(cluster.held_revokes() > 0);
  CHECK(cluster.error(id, child.object(1)) == ErrorCode::kOk);
  cluster.release_revokes();
  REQUIRE(cluster.worker(id).queued.size() == 1);
  CHECK(cluster.worker(id).queued.front().task == child);
  CHECK(cluster.error(id, child.object(1)) == ErrorCode::kOk);
  CHECK(cluster.task(other) != nullptr);
}
