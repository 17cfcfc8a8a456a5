// Actors and their callers on several nodes, with the head between them.
#include "tests/unit/catch.h"
#include "tests/unit/daemon/actor_fixture.h"

namespace rayd::node::test {
namespace {

using Tasks = std::vector<TaskId>;

Cluster::Config nodes(uint32_t count) {
  Cluster::Config config;
  config.nodes = count;
  return config;
}

/// A detached actor "c" of namespace "lab" on node 2, and a driver on node 1 that has found it.
struct Apart : ActorCluster {
  explicit Apart(int32_t max_restarts = 0, int32_t max_task_retries = 0, uint32_t count = 2)
      : ActorCluster(nodes(count)) {
    maker = connect(2);
    ActorOptions options;
    options.name = "c";
    options.name_space = "lab";
    options.lifetime = Lifetime::kDetached;
    options.max_restarts = max_restarts;
    options.max_task_retries = max_task_retries;
    actor = create(maker, options);
    construct(actor);
    driver = connect(1);
    say(driver, GetActor{1, "c", "lab"});
  }
  uint32_t node_of_actor() { return home(actor)->id.node; }
  ClientId maker, driver;
  ActorId actor;
};

TEST_CASE("calls from another node run in order, and their results come back") {
  Apart apart;
  CHECK(apart.node_of_actor() == 2);
  const Tasks calls{apart.call(apart.driver, apart.actor), apart.call(apart.driver, apart.actor)};
  CHECK(apart.serve_one(apart.actor, "1") == calls[0]);
  CHECK(apart.serve_one(apart.actor, "2") == calls[1]);
  CHECK(apart.result(calls[0]) == "1");
  CHECK(apart.result(calls[1]) == "2");
}

TEST_CASE("references travel both ways, and at rest nothing is held") {
  Apart apart;
  const ObjectId put = apart.put(apart.driver);
  const TaskId call =
      apart.call(apart.driver, apart.actor, {by_reference(put), by_value("list", {put})});
  apart.release(apart.driver, put);
  FakeWorker& worker = *apart.home(apart.actor);
  REQUIRE(apart.claim(worker) != nullptr);
  CHECK(worker.running.front().args.at(0).bytes.text() == "put");
  apart.Cluster::done(worker, "back", {put});
  apart.want(apart.driver, call.object(1));
  REQUIRE(apart.answer(apart.driver, call.object(1)) != nullptr);
  CHECK(apart.answer(apart.driver, call.object(1))->contains == std::vector<ObjectId>{put});
  apart.release(apart.driver, put);
  apart.release(apart.driver, call.object(1));
  apart.drop_handle(apart.driver, apart.actor);
  apart.drop_handle(apart.maker, apart.actor);
  apart.rest();
  CHECK(apart.is_clean(1));
  CHECK(apart.is_clean(2));
}

TEST_CASE("a process dies: what had not begun there runs in the next one, for remote callers too") {
  Apart apart(1);
  const TaskId runs = apart.call(apart.driver, apart.actor);
  const Tasks behind{apart.call(apart.driver, apart.actor), apart.call(apart.driver, apart.actor)};
  apart.claim(*apart.home(apart.actor));
  apart.die(*apart.home(apart.actor));
  CHECK(apart.result(runs) == "actor died");
  CHECK(may_have_executed(apart.failure(runs)));
  apart.rest();
  apart.construct(apart.actor);
  CHECK(apart.serve(apart.actor) == behind);
}

TEST_CASE("a node dies: calls that may be repeated are, in order, on another node") {
  Apart apart(1, 1, 3);
  const Tasks calls{apart.call(apart.driver, apart.actor), apart.call(apart.driver, apart.actor)};
  apart.claim(*apart.home(apart.actor));
  apart.lose_node(2);
  CHECK(apart.result(calls[0]) == "pending");
  REQUIRE(apart.home(apart.actor) != nullptr);
  CHECK(apart.node_of_actor() != 2);
  apart.construct(apart.actor);
  CHECK(apart.serve(apart.actor) == calls);
}

TEST_CASE("a node dies: calls that may not be repeated fail, later ones run elsewhere") {
  Apart apart(1, 0, 3);
  const TaskId lost = apart.call(apart.driver, apart.actor);
  apart.lose_node(2);
  CHECK(apart.result(lost) == "actor died");
  CHECK(may_have_executed(apart.failure(lost)));
  const TaskId later = apart.call(apart.driver, apart.actor);
  apart.construct(apart.actor);
  CHECK(apart.serve(apart.actor) == Tasks{later});
}

TEST_CASE("numbers that will not be sent again are skipped") {
  Apart apart(2, 1);
  const Tasks calls{apart.call(apart.driver, apart.actor), apart.call(apart.driver, apart.actor),
                    apart.call(apart.driver, apart.actor)};
  for (int i = 0; i < 3; ++i) apart.claim(*apart.home(apart.actor));
  apart.die(*apart.home(apart.actor));
  apart.cancel(apart.driver, calls[1]);  // between two that are sent again
  apart.rest();
  apart.construct(apart.actor);
  CHECK(apart.serve(apart.actor) == Tasks{calls[0], calls[2]});
  CHECK(apart.result(calls[1]) == "cancelled");
}

TEST_CASE("a remote call is cancelled before it begins, and while it runs") {
  Apart apart;
  const TaskId runs = apart.call(apart.driver, apart.actor);
  const TaskId waits = apart.call(apart.driver, apart.actor);
  FakeWorker& worker = *apart.home(apart.actor);
  apart.claim(worker);
  apart.cancel(apart.driver, waits);
  CHECK(apart.result(waits) == "cancelled");
  apart.cancel(apart.driver, runs);
  CHECK(worker.is_cancelled);
  apart.Cluster::done(worker, "too late");
  CHECK(apart.result(runs) == "cancelled");
}

TEST_CASE("a kill from another node is the head's word, and fails everybody's calls") {
  Apart apart;
  const TaskId remote = apart.call(apart.driver, apart.actor);
  const TaskId near = apart.call(apart.maker, apart.actor);
  apart.kill(apart.driver, apart.actor);
  CHECK(apart.state(apart.actor) == ActorState::kDead);
  CHECK(apart.result(remote) == "actor died");
  CHECK(apart.result(near) == "actor died");
  CHECK(apart.home(apart.actor) == nullptr);
}

TEST_CASE("cut off from the head an actor freezes, and goes on as the same when it is back") {
  Apart apart(1);
  const TaskId call = apart.call(apart.driver, apart.actor);
  apart.claim(*apart.home(apart.actor));
  apart.part_from_head(2);
  apart.advance(Duration::millis(4'200));
  apart.Cluster::done(*apart.home(apart.actor), "held");
  CHECK(apart.result(call) == "pending");
  apart.join_head(2);
  apart.advance(Duration::seconds(1));
  CHECK(apart.result(call) == "held");
  CHECK(apart.info(apart.actor).incarnation == 1);
}

TEST_CASE("cut off for good, an actor is replaced, and what the old one says is not heard") {
  Apart apart(1, 1, 3);
  const TaskId call = apart.call(apart.driver, apart.actor);
  FakeWorker& old = *apart.home(apart.actor);
  apart.claim(old);
  apart.part_from_head(2);
  apart.advance(Duration::seconds(6));
  CHECK(apart.info(apart.actor).incarnation == 2);
  apart.Cluster::done(old, "from the past");
  CHECK(apart.result(call) == "pending");
  FakeWorker* next = nullptr;
  for (const uint32_t node : {1u, 3u})
    for (FakeWorker* worker : apart.workers(node))
      if (!worker->queued.empty()) next = worker;
  REQUIRE(next != nullptr);
  apart.claim(*next);
  apart.Cluster::done(*next);  // constructed
  apart.claim(*next);
  apart.Cluster::done(*next, "from the present");
  CHECK(apart.result(call) == "from the present");
}

TEST_CASE("an actor starts on the node that can have it, with its arguments") {
  Cluster::Config config = nodes(2);
  config.gpus_of_last = 1;
  ActorCluster cluster(config);
  const ClientId driver = cluster.connect(1);
  ActorOptions options;
  options.placement_demand.gpu = kUnit;
  const ObjectId put = cluster.put(driver);
  const ActorId actor = cluster.create(driver, options, {by_reference(put), by_value("v", {put})});
  cluster.release(driver, put);
  REQUIRE(cluster.home(actor) != nullptr);
  CHECK(cluster.home(actor)->id.node == 2);
  CHECK(cluster.home(actor)->queued.front().args.at(0).bytes.text() == "put");
  cluster.construct(actor);
  const TaskId call = cluster.call(driver, actor);
  cluster.drop_handle(driver, actor);
  cluster.serve(actor);
  CHECK(cluster.result(call).empty());
  cluster.release(driver, call.object(1));
  cluster.rest();
  CHECK(cluster.state(actor) == ActorState::kDead);
  CHECK(cluster.is_clean(1));
  CHECK(cluster.is_clean(2));
}

TEST_CASE("an actor calls another one on its own node's behalf, and hands its handle on") {
  ActorCluster cluster(nodes(2));
  const ClientId driver = cluster.connect(1);
  const ActorId target = cluster.create(driver);
  const ActorId middle = cluster.create(driver);
  cluster.construct(target);
  cluster.construct(middle);
  const TaskId outer =
      cluster.call(driver, middle, {by_value("target", {ActorCluster::handle(target)})});
  FakeWorker& worker = *cluster.home(middle);
  cluster.claim(worker);
  const TaskId inner = cluster.call(worker.id, target);
  CHECK(cluster.serve_one(target, "inner") == inner);
  CHECK(cluster.result(inner) == "inner");
  cluster.Cluster::done(worker, "outer");
  CHECK(cluster.result(outer) == "outer");
  // The worker lets go, the driver too: both end.
  cluster.drop_handle(driver, target);
  cluster.drop_handle(driver, middle);
  CHECK(cluster.state(target) == ActorState::kDead);
  CHECK(cluster.state(middle) == ActorState::kDead);
}

TEST_CASE("the creator's node dies: its actors end, and callers elsewhere hear of it") {
  ActorCluster cluster(nodes(2));
  const ClientId maker = cluster.connect(1);
  ActorOptions options;
  options.name = "c";
  options.name_space = "lab";
  options.placement_demand = {};
  const ActorId actor = cluster.create(maker, options);
  cluster.construct(actor);
  const ClientId driver = cluster.connect(2);
  cluster.say(driver, GetActor{1, "c", "lab"});
  const TaskId call = cluster.call(driver, actor);
  cluster.lose_node(1);
  CHECK(cluster.result(call) == "actor died");
  CHECK(cluster.state(actor) == ActorState::kDead);
}

TEST_CASE("a cancel spares what the call before it submitted, whose Done is still in the ring") {
  ActorCluster cluster;
  const ClientId driver = cluster.connect();
  const ActorId actor = cluster.create(driver);
  FakeWorker& worker = cluster.construct(actor);
  const TaskId first = cluster.call(driver, actor);
  const TaskId second = cluster.call(driver, actor);
  REQUIRE(cluster.claim(worker)->task == first);
  const TaskId child = cluster.submit(worker.id, cluster.define(worker.id, call_of("g")));
  REQUIRE(cluster.claim(worker)->task == second);
  cluster.cancel(driver, second);
  CHECK(worker.is_cancelled);
  CHECK(cluster.task(child) != nullptr);
}

}  // namespace
}  // namespace rayd::node::test
