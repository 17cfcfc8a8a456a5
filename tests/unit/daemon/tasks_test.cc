// The owner's side: from the submit to the one end of a task.
#include "tests/unit/catch.h"
#include "tests/unit/daemon/node_fixture.h"

using namespace rayd;
using namespace rayd::node;
using namespace rayd::node::test;

namespace {

CallTemplate retrying(std::string name, int32_t retries) {
  CallTemplate call = call_of(std::move(name));
  call.max_retries = retries;
  return call;
}

std::string text(const Value* value) {
  return value == nullptr ? "nothing" : std::string{value->bytes.text()};
}

/// Nothing is left of what went through the node.
void check_at_rest(Cluster& cluster, uint32_t node = 1) {
  const Snapshot snapshot = cluster.snapshot(node);
  CHECK(snapshot.objects.empty());
  CHECK(snapshot.tasks.empty());
  CHECK(snapshot.attempts.empty());
  CHECK(snapshot.view.used.is_zero());
  CHECK(snapshot.view.lent.is_zero());
  CHECK(snapshot.store_used_bytes == 0);
}

}  // namespace

TEST_CASE("a task runs on a worker that is started for it, and its result reaches the caller") {
  Cluster cluster{{}};
  const ClientId driver = cluster.connect();
  const uint32_t square = cluster.define(driver, call_of("square"));
  const TaskId task = cluster.submit(driver, square, {by_value("4")});
  cluster.want(driver, task.object(1));
  REQUIRE(cluster.workers().size() == 1);
  FakeWorker& worker = *cluster.workers()[0];
  const Run* run = cluster.claim(worker);
  REQUIRE(run != nullptr);
  CHECK(run->task == task);
  CHECK(run->attempt == 1);
  CHECK(run->args.at(0).bytes.text() == "4");
  CHECK(cluster.snapshot().view.used.cpu == kUnit);
  cluster.done(worker, "16");
  CHECK(text(cluster.answer(driver, task.object(1))) == "16");
  CHECK(cluster.finished(driver) == 1);
  cluster.release(driver, task.object(1));
  check_at_rest(cluster);
}

TEST_CASE("a task waits for its argument, says so, and gets its value") {
  Cluster cluster{{}};
  const ClientId driver = cluster.connect();
  const uint32_t call = cluster.define(driver, call_of("f"));
  const TaskId first = cluster.submit(driver, call);
  const TaskId second = cluster.submit(driver, call, {by_reference(first.object(1))});
  cluster.release(driver, first.object(1));
  CHECK(cluster.task(second)->phase == TaskPhase::kWaitingForArguments);
  CHECK(cluster.task(second)->pending_reason == "waits for argument " + to_string(first.object(1)));
  cluster.done(*cluster.claim(first), "one");
  FakeWorker* worker = cluster.claim(second);
  REQUIRE(worker != nullptr);
  CHECK(worker->running.front().args.at(0).bytes.text() == "one");
  CHECK(cluster.task(second)->pending_reason.empty());
  cluster.done(*worker, "two");
  cluster.release(driver, second.object(1));
  check_at_rest(cluster);
}

TEST_CASE("an exception of an argument fails those who wait for it without running them") {
  Cluster cluster{{}};
  const ClientId driver = cluster.connect();
  const uint32_t call = cluster.define(driver, call_of("f"));
  const TaskId first = cluster.submit(driver, call);
  const TaskId second =
      cluster.submit(driver, call, {by_reference(first.object(1)), by_reference(first.object(1))});
  cluster.want(driver, second.object(1));
  cluster.threw(*cluster.claim(first));
  CHECK(cluster.error(driver, second.object(1)) == ErrorCode::kTaskThrew);
  const ErrorInfo& error = *cluster.answer(driver, second.object(1))->error;
  CHECK(error.task == first);
  CHECK(error.function == "f");
  CHECK(error.node == NodeId{1});
  CHECK(error.attempt == 1);
  cluster.release(driver, first.object(1));
  cluster.release(driver, second.object(1));
  check_at_rest(cluster);
}

TEST_CASE("a task whose worker dies runs again, as often as it has retries, then says who died") {
  Cluster cluster{{}};
  const ClientId driver = cluster.connect();
  const uint32_t call = cluster.define(driver, retrying("crash", 2));
  const TaskId task = cluster.submit(driver, call);
  cluster.want(driver, task.object(1));
  for (uint32_t attempt = 1; attempt <= 3; ++attempt) {
    FakeWorker* worker = cluster.claim(task);
    REQUIRE(worker != nullptr);
    CHECK(worker->running.front().attempt == attempt);
    CHECK(cluster.answer(driver, task.object(1)) == nullptr);
    cluster.die(*worker, "signal 11 (Segmentation fault)\nlast words");
  }
  REQUIRE(cluster.error(driver, task.object(1)) == ErrorCode::kWorkerDied);
  const ErrorInfo& error = *cluster.answer(driver, task.object(1))->error;
  CHECK(error.attempt == 3);
  CHECK(error.may_have_executed == ErrorInfo::MayHaveExecuted::kYes);
  CHECK(error.message.find("died while it ran crash (" + to_string(task) +
                           ", attempt 3) on node-1"
                           ": signal 11 (Segmentation fault)\nlast words") != std::string::npos);
  cluster.release(driver, task.object(1));
  check_at_rest(cluster);
}

TEST_CASE("a thrown exception is retried only if that was asked for") {
  Cluster cluster{{}};
  const ClientId driver = cluster.connect();
  CallTemplate again = retrying("again", 1);
  again.retry_exceptions = RetryExceptions::kYes;
  const uint32_t plain = cluster.define(driver, retrying("plain", 1));
  const uint32_t opted = cluster.define(driver, again);
  const TaskId one = cluster.submit(driver, plain);
  const TaskId two = cluster.submit(driver, opted);
  cluster.want(driver, one.object(1));
  cluster.want(driver, two.object(1));
  cluster.threw(*cluster.claim(one));
  cluster.threw(*cluster.claim(two));
  CHECK(cluster.error(driver, one.object(1)) == ErrorCode::kTaskThrew);
  CHECK(cluster.answer(driver, two.object(1)) == nullptr);
  cluster.threw(*cluster.claim(two));
  CHECK(cluster.error(driver, two.object(1)) == ErrorCode::kTaskThrew);
}

TEST_CASE("work that a dead worker had not begun is moved free of charge") {
  Cluster cluster{{.nodes = 1, .cpus = 1}};
  const ClientId driver = cluster.connect();
  const uint32_t call = cluster.define(driver, retrying("once", 0));
  const TaskId first = cluster.submit(driver, call);
  const TaskId second = cluster.submit(driver, call);
  cluster.want(driver, first.object(1));
  cluster.want(driver, second.object(1));
  FakeWorker* worker = cluster.claim(first);
  REQUIRE(worker->queued.size() == 1);
  cluster.die(*worker);
  CHECK(cluster.error(driver, first.object(1)) == ErrorCode::kWorkerDied);
  FakeWorker* other = cluster.claim(second);
  REQUIRE(other != nullptr);
  CHECK(other->running.front().attempt == 1);
  cluster.done(*other, "fine");
  CHECK(text(cluster.answer(driver, second.object(1))) == "fine");
}

TEST_CASE("a task that has not begun is cancelled at once, wherever it waits") {
  Cluster cluster{{.nodes = 1, .cpus = 1}};
  const ClientId driver = cluster.connect();
  const uint32_t call = cluster.define(driver, call_of("f"));
  const TaskId running = cluster.submit(driver, call);
  FakeWorker* worker = cluster.claim(running);
  const TaskId in_slot = cluster.submit(driver, call);
  const TaskId for_argument = cluster.submit(driver, call, {by_reference(running.object(1))});
  const uint32_t large = cluster.define(driver, call_of("infeasible", 8));
  const TaskId infeasible = cluster.submit(driver, large);
  CHECK(cluster.task(in_slot)->pending_reason ==
        "waits behind " + to_string(running) + " on " + to_string(worker->id));
  for (const TaskId task : {in_slot, for_argument, infeasible}) {
    cluster.want(driver, task.object(1));
    cluster.say(driver, Cancel{task});
    CHECK(cluster.error(driver, task.object(1)) == ErrorCode::kCancelled);
    CHECK(cluster.task(task) == nullptr);
    cluster.say(driver, Cancel{task});  // once more: it has ended
    cluster.release(driver, task.object(1));
  }
  cluster.done(*worker);
  cluster.release(driver, running.object(1));
  check_at_rest(cluster);
}

TEST_CASE("a running task hears of its cancel, and its caller sees Cancelled whatever comes") {
  Cluster cluster{{}};
  const ClientId driver = cluster.connect();
  const uint32_t call = cluster.define(driver, call_of("f"));
  const TaskId task = cluster.submit(driver, call);
  cluster.want(driver, task.object(1));
  FakeWorker* worker = cluster.claim(task);
  cluster.say(driver, Cancel{task});
  CHECK(worker->is_cancelled);
  CHECK(cluster.answer(driver, task.object(1)) == nullptr);
  cluster.done(*worker, "too late");
  CHECK(cluster.error(driver, task.object(1)) == ErrorCode::kCancelled);
  cluster.release(driver, task.object(1));
  check_at_rest(cluster);
}

TEST_CASE("a stored result of a cancelled task frees its space") {
  Cluster cluster{{}};
  const ClientId driver = cluster.connect();
  const uint32_t call = cluster.define(driver, call_of("f"));
  const TaskId task = cluster.submit(driver, call);
  FakeWorker* worker = cluster.claim(task);
  cluster.say(driver, Cancel{task});
  cluster.done_stored(*worker, 1 << 20);
  cluster.release(driver, task.object(1));
  cluster.die(*worker);
  check_at_rest(cluster);
}

TEST_CASE("a cancel reaches the children of a running task, and those it submits afterwards") {
  Cluster cluster{{}};
  const ClientId driver = cluster.connect();
  const uint32_t call = cluster.define(driver, call_of("parent"));
  const TaskId parent = cluster.submit(driver, call);
  FakeWorker* worker = cluster.claim(parent);
  const uint32_t child_call = cluster.define(worker->id, call_of("child"));
  const TaskId child = cluster.submit(worker->id, child_call);
  FakeWorker* other = cluster.claim(child);
  REQUIRE(other != nullptr);
  cluster.say(driver, Cancel{parent});
  CHECK(worker->is_cancelled);
  CHECK(other->is_cancelled);
  const TaskId late = cluster.submit(worker->id, child_call);
  cluster.want(worker->id, late.object(1));
  CHECK(cluster.error(worker->id, late.object(1)) == ErrorCode::kCancelled);
  cluster.release(worker->id, late.object(1));
  cluster.release(worker->id, child.object(1));
  cluster.done(*other);
  cluster.done(*worker);
  // The worker's next task may submit as it likes.
  const TaskId next = cluster.submit(driver, call);
  FakeWorker* runner = cluster.claim(next);
  const uint32_t again =
      runner->id == worker->id ? child_call : cluster.define(runner->id, call_of("child"));
  const TaskId free = cluster.submit(runner->id, again);
  CHECK(cluster.claim(free) != nullptr);
}

TEST_CASE("a cancel that is not recursive leaves the children alone") {
  Cluster cluster{{}};
  const ClientId driver = cluster.connect();
  const TaskId parent = cluster.submit(driver, cluster.define(driver, call_of("parent")));
  FakeWorker* worker = cluster.claim(parent);
  const TaskId child = cluster.submit(worker->id, cluster.define(worker->id, call_of("child")));
  FakeWorker* other = cluster.claim(child);
  cluster.say(driver, Cancel{parent, Cancel::Force::kNo, Cancel::Recursive::kNo});
  CHECK(worker->is_cancelled);
  CHECK_FALSE(other->is_cancelled);
}

TEST_CASE("a forced cancel takes back the slots behind, then kills the worker") {
  Cluster cluster{{.nodes = 1, .cpus = 1}};
  const ClientId driver = cluster.connect();
  const uint32_t call = cluster.define(driver, call_of("f"));
  const TaskId stuck = cluster.submit(driver, call);
  const TaskId behind = cluster.submit(driver, call);
  cluster.want(driver, stuck.object(1));
  cluster.want(driver, behind.object(1));
  const ClientId killed = cluster.claim(stuck)->id;
  cluster.hold_revokes();
  cluster.say(driver, Cancel{stuck, Cancel::Force::kYes});
  CHECK(cluster.worker(killed).running.size() == 1);  // not before its slots are settled
  cluster.release_revokes();
  for (const FakeWorker* worker : cluster.workers()) CHECK(worker->id != killed);
  CHECK(cluster.error(driver, stuck.object(1)) == ErrorCode::kCancelled);
  FakeWorker* other = cluster.claim(behind);
  REQUIRE(other != nullptr);
  CHECK(other->running.front().attempt == 1);
  cluster.done(*other, "fine");
  CHECK(text(cluster.answer(driver, behind.object(1))) == "fine");
}

TEST_CASE("a forced cancel kills nobody when its task ends first and the next one has begun") {
  Cluster cluster{{.nodes = 1, .cpus = 1}};
  const ClientId driver = cluster.connect();
  const uint32_t call = cluster.define(driver, call_of("f"));
  const TaskId first = cluster.submit(driver, call);
  const TaskId second = cluster.submit(driver, call);
  cluster.want(driver, first.object(1));
  cluster.want(driver, second.object(1));
  FakeWorker* worker = cluster.claim(first);
  cluster.hold_revokes();
  cluster.say(driver, Cancel{first, Cancel::Force::kYes});  // asks for the first slot back
  REQUIRE(cluster.held_revokes() == 1);
  // Its Done is in the ring, and the worker has claimed the next slot, before anybody looks.
  const Run begun = worker->queued.front();
  cluster.claim(*worker);
  cluster.release_revokes();
  CHECK(cluster.workers().size() == 1);
  cluster.done(*worker, "first");
  cluster.done(*worker, "second");
  CHECK(begun.task == second);
  CHECK(cluster.error(driver, first.object(1)) == ErrorCode::kCancelled);
  CHECK(text(cluster.answer(driver, second.object(1))) == "second");
}

TEST_CASE("an infeasible task stays pending and says what is missing") {
  Cluster cluster{{}};
  const ClientId driver = cluster.connect();
  CallTemplate call = call_of("learn");
  call.demand.gpu = kUnit;
  const TaskId task = cluster.submit(driver, cluster.define(driver, call));
  const TaskSnapshot* entry = cluster.task(task);
  REQUIRE(entry != nullptr);
  CHECK(entry->phase == TaskPhase::kQueued);
  CHECK(entry->infeasible == TaskSnapshot::Infeasible::kYes);
  CHECK(entry->pending_reason ==
        "needs GPU 1; no node has more than 0: start a node that has it, or ask for less");
}

TEST_CASE("a task that waits for CPUs says how many are free and lent") {
  Cluster cluster{{.nodes = 1, .cpus = 2}};
  const ClientId driver = cluster.connect();
  const TaskId one = cluster.submit(driver, cluster.define(driver, call_of("one")));
  cluster.claim(one);
  const TaskId two = cluster.submit(driver, cluster.define(driver, call_of("two", 2)));
  CHECK(cluster.task(two)->phase == TaskPhase::kAssigned);
  CHECK(cluster.task(two)->pending_reason == "waits for CPU 2 (1 of 2 free)");
}

TEST_CASE("children of a driver that is gone are cancelled, and nothing of it remains") {
  Cluster cluster{{.nodes = 1, .cpus = 1}};
  const ClientId driver = cluster.connect();
  const uint32_t call = cluster.define(driver, call_of("f"));
  const TaskId running = cluster.submit(driver, call);
  FakeWorker* worker = cluster.claim(running);
  cluster.submit(driver, call);
  cluster.submit(driver, call, {by_reference(running.object(1))});
  cluster.leave(driver);
  CHECK(worker->is_cancelled);
  CHECK(cluster.snapshot().tasks.size() == 1);
  cluster.done(*worker);
  check_at_rest(cluster);
}

TEST_CASE("a child whose parent died is asked to end, and killed after the grace") {
  Cluster cluster{{}};
  const ClientId driver = cluster.connect();
  const TaskId parent = cluster.submit(driver, cluster.define(driver, call_of("parent")));
  FakeWorker* worker = cluster.claim(parent);
  const TaskId child = cluster.submit(worker->id, cluster.define(worker->id, call_of("child")));
  const ClientId deaf = cluster.claim(child)->id;
  cluster.die(*worker);
  CHECK(cluster.worker(deaf).is_cancelled);
  const auto lives = [&] {
    for (const FakeWorker* other : cluster.workers())
      if (other->id == deaf) return true;
    return false;
  };
  cluster.advance(Duration::millis(4'900));
  CHECK(lives());
  cluster.advance(Duration::millis(200));
  CHECK_FALSE(lives());
}

TEST_CASE("when a job ends its tasks are cancelled and what runs for it is killed") {
  Cluster cluster{{}};
  const ClientId driver = cluster.connect();
  const ClientId other = cluster.connect();
  const TaskId task = cluster.submit(driver, cluster.define(driver, call_of("f")));
  const TaskId kept = cluster.submit(other, cluster.define(other, call_of("f")));
  cluster.claim(task);
  FakeWorker* worker = cluster.claim(kept);
  cluster.job_ended(cluster.job_of(driver));
  CHECK(cluster.task(task) == nullptr);
  CHECK(cluster.runner_of(task) == nullptr);
  CHECK(cluster.runner_of(kept) == worker);
  CHECK(cluster.task(kept) != nullptr);
}

TEST_CASE("finished tasks are published often for few and seldom for many") {
  Cluster cluster{{}};
  const ClientId driver = cluster.connect();
  const uint32_t call = cluster.define(driver, call_of("f"));
  std::vector<TaskId> tasks;
  for (int i = 0; i < 1000; ++i) tasks.push_back(cluster.submit(driver, call));
  cluster.run_all();
  CHECK(cluster.finished(driver) == 1000);
}

TEST_CASE("references in arguments reach the worker and come back from it") {
  Cluster cluster{{}};
  const ClientId driver = cluster.connect();
  const uint32_t call = cluster.define(driver, call_of("f"));
  const ObjectId inner = cluster.put(driver);
  const TaskId task = cluster.submit(driver, call, {by_value("holds", {inner})});
  cluster.release(driver, inner);
  FakeWorker* worker = cluster.claim(task);
  CHECK(worker->running.front().args.at(0).contains == std::vector{inner});
  cluster.done(*worker, "returns it", {inner});
  cluster.want(driver, task.object(1));
  CHECK(cluster.answer(driver, task.object(1))->contains == std::vector{inner});
  cluster.release(driver, task.object(1));
  CHECK(cluster.snapshot().objects.size() == 1);  // the driver was given inner with the answer
  cluster.release(driver, inner);
  check_at_rest(cluster);
}

TEST_CASE("a submit that no honest client makes ends its session and leaves nothing") {
  Cluster cluster{{}};
  const ClientId driver = cluster.connect();
  const uint32_t call = cluster.define(driver, call_of("f"));
  const ClientId other = cluster.connect();
  const ObjectId secret = cluster.put(other);
  SECTION("an argument it does not hold") { cluster.submit(driver, call, {by_reference(secret)}); }
  SECTION("a reference in an argument that it does not hold") {
    cluster.submit(driver, call, {by_value("x", {secret})});
  }
  SECTION("a template it did not define") { cluster.submit(driver, 7); }
  SECTION("a task of somebody else") {
    cluster.say(driver, Submit{TaskId::make(other, 9), call, {}});
  }
  SECTION("a number that was used") {
    cluster.submit(driver, call);
    cluster.say(driver, Submit{TaskId::make(driver, 1), call, {}});
  }
  SECTION("a value that is none") { cluster.submit(driver, call, {Arg{}}); }
  const bool was_told =
      std::any_of(cluster.last_actions.begin(), cluster.last_actions.end(), [](const auto& action) {
        const auto* answer = std::get_if<ToClient>(&action);
        return answer != nullptr && std::holds_alternative<SessionError>(answer->message);
      });
  CHECK(was_told);
  cluster.leave(driver);
  cluster.leave(other);
  cluster.run_all();
  check_at_rest(cluster);
}
