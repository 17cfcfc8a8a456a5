// Owners and assignees on different nodes: placement, refusal, moves, deaths, lineage.
#include <algorithm>

#include "tests/unit/catch.h"
#include "tests/unit/daemon/node_fixture.h"

using namespace rayd;
using namespace rayd::node;
using namespace rayd::node::test;

namespace {

std::string text(const Value* value) {
  return value == nullptr ? "nothing" : std::string{value->bytes.text()};
}

/// A driver on node 1 and its template, one CPU each.
struct Owner {
  explicit Owner(Cluster& c, int32_t retries = 3) : cluster(c), client(c.connect(1)) {
    CallTemplate template_of_call = call_of("f");
    template_of_call.max_retries = retries;
    call = c.define(client, template_of_call);
  }
  TaskId submit(std::vector<Arg> args = {}) {
    return cluster.submit(client, call, std::move(args));
  }
  Cluster& cluster;
  ClientId client;
  uint32_t call = 0;
};

void check_at_rest(Cluster& cluster, uint32_t nodes) {
  for (uint32_t id = 1; id <= nodes; ++id) {
    const Snapshot snapshot = cluster.snapshot(id);
    CHECK(snapshot.objects.empty());
    CHECK(snapshot.copies.empty());
    CHECK(snapshot.tasks.empty());
    CHECK(snapshot.attempts.empty());
    CHECK(snapshot.view.used.is_zero());
    CHECK(snapshot.store_used_bytes == 0);
  }
}

}  // namespace

TEST_CASE("what this node has no CPU for runs on another that has, and its result comes back") {
  Cluster cluster{{.nodes = 2, .cpus = 1}};
  Owner owner{cluster};
  const ObjectId inner = cluster.put(owner.client);
  const TaskId here = owner.submit();
  const TaskId there = owner.submit({by_value("x", {inner})});
  cluster.release(owner.client, inner);
  FakeWorker* first = cluster.claim(here);
  FakeWorker* second = cluster.claim(there);
  REQUIRE(second != nullptr);
  CHECK(first->id.node == 1);
  CHECK(second->id.node == 2);
  CHECK(cluster.task(there)->node == NodeId{2});
  CHECK(cluster.task(there)->pending_reason.empty());
  CHECK(second->running.front().args.at(0).contains == std::vector{inner});
  cluster.done(*second, "there", {inner});
  cluster.want(owner.client, there.object(1));
  CHECK(text(cluster.answer(owner.client, there.object(1))) == "there");
  cluster.done(*first);
  cluster.release(owner.client, inner);
  cluster.release(owner.client, here.object(1));
  cluster.release(owner.client, there.object(1));
  check_at_rest(cluster, 2);
}

TEST_CASE("of many small arguments a part travels with the call, and the rest is fetched") {
  Cluster cluster{{.nodes = 2, .cpus = 1}};
  Owner owner{cluster};
  constexpr size_t kCount = 1'100;  // of 1,000 bytes each: more than 1 MiB
  const auto text_of = [](size_t i) { return std::string(1'000, static_cast<char>('a' + i % 26)); };
  std::vector<Arg> args;
  for (size_t i = 0; i < kCount; ++i) {
    const TaskId maker = owner.submit();
    FakeWorker* worker = cluster.claim(maker);
    REQUIRE(worker != nullptr);
    cluster.done(*worker, text_of(i));
    args.push_back(by_reference(maker.object(1)));
  }
  const TaskId here = owner.submit();
  const TaskId there = owner.submit(args);
  FakeWorker* first = cluster.claim(here);
  FakeWorker* second = cluster.claim(there);
  REQUIRE(second != nullptr);
  REQUIRE(second->id.node == 2);
  const std::vector<Value>& values = second->running.front().args;
  REQUIRE(values.size() == kCount);
  for (size_t i = 0; i < kCount; ++i) CHECK(values[i].bytes.text() == text_of(i));
  const auto objects = cluster.snapshot(2).objects;
  CHECK(std::count_if(objects.begin(), objects.end(), [](const ObjectSnapshot& object) {
          return object.kind == Value::Kind::kInline;
        }) == kCount - (size_t{1} << 20) / 1'000);
  cluster.done(*first);
  cluster.done(*second);
  for (const Arg& arg : args) cluster.release(owner.client, arg.reference);
  cluster.release(owner.client, here.object(1));
  cluster.release(owner.client, there.object(1));
  check_at_rest(cluster, 2);
}

TEST_CASE("two owners that choose the same room: one is refused, free of charge") {
  Cluster cluster{{.nodes = 3, .cpus = 1}};
  Owner owner{cluster, 0};
  cluster.claim(owner.submit());
  cluster.node_state(3, NodeState::kSuspect);
  // Node 2's own driver takes its CPU, which node 1 does not know yet.
  const ClientId local = cluster.connect(2);
  const TaskId taken = cluster.submit(local, cluster.define(local, call_of("g")));
  REQUIRE(cluster.claim(taken)->id.node == 2);
  const TaskId task = owner.submit();
  // It waits at home: node 2 is not asked again until it has said more.
  CHECK(cluster.task(task)->node == NodeId{1});
  CHECK(cluster.task(task)->attempt == 2);
  CHECK(cluster.task(task)->pending_reason.starts_with("waits behind"));
  cluster.done(*cluster.runner_of(taken));
  cluster.run_all();
  CHECK(cluster.snapshot(1).tasks.empty());
}

TEST_CASE("a node that has refused renews its view when room that it had promised is back") {
  Cluster cluster{{.nodes = 2, .cpus = 1}};
  cluster.disconnect(1);  // the argument's value never comes
  const ClientId client{1, 98};
  const ObjectId argument = TaskId::make(client, 1).object(0);
  Assign pulling;
  pulling.task = TaskId::make(client, 2);
  pulling.attempt = 1;
  pulling.call = std::make_shared<CallTemplate>(call_of("f"));
  Assign refused = pulling;
  refused.task = TaskId::make(client, 3);
  pulling.args = {by_reference(argument)};
  pulling.values.resize(1);
  pulling.transfer.references = {argument};
  cluster.tell(2, FromPeer{NodeId{1}, pulling});
  cluster.tell(2, FromPeer{NodeId{1}, refused});
  REQUIRE(cluster.snapshot(2).attempts.size() == 1);
  const uint64_t version = cluster.snapshot(2).view.version;
  cluster.tell(2, FromPeer{NodeId{1}, Revoke{pulling.task, 1, RevokeReason::kCancel}});
  CHECK(cluster.snapshot(2).attempts.empty());
  CHECK(cluster.snapshot(2).view.version > version);
  // Heard again, what was refused is not run after all: its owner has gone elsewhere.
  cluster.tell(2, FromPeer{NodeId{1}, refused});
  CHECK(cluster.snapshot(2).attempts.empty());
}

TEST_CASE("an attempt whose argument has no copy left keeps no room: what makes it may need that") {
  Cluster cluster{{.nodes = 2, .cpus = 1}};
  cluster.disconnect(1);
  const ClientId client{1, 98};
  const ObjectId argument = TaskId::make(client, 1).object(0);
  Assign pulling;
  pulling.task = TaskId::make(client, 2);
  pulling.attempt = 1;
  pulling.call = std::make_shared<CallTemplate>(call_of("f"));
  Assign maker = pulling;
  maker.task = TaskId::make(client, 3);
  pulling.args = {by_reference(argument)};
  pulling.values.resize(1);
  pulling.transfer.references = {argument};
  cluster.tell(2, FromPeer{NodeId{1}, pulling});
  FetchedValue gone;
  gone.object = argument;
  gone.value.kind = Value::Kind::kStored;
  gone.value.size = 9;
  gone.value.nodes = {NodeId{1}};
  cluster.tell(2, FromPeer{NodeId{1}, gone});
  cluster.tell(2, PullFailed{argument, NodeId{1}, "no copy there"});
  cluster.tell(2, FromPeer{NodeId{1}, maker});
  CHECK(cluster.snapshot(2).attempts.size() == 2);
}

TEST_CASE("tasks wait for the one node that could run them, and go there when it has room") {
  Cluster cluster{{.nodes = 2, .cpus = 1, .gpus_of_last = 1}};
  const ClientId client = cluster.connect(1);
  CallTemplate call = call_of("learn");
  call.demand.gpu = kUnit;
  const uint32_t id = cluster.define(client, call);
  const TaskId first = cluster.submit(client, id);
  const TaskId second = cluster.submit(client, id);
  FakeWorker* worker = cluster.claim(first);
  REQUIRE(worker != nullptr);
  CHECK(worker->id.node == 2);
  CHECK(cluster.task(second)->phase == TaskPhase::kQueued);
  CHECK(cluster.task(second)->infeasible == TaskSnapshot::Infeasible::kNo);
  CHECK(cluster.task(second)->pending_reason ==
        "waits for CPU 1, GPU 1: no node that has it is free now");
  cluster.done(*worker);
  CHECK(cluster.claim(second) != nullptr);
}

TEST_CASE("what waits here moves to a node that joins") {
  Cluster cluster{{.nodes = 2, .cpus = 1}};
  cluster.node_state(2, NodeState::kSuspect);
  Owner owner{cluster};
  std::vector<TaskId> tasks;
  for (int i = 0; i < 20; ++i) tasks.push_back(owner.submit());
  cluster.claim(tasks[0]);
  CHECK(cluster.workers(2).empty());
  cluster.node_state(2, NodeState::kAlive);
  REQUIRE(cluster.workers(2).size() == 1);
  for (int i = 0; i < 3; ++i) {  // one after the other: each end makes room
    FakeWorker* worker = cluster.workers(2)[0];
    REQUIRE(cluster.claim(*worker) != nullptr);
    cluster.done(*worker);
  }
  cluster.run_all();
  CHECK(cluster.snapshot(1).tasks.empty());
}

TEST_CASE("tasks of a suspect node run elsewhere, and its late results are thrown away") {
  Cluster cluster{{.nodes = 2, .cpus = 1}};
  Owner owner{cluster};
  const TaskId blocker = owner.submit();
  cluster.claim(blocker);
  const TaskId task = owner.submit();
  FakeWorker* there = cluster.claim(task);
  REQUIRE(there->id.node == 2);
  cluster.disconnect(2);
  cluster.node_state(2, NodeState::kSuspect);
  cluster.done(*cluster.runner_of(blocker));
  FakeWorker* here = cluster.claim(task);
  REQUIRE(here != nullptr);
  CHECK(here->id.node == 1);
  CHECK(here->running.front().attempt == 2);
  cluster.done_stored(*there, 4096);  // the first attempt ends, unheard
  cluster.want(owner.client, task.object(1));
  cluster.done(*here, "second");
  CHECK(text(cluster.answer(owner.client, task.object(1))) == "second");
  cluster.node_state(2, NodeState::kAlive);
  cluster.reconnect(2);
  CHECK(text(cluster.answer(owner.client, task.object(1))) == "second");
  cluster.release(owner.client, task.object(1));
  cluster.release(owner.client, blocker.object(1));
  for (FakeWorker* worker : cluster.workers(2)) cluster.die(*worker);
  check_at_rest(cluster, 2);
}

TEST_CASE("a task without retries waits for its suspect node, and fails when that is dead") {
  Cluster cluster{{.nodes = 2, .cpus = 1}};
  Owner owner{cluster, 0};
  cluster.claim(owner.submit());
  const TaskId task = owner.submit();
  REQUIRE(cluster.claim(task)->id.node == 2);
  cluster.want(owner.client, task.object(1));
  cluster.node_state(2, NodeState::kSuspect);
  CHECK(cluster.answer(owner.client, task.object(1)) == nullptr);
  cluster.node_state(2, NodeState::kDead);
  REQUIRE(cluster.error(owner.client, task.object(1)) == ErrorCode::kNodeDied);
  const ErrorInfo& error = *cluster.answer(owner.client, task.object(1))->error;
  CHECK(error.may_have_executed == ErrorInfo::MayHaveExecuted::kYes);
  CHECK(error.message.find("node-2 died while f (" + to_string(task) + ", attempt 1)") == 0);
}

TEST_CASE("when an owner is dead its tasks end everywhere, queued and running") {
  Cluster cluster{{.nodes = 2, .cpus = 1}};
  Owner owner{cluster};
  cluster.claim(owner.submit());
  const TaskId task = owner.submit();
  FakeWorker* worker = cluster.claim(task);
  REQUIRE(worker->id.node == 2);
  const ClientId id = worker->id;
  cluster.node_state(1, NodeState::kDead);
  for (const FakeWorker* other : cluster.workers(2)) CHECK(other->id != id);
  const Snapshot snapshot = cluster.snapshot(2);
  CHECK(snapshot.attempts.empty());
  CHECK(snapshot.view.used.is_zero());
}

TEST_CASE("a cancel crosses nodes, to what has begun and to what has not") {
  Cluster cluster{{.nodes = 2, .cpus = 1}};
  Owner owner{cluster};
  cluster.claim(owner.submit());
  const TaskId task = owner.submit();
  cluster.want(owner.client, task.object(1));
  SECTION("not begun") {
    cluster.say(owner.client, Cancel{task});
    CHECK(cluster.error(owner.client, task.object(1)) == ErrorCode::kCancelled);
    for (const FakeWorker* worker : cluster.workers(2)) CHECK(worker->queued.empty());
  }
  SECTION("begun, with children there") {
    FakeWorker* worker = cluster.claim(task);
    const TaskId child = cluster.submit(worker->id, cluster.define(worker->id, call_of("child")));
    cluster.want(worker->id, child.object(1));
    cluster.say(owner.client, Cancel{task});
    CHECK(worker->is_cancelled);
    CHECK(cluster.error(worker->id, child.object(1)) == ErrorCode::kCancelled);
    cluster.done(*worker);
    CHECK(cluster.error(owner.client, task.object(1)) == ErrorCode::kCancelled);
  }
  SECTION("begun, by force") {
    FakeWorker* worker = cluster.claim(task);
    const ClientId id = worker->id;
    cluster.say(owner.client, Cancel{task, Cancel::Force::kYes});
    for (const FakeWorker* other : cluster.workers(2)) CHECK(other->id != id);
    CHECK(cluster.error(owner.client, task.object(1)) == ErrorCode::kCancelled);
  }
}

TEST_CASE("a repeated Assign is ignored, and so are late terminal messages") {
  Cluster cluster{{.nodes = 2, .cpus = 1}};
  Owner owner{cluster};
  cluster.claim(owner.submit());
  const TaskId task = owner.submit();
  FakeWorker* worker = cluster.claim(task);
  REQUIRE(worker->id.node == 2);
  Assign again;
  again.task = task;
  again.attempt = 1;
  again.call = worker->running.front().call;
  cluster.tell(2, FromPeer{NodeId{1}, again});
  cluster.tell(2, FromPeer{NodeId{1}, Revoke{task, 7, RevokeReason::kForce}});
  cluster.done(*worker, "once");
  cluster.tell(2, FromPeer{NodeId{1}, again});
  CHECK(cluster.snapshot(2).attempts.empty());
  cluster.tell(1, FromPeer{NodeId{2}, AttemptFailed{task, 1, nullptr}});
  cluster.tell(1, FromPeer{NodeId{2}, Revoked{task, 1}});
  cluster.tell(1, FromPeer{NodeId{2}, Refused{task, 1, 99}});
  cluster.want(owner.client, task.object(1));
  CHECK(text(cluster.answer(owner.client, task.object(1))) == "once");
}

TEST_CASE("a lost result is rebuilt once, from arguments that are rebuilt first") {
  Cluster cluster{{.nodes = 2, .cpus = 1}};
  Owner owner{cluster};
  const TaskId blocker = owner.submit();
  cluster.claim(blocker);
  const TaskId first = owner.submit();
  REQUIRE(cluster.claim(first)->id.node == 2);
  cluster.done_stored(*cluster.runner_of(first), 4096);
  const TaskId second = owner.submit({by_reference(first.object(1))});
  REQUIRE(cluster.claim(second)->id.node == 2);
  cluster.done_stored(*cluster.runner_of(second), 8192);
  cluster.release(owner.client, first.object(1));  // only the record of how it was made stays
  cluster.done(*cluster.runner_of(blocker));
  cluster.node_state(2, NodeState::kDead);
  cluster.tell(1, FromHead{Settled{1}});
  cluster.want(owner.client, second.object(1));
  FakeWorker* rebuilding = cluster.claim(first);
  REQUIRE(rebuilding != nullptr);
  CHECK(cluster.claim(second) == nullptr);
  cluster.done(*rebuilding, "first again");
  FakeWorker* next = cluster.claim(second);
  REQUIRE(next != nullptr);
  CHECK(text(&next->running.front().args.at(0)) == "first again");
  cluster.done(*next, "second again");
  CHECK(text(cluster.answer(owner.client, second.object(1))) == "second again");
  cluster.release(owner.client, second.object(1));
  cluster.release(owner.client, blocker.object(1));
  check_at_rest(cluster, 1);
}

TEST_CASE("what cannot be rebuilt is lost, and says why") {
  Cluster cluster{{.nodes = 2, .cpus = 1}};
  const int32_t retries = GENERATE(0, 3);
  Owner owner{cluster, retries};
  const TaskId blocker = owner.submit();
  cluster.claim(blocker);
  const ObjectId argument = cluster.put(owner.client);
  const TaskId task = owner.submit({by_reference(argument)});
  REQUIRE(cluster.claim(task)->id.node == 2);
  cluster.done_stored(*cluster.runner_of(task), 4096);
  cluster.release(owner.client, argument);
  cluster.node_state(2, NodeState::kDead);
  cluster.want(owner.client, task.object(1));
  REQUIRE(cluster.error(owner.client, task.object(1)) == ErrorCode::kObjectLost);
  const std::string why = cluster.answer(owner.client, task.object(1))->error->message;
  if (retries == 0) CHECK(why.find("no retries of f are left") != std::string::npos);
  if (retries > 0)
    CHECK(why.find("its argument " + to_string(argument) + " has been freed") != std::string::npos);
}

TEST_CASE("a long chain of records is freed and rebuilt without a deep stack") {
  Cluster cluster{{.nodes = 1, .cpus = 1}};
  Owner owner{cluster};
  TaskId last = owner.submit();
  constexpr int kLength = 20'000;
  for (int i = 0; i < kLength; ++i) {
    const TaskId next = owner.submit({by_reference(last.object(1))});
    cluster.release(owner.client, last.object(1));
    last = next;
  }
  cluster.run_all();
  CHECK(cluster.snapshot().objects.size() == 1);
  cluster.release(owner.client, last.object(1));
  check_at_rest(cluster, 1);
}

TEST_CASE("of more than 256 MiB of finished records the oldest go, and what they made says so") {
  Cluster cluster{{.nodes = 2, .cpus = 1}};
  Owner owner{cluster};
  const TaskId blocker = owner.submit();
  cluster.claim(blocker);
  const TaskId oldest = owner.submit();
  REQUIRE(cluster.claim(oldest)->id.node == 2);
  cluster.done_stored(*cluster.runner_of(oldest), 4096);
  cluster.node_state(2, NodeState::kSuspect);
  cluster.done(*cluster.runner_of(blocker));
  const std::vector<Arg> args(100, by_value(std::string(1000, 'x')));  // one run of bytes, counted
  for (int i = 0; i < 2500; ++i) {                                     // a hundred times a task
    owner.submit(args);
    if (i % 100 == 0) cluster.run_all();
  }
  cluster.run_all();
  cluster.node_state(2, NodeState::kDead);
  cluster.want(owner.client, oldest.object(1));
  REQUIRE(cluster.error(owner.client, oldest.object(1)) == ErrorCode::kObjectLost);
  CHECK(cluster.answer(owner.client, oldest.object(1))
            ->error->message.find("how it was made is no longer known") != std::string::npos);
}
