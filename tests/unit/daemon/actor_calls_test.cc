// The caller's side of actors, on one node: creation, order, ends, names, handles.
#include "tests/unit/catch.h"
#include "tests/unit/daemon/actor_fixture.h"

namespace rayd::node::test {
namespace {

using Tasks = std::vector<TaskId>;

ActorOptions restarts(int32_t count, int32_t task_retries = 0) {
  ActorOptions options;
  options.max_restarts = count;
  options.max_task_retries = task_retries;
  return options;
}

ActorOptions named(const std::string& name, Lifetime lifetime = Lifetime::kJob) {
  ActorOptions options;
  options.name = name;
  options.lifetime = lifetime;
  return options;
}

TEST_CASE("calls wait for the constructor, then run in the order made") {
  ActorCluster cluster;
  const ClientId driver = cluster.connect();
  const ActorId actor = cluster.create(driver);
  const Tasks calls{cluster.call(driver, actor), cluster.call(driver, actor),
                    cluster.call(driver, actor)};
  CHECK(cluster.home(actor)->queued.size() == 1);  // the creation alone
  CHECK(cluster.state(actor) == ActorState::kPending);
  cluster.construct(actor);
  CHECK(cluster.state(actor) == ActorState::kAlive);
  CHECK(cluster.home(actor)->queued.size() == 3);  // several at once
  CHECK(cluster.serve(actor) == calls);
  CHECK(cluster.finished(driver) == 4);
}

TEST_CASE("the run names its actor, incarnation and job") {
  ActorCluster cluster;
  const ClientId driver = cluster.connect();
  const ActorId actor = cluster.create(driver);
  cluster.construct(actor);
  cluster.call(driver, actor);
  const Run* run = cluster.claim(*cluster.home(actor));
  REQUIRE(run != nullptr);
  CHECK(run->actor == actor);
  CHECK(run->incarnation == 1);
  CHECK(run->job == cluster.job_of(driver));
}

TEST_CASE("a call whose argument is late holds back the later ones of its caller, only") {
  ActorCluster cluster;
  const ClientId driver = cluster.connect();
  const ActorId actor = cluster.create(driver, named("c"));
  cluster.construct(actor);
  const ClientId other = cluster.connect();
  cluster.say(other, GetActor{1, "c", to_string(cluster.job_of(driver))});
  const TaskId task = cluster.submit(driver, cluster.define(driver, call_of("slow")));
  const TaskId late = cluster.call(driver, actor, {by_reference(task.object(1))});
  const TaskId behind = cluster.call(driver, actor);
  const TaskId elsewhere = cluster.call(other, actor);
  CHECK(cluster.serve(actor) == Tasks{elsewhere});
  FakeWorker* worker = cluster.claim(task);
  cluster.Cluster::done(*worker, "5");
  CHECK(cluster.serve(actor) == Tasks{late, behind});
}

TEST_CASE("a call whose argument failed fails with it, and the next one goes on") {
  ActorCluster cluster;
  const ClientId driver = cluster.connect();
  const ActorId actor = cluster.create(driver);
  cluster.construct(actor);
  CallTemplate once = call_of("throws");
  const TaskId task = cluster.submit(driver, cluster.define(driver, once));
  const TaskId fails = cluster.call(driver, actor, {by_reference(task.object(1))});
  const TaskId next = cluster.call(driver, actor);
  cluster.threw(*cluster.claim(task));
  CHECK(cluster.result(fails) == "threw");
  CHECK(cluster.serve(actor) == Tasks{next});
}

TEST_CASE("references in arguments and results are held until nobody needs them") {
  ActorCluster cluster;
  const ClientId driver = cluster.connect();
  const ActorId actor = cluster.create(driver);
  cluster.construct(actor);
  const ObjectId put = cluster.put(driver);
  const TaskId call = cluster.call(driver, actor, {by_value("list", {put})});
  cluster.release(driver, put);
  FakeWorker& worker = *cluster.home(actor);
  cluster.claim(worker);
  cluster.Cluster::done(worker, "same list", {put});
  cluster.want(driver, call.object(1));
  REQUIRE(cluster.answer(driver, call.object(1))->contains == std::vector<ObjectId>{put});
  cluster.release(driver, put);  // what the answer brought
  cluster.release(driver, call.object(1));
  cluster.drop_handle(driver, actor);
  CHECK(cluster.is_clean(1));
}

TEST_CASE("an unnamed actor ends with its last handle, after the calls already made") {
  ActorCluster cluster;
  const ClientId driver = cluster.connect();
  const ActorId actor = cluster.create(driver);
  const TaskId call = cluster.call(driver, actor);
  cluster.drop_handle(driver, actor);
  cluster.construct(actor);
  CHECK(cluster.state(actor) == ActorState::kAlive);
  CHECK(cluster.serve_one(actor, "1") == call);
  CHECK(cluster.state(actor) == ActorState::kDead);
  CHECK(cluster.home(actor) == nullptr);
  CHECK(cluster.result(call) == "1");
}

TEST_CASE("an actor without a handle is still constructed") {
  ActorCluster cluster;
  const ClientId driver = cluster.connect();
  const ActorId actor = cluster.create(driver);
  cluster.drop_handle(driver, actor);
  CHECK(cluster.state(actor) == ActorState::kPending);
  cluster.construct(actor);
  CHECK(cluster.state(actor) == ActorState::kDead);
}

TEST_CASE("a handle that an actor holds to itself does not keep it alive") {
  ActorCluster cluster;
  const ClientId driver = cluster.connect();
  const ActorId actor = cluster.create(driver);
  cluster.construct(actor);
  const TaskId call = cluster.call(driver, actor, {by_value("me", {ActorCluster::handle(actor)})});
  FakeWorker& worker = *cluster.home(actor);
  REQUIRE(cluster.claim(worker)->args.at(0).contains.size() == 1);
  const Run run = worker.running.front();
  worker.running.pop_front();
  cluster.say(worker.id, Done{run.task, run.attempt, {by_value("").value}, nullptr, {}});
  CHECK(cluster.result(call).empty());
  CHECK(cluster.state(actor) == ActorState::kAlive);
  cluster.drop_handle(driver, actor);  // the worker still has its own
  CHECK(cluster.state(actor) == ActorState::kDead);
}

TEST_CASE("named actors outlive their handles, and end with their job") {
  ActorCluster cluster;
  const ClientId driver = cluster.connect();
  const ActorId job_long = cluster.create(driver, named("a"));
  const ActorId detached = cluster.create(driver, named("b", Lifetime::kDetached));
  cluster.construct(job_long);
  cluster.construct(detached);
  cluster.drop_handle(driver, job_long);
  cluster.drop_handle(driver, detached);
  CHECK(cluster.state(job_long) == ActorState::kAlive);
  cluster.leave(driver);
  CHECK(cluster.state(job_long) == ActorState::kDead);
  CHECK(cluster.state(detached) == ActorState::kAlive);
  CHECK(cluster.is_clean(1));
}

TEST_CASE("a detached actor is found by another driver, called, and killed") {
  ActorCluster cluster;
  const ClientId maker = cluster.connect();
  ActorOptions options = named("keeper", Lifetime::kDetached);
  options.name_space = "lab";
  const ActorId actor = cluster.create(maker, options);
  cluster.construct(actor);
  cluster.leave(maker);
  const ClientId driver = cluster.connect();
  CHECK(cluster.find(driver, "keeper").is_nil());  // in another namespace
  cluster.say(driver, GetActor{2, "keeper", "lab"});
  const TaskId call = cluster.call(driver, actor);
  CHECK(cluster.serve_one(actor, "kept") == call);
  CHECK(cluster.result(call) == "kept");
  cluster.kill(driver, actor);
  CHECK(cluster.state(actor) == ActorState::kDead);
  CHECK(cluster.result(cluster.call(driver, actor)) == "actor died");
}

TEST_CASE("a lookup waits for a creation that waits for its arguments") {
  ActorCluster cluster;
  const ClientId driver = cluster.connect();
  const TaskId task = cluster.submit(driver, cluster.define(driver, call_of("slow")));
  const ActorId actor = cluster.create(driver, named("c"), {by_reference(task.object(1))});
  CHECK(cluster.find(driver, "c").is_nil());  // no answer yet
  cluster.Cluster::done(*cluster.claim(task), "5");
  CHECK(cluster.state(actor) == ActorState::kPending);
  CHECK(cluster.find(driver, "c") == actor);
  CHECK(cluster.home(actor)->queued.front().args.at(0).bytes.text() == "5");
}

TEST_CASE("a taken name fails the calls of the second, or gives the first") {
  ActorCluster cluster;
  const ClientId driver = cluster.connect();
  const ActorId first = cluster.create(driver, named("c"));
  const ActorId second = cluster.create(driver, named("c"));
  CHECK(cluster.result(cluster.call(driver, second)) == "already exists");
  ActorOptions takes = named("c");
  takes.get_if_exists = ActorOptions::GetIfExists::kYes;
  const ActorId third = cluster.create(driver, takes);
  CHECK(cluster.find(driver, "c") == first);
  cluster.drop_handle(driver, third);
  cluster.construct(first);
  const TaskId call = cluster.call(driver, first);
  cluster.serve(first);
  CHECK(cluster.result(call).empty());
}

TEST_CASE("a creation whose argument failed is dead for all its callers") {
  ActorCluster cluster;
  const ClientId driver = cluster.connect();
  const TaskId task = cluster.submit(driver, cluster.define(driver, call_of("throws")));
  const ActorId actor = cluster.create(driver, named("c"), {by_reference(task.object(1))});
  const TaskId call = cluster.call(driver, actor);
  cluster.threw(*cluster.claim(task));
  CHECK(cluster.result(call) == "actor died");
  CHECK(cluster.failure(call)->message.find("argument") != std::string::npos);
  CHECK(cluster.state(actor) == ActorState::kDead);
  CHECK(cluster.find(driver, "c").is_nil());
}

TEST_CASE("a constructor that throws is told to all callers, with what it threw") {
  ActorCluster cluster;
  const ClientId driver = cluster.connect();
  const ActorId actor = cluster.create(driver, restarts(5));
  const TaskId call = cluster.call(driver, actor);
  cluster.fail_construction(actor);
  CHECK(cluster.state(actor) == ActorState::kDead);
  const ErrorRef error = cluster.failure(call);
  REQUIRE(error != nullptr);
  CHECK(error->code == ErrorCode::kActorDied);
  CHECK(error->remote_type == "std::runtime_error");
  CHECK(error->message.find("constructor") != std::string::npos);
  CHECK_FALSE(may_have_executed(error));
}

TEST_CASE("a killed actor fails its calls, those that ran and those that did not") {
  ActorCluster cluster;
  const ClientId driver = cluster.connect();
  const ActorId actor = cluster.create(driver);
  cluster.construct(actor);
  const TaskId runs = cluster.call(driver, actor);
  const TaskId waits = cluster.call(driver, actor);
  cluster.claim(*cluster.home(actor));
  cluster.kill(driver, actor);
  CHECK(cluster.home(actor) == nullptr);
  CHECK(cluster.failure(runs)->code == ErrorCode::kActorDied);
  CHECK(may_have_executed(cluster.failure(runs)));
  CHECK(cluster.failure(waits)->code == ErrorCode::kActorDied);
  const TaskId later = cluster.call(driver, actor);
  CHECK(cluster.failure(later)->message.find("killed") != std::string::npos);
  CHECK_FALSE(may_have_executed(cluster.failure(later)));
}

TEST_CASE("a kill before the arguments are there starts nothing") {
  ActorCluster cluster;
  const ClientId driver = cluster.connect();
  const TaskId task = cluster.submit(driver, cluster.define(driver, call_of("slow")));
  const ActorId actor = cluster.create(driver, {}, {by_reference(task.object(1))});
  cluster.kill(driver, actor);
  cluster.Cluster::done(*cluster.claim(task), "5");
  CHECK(cluster.home(actor) == nullptr);
  CHECK(cluster.state(actor) == ActorState::kDead);
}

TEST_CASE("a worker's death fails the call it ran; the ones behind it run in the next process") {
  ActorCluster cluster;
  const ClientId driver = cluster.connect();
  const ActorId actor = cluster.create(driver, restarts(1));
  cluster.construct(actor);
  const TaskId runs = cluster.call(driver, actor);
  const Tasks behind{cluster.call(driver, actor), cluster.call(driver, actor)};
  cluster.claim(*cluster.home(actor));
  cluster.die(*cluster.home(actor));
  CHECK(cluster.state(actor) == ActorState::kRestarting);
  CHECK(cluster.result(runs) == "actor died");
  CHECK(may_have_executed(cluster.failure(runs)));
  cluster.rest();
  REQUIRE(cluster.home(actor) != nullptr);
  CHECK(cluster.home(actor)->queued.front().incarnation == 2);
  cluster.construct(actor);
  CHECK(cluster.serve(actor) == behind);
}

TEST_CASE("a call that may be repeated runs again, before those behind it") {
  ActorCluster cluster;
  const ClientId driver = cluster.connect();
  const ActorId actor = cluster.create(driver, restarts(2, 1));
  cluster.construct(actor);
  const TaskId first = cluster.call(driver, actor, {by_value("x")});
  const TaskId second = cluster.call(driver, actor);
  cluster.claim(*cluster.home(actor));
  cluster.die(*cluster.home(actor));
  cluster.rest();
  cluster.construct(actor);
  const Run* again = cluster.claim(*cluster.home(actor));
  REQUIRE(again != nullptr);
  CHECK(again->task == first);
  CHECK(again->args.at(0).bytes.text() == "x");
  cluster.die(*cluster.home(actor));  // its retry is used up
  CHECK(cluster.result(first) == "actor died");
  cluster.rest();
  cluster.construct(actor);
  CHECK(cluster.serve(actor) == Tasks{second});
}

TEST_CASE("without restarts a worker's death ends the actor and all its calls") {
  ActorCluster cluster;
  const ClientId driver = cluster.connect();
  const ActorId actor = cluster.create(driver);
  cluster.construct(actor);
  const TaskId runs = cluster.call(driver, actor);
  const TaskId behind = cluster.call(driver, actor);
  cluster.claim(*cluster.home(actor));
  cluster.die(*cluster.home(actor), "signal 11 (Segmentation fault)");
  CHECK(cluster.state(actor) == ActorState::kDead);
  CHECK(may_have_executed(cluster.failure(runs)));
  CHECK(cluster.failure(runs)->message.find("signal 11") != std::string::npos);
  CHECK_FALSE(may_have_executed(cluster.failure(behind)));
}

TEST_CASE("a kill that allows a restart makes the actor anew") {
  ActorCluster cluster;
  const ClientId driver = cluster.connect();
  const ActorId actor = cluster.create(driver, restarts(1));
  cluster.construct(actor);
  cluster.kill(driver, actor, KillActor::NoRestart::kNo);
  CHECK(cluster.state(actor) == ActorState::kRestarting);
  cluster.rest();
  cluster.construct(actor);
  const TaskId call = cluster.call(driver, actor);
  CHECK(cluster.claim(*cluster.home(actor))->incarnation == 2);
  cluster.Cluster::done(*cluster.home(actor), "new");
  CHECK(cluster.result(call) == "new");
}

TEST_CASE("an actor that ends itself is not restarted, and its last call ends well") {
  ActorCluster cluster;
  const ClientId driver = cluster.connect();
  const ActorId actor = cluster.create(driver, restarts(-1));
  cluster.construct(actor);
  const TaskId exits = cluster.call(driver, actor);
  const TaskId behind = cluster.call(driver, actor);
  FakeWorker& worker = *cluster.home(actor);
  cluster.claim(worker);
  cluster.exit_in(worker);
  CHECK(cluster.result(exits) == "bye");
  CHECK(cluster.result(behind) == "actor died");
  CHECK(cluster.failure(behind)->message.find("ExitActor") != std::string::npos);
  CHECK(cluster.state(actor) == ActorState::kDead);
}

TEST_CASE("creation arguments are held while an incarnation may need them") {
  ActorCluster cluster;
  const ClientId driver = cluster.connect();
  const ObjectId put = cluster.put(driver);
  const ActorId once = cluster.create(driver, {}, {by_reference(put)});
  const ActorId again = cluster.create(driver, restarts(1), {by_reference(put)});
  cluster.release(driver, put);
  cluster.construct(once);
  cluster.construct(again);
  cluster.die(*cluster.home(again));
  cluster.rest();
  CHECK(cluster.home(again)->queued.front().args.at(0).bytes.text() == "put");
  cluster.construct(again);
  cluster.drop_handle(driver, once);
  CHECK(cluster.core().snapshot().objects.size() == 2);  // the put and a handle
  cluster.drop_handle(driver, again);
  CHECK(cluster.is_clean(1));
}

TEST_CASE("several calls run at once in a concurrent actor, and end in any order") {
  ActorCluster cluster;
  const ClientId driver = cluster.connect();
  ActorOptions options;
  options.max_concurrency = 3;
  const ActorId actor = cluster.create(driver, options);
  cluster.construct(actor);
  Tasks calls;
  for (int i = 0; i < 5; ++i) calls.push_back(cluster.call(driver, actor));
  FakeWorker& worker = *cluster.home(actor);
  for (int i = 0; i < 3; ++i) cluster.claim(worker);
  cluster.done(worker, calls[2], "c");
  cluster.done(worker, calls[0], "a");
  CHECK(cluster.result(calls[2]) == "c");
  CHECK(cluster.result(calls[1]) == "pending");
  cluster.cancel(driver, calls[4]);
  CHECK(cluster.result(calls[4]) == "cancelled");
  cluster.die(worker);
  CHECK(may_have_executed(cluster.failure(calls[1])));
  CHECK_FALSE(may_have_executed(cluster.failure(calls[3])));
}

TEST_CASE("a long queue goes into the ring piece by piece") {
  ActorCluster cluster;
  const ClientId driver = cluster.connect();
  const ActorId actor = cluster.create(driver);
  cluster.construct(actor);
  Tasks calls;
  for (int i = 0; i < 200; ++i) calls.push_back(cluster.call(driver, actor));
  CHECK(cluster.home(actor)->queued.size() == 64);
  CHECK(cluster.serve(actor) == calls);
}

TEST_CASE("an infeasible actor says why, and what waits for it too") {
  ActorCluster cluster;
  const ClientId driver = cluster.connect();
  ActorOptions options;
  options.placement_demand.cpu = 100 * kUnit;
  const ActorId actor = cluster.create(driver, options);
  const TaskSnapshot* creation = cluster.task(actor.creation());
  REQUIRE(creation != nullptr);
  CHECK(creation->infeasible == TaskSnapshot::Infeasible::kYes);
  CHECK(creation->pending_reason.find("CPU 100") != std::string::npos);
  const TaskId call = cluster.call(driver, actor);
  CHECK(cluster.task(call)->pending_reason.find("to start") != std::string::npos);
}

TEST_CASE("a client may call and kill only what it holds") {
  ActorCluster cluster;
  const ClientId driver = cluster.connect();
  const ActorId actor = cluster.create(driver);
  const ClientId stranger = cluster.connect();
  cluster.call(stranger, actor);
  CHECK(cluster.refusal(stranger).find("does not hold") != std::string::npos);
  const ClientId killer = cluster.connect();
  cluster.kill(killer, actor);
  CHECK(cluster.refusal(killer).find("does not hold") != std::string::npos);
  CHECK(cluster.state(actor) == ActorState::kPending);
}

TEST_CASE("a worker that answers with what it does not hold is killed, and its call has begun") {
  ActorCluster cluster;
  const ClientId driver = cluster.connect();
  const ActorId actor = cluster.create(driver);
  cluster.construct(actor);
  const ObjectId secret = cluster.put(driver);
  const TaskId call = cluster.call(driver, actor);
  FakeWorker& worker = *cluster.home(actor);
  cluster.claim(worker);
  cluster.Cluster::done(worker, "stolen", {secret});
  CHECK(cluster.result(call) == "actor died");
  CHECK(may_have_executed(cluster.failure(call)));
}

}  // namespace
}  // namespace rayd::node::test
