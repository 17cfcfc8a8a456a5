// Cancels of calls of actors: by their callers, with the tasks that made them, with jobs.
#include "tests/unit/catch.h"
#include "tests/unit/daemon/actor_fixture.h"

namespace rayd::node::test {
namespace {

using Tasks = std::vector<TaskId>;

ActorOptions keeper_of_lab() {
  ActorOptions options;
  options.name = "keeper";
  options.name_space = "lab";
  options.lifetime = Lifetime::kDetached;
  return options;
}

TEST_CASE("cancel: before it is sent, in the ring, and while it runs") {
  ActorCluster cluster;
  const ClientId driver = cluster.connect();
  const ActorId actor = cluster.create(driver);
  const TaskId early = cluster.call(driver, actor);
  cluster.cancel(driver, early);
  CHECK(cluster.result(early) == "cancelled");
  cluster.construct(actor);
  const TaskId runs = cluster.call(driver, actor);
  const TaskId queued = cluster.call(driver, actor);
  const TaskId next = cluster.call(driver, actor);
  FakeWorker& worker = *cluster.home(actor);
  cluster.claim(worker);
  cluster.cancel(driver, queued);
  CHECK(cluster.result(queued) == "cancelled");
  CHECK_FALSE(may_have_executed(cluster.failure(queued)));
  cluster.cancel(driver, runs);
  CHECK(worker.is_cancelled);
  CHECK(cluster.result(runs) == "pending");
  cluster.Cluster::done(worker, "too late");
  CHECK(cluster.result(runs) == "cancelled");
  CHECK(cluster.serve(actor) == Tasks{next});
}

TEST_CASE("a cancelled task's calls are cancelled with it, and those it makes afterwards") {
  ActorCluster cluster;
  const ClientId driver = cluster.connect();
  const ActorId actor = cluster.create(driver, keeper_of_lab());
  cluster.construct(actor);
  const TaskId parent = cluster.submit(driver, cluster.define(driver, call_of("parent")));
  FakeWorker* worker = cluster.Cluster::claim(parent);
  REQUIRE(worker != nullptr);
  const ClientId child = worker->id;
  cluster.say(child, GetActor{1, "keeper", "lab"});
  const TaskId runs = cluster.call(child, actor);
  const TaskId queued = cluster.call(child, actor);
  FakeWorker& home = *cluster.home(actor);
  cluster.claim(home);
  cluster.say(driver, Cancel{parent});
  CHECK(home.is_cancelled);
  CHECK(cluster.result(queued) == "cancelled");
  CHECK(cluster.result(runs) == "pending");
  CHECK(cluster.result(cluster.call(child, actor)) == "cancelled");
  cluster.Cluster::done(home, "too late");
  CHECK(cluster.result(runs) == "cancelled");
}

TEST_CASE("the end of a job cancels its calls to an actor that lives on") {
  ActorCluster cluster;
  const ClientId maker = cluster.connect();
  const ActorId actor = cluster.create(maker, keeper_of_lab());
  cluster.construct(actor);
  const ClientId driver = cluster.connect();
  cluster.say(driver, GetActor{1, "keeper", "lab"});
  cluster.call(driver, actor);
  cluster.call(driver, actor);
  FakeWorker& worker = *cluster.home(actor);
  cluster.claim(worker);
  cluster.leave(driver);
  CHECK(worker.is_cancelled);
  CHECK(worker.queued.empty());
  cluster.Cluster::done(worker);
  CHECK(cluster.state(actor) == ActorState::kAlive);
}

}  // namespace
}  // namespace rayd::node::test
