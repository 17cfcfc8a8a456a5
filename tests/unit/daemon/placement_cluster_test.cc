// Tasks that ask for places, over several node cores: where they run, wait and end.
#include "tests/unit/catch.h"
#include "tests/unit/daemon/node_fixture.h"

using namespace rayd;
using namespace rayd::node;
using namespace rayd::node::test;

namespace {

Placement spread() {
  Placement placement;
  placement.strategy = Placement::Strategy::kSpread;
  return placement;
}

Placement only_on(uint32_t node) {
  Placement placement;
  placement.strategy = Placement::Strategy::kNode;
  placement.node = NodeId{node};
  return placement;
}

struct Owner {
  Owner(Cluster& c, const Placement& placement, int32_t retries = 3)
      : cluster(c), client(c.connect(1)) {
    CallTemplate placed = call_of("f");
    placed.placement = placement;
    placed.max_retries = retries;
    call = c.define(client, placed);
  }
  TaskId submit(std::vector<Arg> args = {}) {
    return cluster.submit(client, call, std::move(args));
  }
  uint32_t node_of(TaskId task) {
    const FakeWorker* worker = cluster.claim(task);
    return worker == nullptr ? 0 : worker->id.node;
  }
  Cluster& cluster;
  ClientId client;
  uint32_t call = 0;
};

}  // namespace

TEST_CASE("spread tasks take all nodes in turn, and the next ones wait for any of them") {
  Cluster cluster{{.nodes = 3, .cpus = 2}};
  Owner owner{cluster, spread()};
  std::map<uint32_t, int> given;
  std::vector<TaskId> tasks;
  for (int i = 0; i < 6; ++i) {
    tasks.push_back(owner.submit());
    ++given[owner.node_of(tasks.back())];
  }
  CHECK(given == std::map<uint32_t, int>{{1, 2}, {2, 2}, {3, 2}});
  const TaskId late = owner.submit();
  CHECK(cluster.task(late)->phase == TaskPhase::kQueued);
  FakeWorker* here = nullptr;
  for (const TaskId task : tasks)
    if (FakeWorker* runner = cluster.runner_of(task); runner->id.node == 1) here = runner;
  cluster.done(*here);
  CHECK(owner.node_of(late) == 1);
  const TaskId later = owner.submit();
  CHECK(cluster.task(later)->phase == TaskPhase::kQueued);
  FakeWorker* there = nullptr;
  for (const TaskId task : tasks)
    if (FakeWorker* runner = cluster.runner_of(task); runner && runner->id.node == 3)
      there = runner;
  cluster.done(*there);
  CHECK(owner.node_of(later) == 3);
}

TEST_CASE("a task bound to a node runs there, waits for it, and fails when it is dead") {
  Cluster cluster{{.nodes = 2, .cpus = 1}};
  Owner owner{cluster, only_on(2)};
  const TaskId first = owner.submit();
  CHECK(owner.node_of(first) == 2);
  const TaskId second = owner.submit();  // node 1 is idle
  REQUIRE(cluster.task(second)->phase == TaskPhase::kQueued);
  CHECK(cluster.task(second)->pending_reason ==
        "waits for CPU 1 on node-2: no node that has it is free now");
  cluster.want(owner.client, first.object(1));
  cluster.want(owner.client, second.object(1));
  cluster.node_state(2, NodeState::kDead);
  CHECK(cluster.error(owner.client, first.object(1)) == ErrorCode::kNodeDied);
  const Value* error = cluster.answer(owner.client, second.object(1));
  REQUIRE(error != nullptr);
  REQUIRE(error->kind == Value::Kind::kError);
  CHECK(error->error->message.ends_with("must run on node-2, which is dead"));
}

TEST_CASE("a soft affinity goes elsewhere when its node is dead") {
  Cluster cluster{{.nodes = 3, .cpus = 1}};
  Placement softly = only_on(2);
  softly.affinity = Placement::Affinity::kSoft;
  Owner owner{cluster, softly};
  cluster.node_state(2, NodeState::kDead);
  CHECK(owner.node_of(owner.submit()) == 1);
}

TEST_CASE("every node has labels of its name and id, and a selector finds them") {
  Cluster cluster{{.nodes = 3, .cpus = 1}};
  Placement not_here;
  not_here.required = {parse_label_term("rayd.io/node-id !in (node-1, node-2)").value()};
  Owner owner{cluster, not_here};
  CHECK(owner.node_of(owner.submit()) == 3);
  const TaskId waits = owner.submit();
  CHECK(cluster.task(waits)->phase == TaskPhase::kQueued);
  not_here.required = {parse_label_term("zone=nowhere").value()};
  Owner nowhere{cluster, not_here};
  const TaskId never = nowhere.submit();
  CHECK(cluster.task(never)->infeasible == TaskSnapshot::Infeasible::kYes);
  CHECK(cluster.task(never)->pending_reason.starts_with("needs a node with zone=nowhere"));
}

TEST_CASE("a task goes where its large argument lies, though there is room here") {
  Cluster cluster{{.nodes = 3, .cpus = 1}};
  Owner maker{cluster, only_on(3)};
  const TaskId source = maker.submit();
  FakeWorker* worker = cluster.claim(source);
  REQUIRE(worker != nullptr);
  cluster.done_stored(*worker, uint64_t{2} << 20);
  maker.call = cluster.define(maker.client, call_of("g"));
  CHECK(maker.node_of(maker.submit({by_reference(source.object(1))})) == 3);
  // That node is busy now: the next one runs here, and its argument comes.
  CHECK(maker.node_of(maker.submit({by_reference(source.object(1))})) == 1);
}
