// Processes and resources: start, reuse, lend, end.
#include "tests/unit/catch.h"
#include "tests/unit/daemon/node_fixture.h"

using namespace rayd;
using namespace rayd::node;
using namespace rayd::node::test;

namespace {

size_t count_in(const Cluster& cluster, WorkerPhase phase) {
  size_t count = 0;
  for (const WorkerSnapshot& worker : cluster.snapshot().workers)
    if (worker.phase == phase) ++count;
  return count;
}

}  // namespace

TEST_CASE("a worker is used again for its image, and another image gets its own") {
  Cluster cluster{{.nodes = 1, .cpus = 1}};
  const ClientId driver = cluster.connect();
  const uint32_t first = cluster.define(driver, call_of("f", 1, 1));
  const uint32_t same = cluster.define(driver, call_of("g", 1, 1));
  const uint32_t other = cluster.define(driver, call_of("f", 1, 2));
  for (const uint32_t call : {first, same, first}) {
    cluster.submit(driver, call);
    cluster.run_all();
  }
  CHECK(cluster.workers().size() == 1);
  cluster.submit(driver, other);
  cluster.run_all();
  REQUIRE(cluster.workers().size() == 2);
  CHECK(cluster.workers()[0]->image != cluster.workers()[1]->image);
  CHECK(cluster.snapshot().tasks.empty());
}

TEST_CASE("calls of one image in two environments do not share a worker") {
  Cluster cluster{{.nodes = 1, .cpus = 1}};
  const ClientId driver = cluster.connect();
  CallTemplate call = call_of("f");
  cluster.submit(driver, cluster.define(driver, call));
  cluster.run_all();
  call.environment.push_back({"OMP_NUM_THREADS", "4"});
  cluster.submit(driver, cluster.define(driver, call));
  cluster.run_all();
  CHECK(cluster.workers().size() == 2);
}

TEST_CASE("an idle worker ends after its timeout, and one that was used meanwhile stays") {
  Cluster cluster{{.nodes = 1, .cpus = 2}};
  const ClientId driver = cluster.connect();
  const uint32_t call = cluster.define(driver, call_of("f"));
  cluster.submit(driver, call);
  cluster.submit(driver, call);
  cluster.run_all();
  CHECK(count_in(cluster, WorkerPhase::kIdle) == 2);
  cluster.advance(Duration::seconds(6));
  cluster.submit(driver, call);
  cluster.run_all();
  cluster.advance(Duration::seconds(6));
  CHECK(cluster.workers().size() == 1);
  cluster.advance(Duration::seconds(6));
  CHECK(cluster.workers().empty());
  CHECK(cluster.snapshot().workers.empty());
}

TEST_CASE("no more workers start than there are CPUs for") {
  Cluster cluster{{.nodes = 1, .cpus = 2, .starts = Cluster::Starts::kByHand}};
  const ClientId driver = cluster.connect();
  const uint32_t call = cluster.define(driver, call_of("f"));
  for (int i = 0; i < 10; ++i) cluster.submit(driver, call);
  CHECK(cluster.workers().size() == 2);
  for (FakeWorker* worker : cluster.workers()) cluster.started(*worker);
  CHECK(cluster.workers().size() == 2);
  CHECK(cluster.snapshot().view.used.cpu == 2 * kUnit);
}

TEST_CASE("at max_workers the one that is idle longest makes room for another image") {
  Cluster cluster{{.nodes = 1, .cpus = 2, .max_workers = 2}};
  const ClientId driver = cluster.connect();
  const uint32_t call = cluster.define(driver, call_of("f", 1, 1));
  cluster.submit(driver, call);
  cluster.submit(driver, call);
  cluster.run_all();
  REQUIRE(cluster.workers().size() == 2);
  const TaskId other = cluster.submit(driver, cluster.define(driver, call_of("g", 1, 2)));
  CHECK(cluster.workers().size() == 2);
  FakeWorker* worker = cluster.claim(other);
  REQUIRE(worker != nullptr);
  cluster.done(*worker);
  CHECK(cluster.snapshot().tasks.empty());
}

TEST_CASE("starts that fail are tried again, then the work of that image fails and says why") {
  Cluster cluster{{.nodes = 1, .cpus = 1, .starts = Cluster::Starts::kByHand}};
  const ClientId driver = cluster.connect();
  const TaskId task = cluster.submit(driver, cluster.define(driver, call_of("f")));
  cluster.want(driver, task.object(1));
  for (int attempt = 1; attempt <= 3; ++attempt) {
    REQUIRE(cluster.workers().size() == 1);
    CHECK(cluster.answer(driver, task.object(1)) == nullptr);
    cluster.start_failed(*cluster.workers()[0], "libfoo.so is missing");
    if (attempt < 3) CHECK(cluster.workers().empty());  // not at once
    cluster.advance(Duration::seconds(1));
  }
  REQUIRE(cluster.error(driver, task.object(1)) == ErrorCode::kRuntimeEnv);
  const ErrorInfo& error = *cluster.answer(driver, task.object(1))->error;
  CHECK(error.function == "f");
  CHECK(error.task == task);
  CHECK(error.message.find("3 times in a row; the last time: libfoo.so is missing") !=
        std::string::npos);
  CHECK(cluster.snapshot().view.used.is_zero());
  // The next task of the image is tried anew.
  cluster.submit(driver, 0);
  CHECK(cluster.workers().size() == 1);
}

TEST_CASE("workers that die before they finish anything count as starts that failed") {
  Cluster cluster{{.nodes = 1, .cpus = 1}};
  const ClientId driver = cluster.connect();
  const TaskId task = cluster.submit(driver, cluster.define(driver, call_of("f")));
  cluster.want(driver, task.object(1));
  for (int attempt = 1; attempt <= 3; ++attempt) {
    REQUIRE(cluster.workers().size() == 1);
    cluster.die(*cluster.workers()[0], "exit status 127");
    cluster.advance(Duration::seconds(1));
  }
  CHECK(cluster.error(driver, task.object(1)) == ErrorCode::kRuntimeEnv);
  CHECK(cluster.answer(driver, task.object(1))->error->message.find("exit status 127") !=
        std::string::npos);
}

TEST_CASE("a worker that blocks lends its CPU, resumes at once, and nothing more is granted then") {
  Cluster cluster{{.nodes = 1, .cpus = 1}};
  cluster.allows_overcommit = true;
  const ClientId driver = cluster.connect();
  const uint32_t call = cluster.define(driver, call_of("f"));
  const TaskId first = cluster.submit(driver, call);
  FakeWorker* lender = cluster.claim(first);
  cluster.say(lender->id, Blocked{});
  cluster.say(lender->id, Blocked{});  // once more: nothing
  CHECK(cluster.snapshot().view.lent.cpu == kUnit);
  CHECK(count_in(cluster, WorkerPhase::kBlocked) == 1);
  const TaskId second = cluster.submit(driver, call);
  FakeWorker* borrower = cluster.claim(second);
  REQUIRE(borrower != nullptr);
  cluster.say(lender->id, Unblocked{});
  cluster.say(lender->id, Unblocked{});
  NodeView view = cluster.snapshot().view;
  CHECK(view.used.cpu == 2 * kUnit);
  CHECK(view.lent.cpu == 0);
  cluster.submit(driver, cluster.define(driver, call_of("g", 1, 2)));
  CHECK(cluster.workers().size() == 2);  // nothing was started for it
  cluster.done(*borrower);
  CHECK(cluster.snapshot().view.used.cpu == kUnit);
  cluster.done(*lender);
  cluster.run_all();
  CHECK(cluster.snapshot().tasks.empty());
}

TEST_CASE("a worker that dies while it lends takes the loan with it") {
  Cluster cluster{{.nodes = 1, .cpus = 1}};
  cluster.allows_overcommit = true;
  const ClientId driver = cluster.connect();
  CallTemplate call = call_of("f");
  call.max_retries = 0;
  const uint32_t id = cluster.define(driver, call);
  const TaskId first = cluster.submit(driver, id);
  FakeWorker* lender = cluster.claim(first);
  cluster.say(lender->id, Blocked{});
  const TaskId second = cluster.submit(driver, id);
  FakeWorker* borrower = cluster.claim(second);
  cluster.die(*lender);
  CHECK(cluster.snapshot().view.used.cpu == kUnit);
  CHECK(cluster.snapshot().view.lent.cpu == 0);
  cluster.done(*borrower);
  CHECK(cluster.snapshot().view.used.is_zero());
}

TEST_CASE("GPUs and memory are not lent") {
  Cluster cluster{{.nodes = 1, .cpus = 2, .gpus_of_last = 1}};
  const ClientId driver = cluster.connect();
  CallTemplate call = call_of("f");
  call.demand.gpu = kUnit;
  const uint32_t id = cluster.define(driver, call);
  FakeWorker* holder = cluster.claim(cluster.submit(driver, id));
  cluster.say(holder->id, Blocked{});
  const TaskId second = cluster.submit(driver, id);
  CHECK(cluster.claim(second) == nullptr);
  CHECK(cluster.task(second)->pending_reason == "waits for GPU 1 (0 of 1 free)");
}

TEST_CASE("late and repeated words about workers are ignored") {
  Cluster cluster{{.nodes = 1, .cpus = 1}};
  const ClientId driver = cluster.connect();
  const TaskId task = cluster.submit(driver, cluster.define(driver, call_of("f")));
  FakeWorker* worker = cluster.claim(task);
  const ClientId id = worker->id;
  cluster.tell(1, WorkerStarted{id, 7});
  cluster.tell(1, WorkerStartFailed{id, "late"});
  cluster.tell(1, SlotRevoked{id, task, 1, SlotRevoked::Outcome::kWon});
  cluster.tell(1, WorkerStarted{ClientId{1, 99}, 7});
  cluster.tell(1, WorkerDied{ClientId{1, 99}, "who?", {}});
  cluster.done(*worker);
  CHECK(cluster.snapshot().tasks.empty());
  cluster.die(*worker);
  cluster.tell(1, WorkerDied{id, "again", {{task, 1}}});
  cluster.tell(1, SlotRevoked{id, task, 1, SlotRevoked::Outcome::kWon});
  CHECK(cluster.snapshot().workers.empty());
  CHECK(cluster.snapshot().view.used.is_zero());
}

namespace {

/// Asks node 1 to start an actor; its creation is a Run on a worker of its own.
TaskId start_actor(Cluster& cluster, uint32_t number, int64_t placement, int64_t running) {
  CallTemplate creation = call_of("Actor");
  creation.kind = CallTemplate::Kind::kActorCreation;
  creation.demand.cpu = running * kUnit;
  creation.actor.placement_demand.cpu = placement * kUnit;
  StartActor start;
  const TaskId task = TaskId::make(ClientId{9, 2}, number);
  start.actor = ActorId::of(task);
  start.incarnation = 1;
  start.creation = std::make_shared<const CallTemplate>(std::move(creation));
  start.job = JobId{1};
  cluster.tell(1, FromHead{start});
  return task;
}

}  // namespace

TEST_CASE("actors hold a CPU until they are constructed, and then what they asked for") {
  Cluster cluster{{.nodes = 1, .cpus = 1}};
  const TaskId first = start_actor(cluster, 1, 1, 0);
  const TaskId second = start_actor(cluster, 2, 1, 0);
  CHECK(cluster.claim(second) == nullptr);
  FakeWorker* actor = cluster.claim(first);
  REQUIRE(actor != nullptr);
  CHECK(cluster.snapshot().view.used.cpu == kUnit);
  cluster.done(*actor);
  FakeWorker* other = cluster.claim(second);
  REQUIRE(other != nullptr);
  CHECK(other != actor);
  cluster.done(*other);
  CHECK(cluster.snapshot().view.used.cpu == 0);
  const TaskId keeps = start_actor(cluster, 3, 1, 1);
  cluster.done(*cluster.claim(keeps));
  CHECK(cluster.snapshot().view.used.cpu == kUnit);
  CHECK(count_in(cluster, WorkerPhase::kActor) == 3);
}

TEST_CASE("an actor that keeps no CPU is placed on a lent one; one that keeps CPUs waits") {
  Cluster cluster{{.nodes = 1, .cpus = 1}};
  cluster.allows_overcommit = true;
  const ClientId driver = cluster.connect();
  const TaskId task = cluster.submit(driver, cluster.define(driver, call_of("creator")));
  FakeWorker* creator = cluster.claim(task);
  cluster.say(creator->id, Blocked{});  // waits for actors that it makes
  const TaskId keeps = start_actor(cluster, 1, 1, 1);
  CHECK(cluster.claim(keeps) == nullptr);
  const TaskId light = start_actor(cluster, 2, 1, 0);
  FakeWorker* actor = cluster.claim(light);
  REQUIRE(actor != nullptr);
  cluster.done(*actor);
  CHECK(cluster.snapshot().view.used.cpu == kUnit);
  cluster.say(creator->id, Unblocked{});
  cluster.done(*creator);
  CHECK(cluster.claim(keeps) != nullptr);
}

TEST_CASE("tasks that line up do not keep an older actor from its CPU") {
  Cluster cluster{{.nodes = 1, .cpus = 1}};
  const ClientId driver = cluster.connect();
  const uint32_t call = cluster.define(driver, call_of("f"));
  for (int i = 0; i < 10; ++i) cluster.submit(driver, call);
  const TaskId creation = start_actor(cluster, 1, 1, 0);
  for (int i = 0; i < 50; ++i) cluster.submit(driver, call);
  FakeWorker* worker = cluster.workers()[0];
  for (int i = 0; i < 10; ++i) {
    REQUIRE(cluster.claim(*worker) != nullptr);
    cluster.done(*worker);
  }
  CHECK(cluster.claim(creation) != nullptr);
}

TEST_CASE("an actor's request that is withdrawn holds nothing, its worker starting or not") {
  Cluster cluster{{.nodes = 1, .cpus = 1, .starts = Cluster::Starts::kByHand}};
  const TaskId first = start_actor(cluster, 1, 1, 0);
  const TaskId second = start_actor(cluster, 2, 1, 0);
  REQUIRE(cluster.workers().size() == 1);
  cluster.tell(1, FromHead{EndActor{ActorId::of(second), 1, nullptr}});
  cluster.tell(1, FromHead{EndActor{ActorId::of(first), 1, nullptr}});
  CHECK(cluster.workers().empty());
  CHECK(cluster.snapshot().workers.empty());
  CHECK(cluster.snapshot().view.used.is_zero());
}

TEST_CASE("an actor whose worker cannot be started is told after three times") {
  Cluster cluster{{.nodes = 1, .cpus = 1, .starts = Cluster::Starts::kByHand}};
  const TaskId creation = start_actor(cluster, 1, 1, 0);
  for (int attempt = 1; attempt <= 3; ++attempt) {
    REQUIRE(cluster.workers().size() == 1);
    cluster.start_failed(*cluster.workers()[0], "no such image");
    if (attempt < 3) cluster.advance(Duration::seconds(1));
  }
  CHECK(cluster.workers().empty());
  CHECK(cluster.snapshot().view.used.is_zero());
  CHECK(cluster.runner_of(creation) == nullptr);
  cluster.advance(Duration::seconds(1));
  CHECK(cluster.workers().empty());
}

TEST_CASE("idle actors at max_workers do not help the task that waits: it is told the limit") {
  Cluster cluster{{.nodes = 1, .cpus = 1, .max_workers = 2}};
  cluster.done(*cluster.claim(start_actor(cluster, 1, 1, 0)));
  const ClientId driver = cluster.connect();
  FakeWorker* worker = cluster.claim(cluster.submit(driver, cluster.define(driver, call_of("f"))));
  REQUIRE(worker != nullptr);
  const TaskId child = cluster.submit(worker->id, cluster.define(worker->id, call_of("child")));
  cluster.want(worker->id, child.object(1));
  CHECK(cluster.error(worker->id, child.object(1)) == ErrorCode::kOk);
  cluster.say(worker->id, Blocked{});
  CHECK(cluster.error(worker->id, child.object(1)) == ErrorCode::kWorkersLimit);
}
