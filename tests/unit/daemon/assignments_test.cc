// The other side: who runs next, where, and how slots come back.
#include <set>

#include "tests/unit/catch.h"
#include "tests/unit/daemon/node_fixture.h"

using namespace rayd;
using namespace rayd::node;
using namespace rayd::node::test;

namespace {

/// Tasks that compute fib(n) by submitting fib(n−1) and fib(n−2) and waiting for both.
class Fib {
 public:
  explicit Fib(Cluster& cluster) : cluster_(cluster) {}

  /// Claims, answers and finishes until nothing moves.
  void run() {
    for (bool progress = true; progress;) {
      progress = false;
      std::vector<ClientId> ids;
      for (const FakeWorker* worker : cluster_.workers()) ids.push_back(worker->id);
      for (const ClientId id : ids) progress = step(id) || progress;
      size_t blocked = 0;
      for (const auto& [id, call] : waiting_) blocked += call.left.empty() ? 0 : 1;
      most_blocked = std::max(most_blocked, blocked);
    }
  }

  size_t most_blocked = 0;

 private:
  struct Call {
    std::vector<ObjectId> left;
    std::vector<ObjectId> children;
    int sum = 0;
  };

  bool step(ClientId id) {
    FakeWorker& worker = cluster_.worker(id);
    if (worker.running.empty()) {
      const Run* run = cluster_.claim(worker);
      if (run == nullptr) return false;
      begin(worker, std::stoi(std::string{run->args.at(0).bytes.text()}));
      return true;
    }
    Call& call = waiting_[id];
    const size_t before = call.left.size();
    std::erase_if(call.left, [&](ObjectId object) {
      const Value* value = cluster_.answer(id, object);
      if (value != nullptr) call.sum += std::stoi(std::string{value->bytes.text()});
      return value != nullptr;
    });
    if (!call.left.empty()) return call.left.size() != before;
    const Call ended = call;
    waiting_.erase(id);
    cluster_.say(id, Unblocked{});
    for (const ObjectId object : ended.children) cluster_.release(id, object);
    cluster_.done(cluster_.worker(id), std::to_string(ended.sum));
    return true;
  }

  void begin(FakeWorker& worker, int n) {
    const ClientId id = worker.id;
    if (n < 2) {
      cluster_.done(worker, std::to_string(n));
      return;
    }
    if (!templates_.contains(id)) templates_[id] = cluster_.define(id, call_of("fib"));
    for (const int m : {n - 1, n - 2}) {
      const TaskId child = cluster_.submit(id, templates_[id], {by_value(std::to_string(m))});
      waiting_[id].children.push_back(child.object(1));
      cluster_.want(id, child.object(1));
    }
    waiting_[id].left = waiting_[id].children;
    cluster_.say(id, Blocked{});
  }

  Cluster& cluster_;
  std::map<ClientId, Call> waiting_;
  std::map<ClientId, uint32_t> templates_;
};

size_t busy_workers(const Cluster& cluster) {
  size_t busy = 0;
  for (const WorkerSnapshot& worker : cluster.snapshot().workers)
    if (worker.phase == WorkerPhase::kBusy) ++busy;
  return busy;
}

}  // namespace

TEST_CASE("tasks that wait for their children lend their CPUs: fib(10) on two CPUs ends") {
  Cluster cluster{{.nodes = 1, .cpus = 2}};
  cluster.allows_overcommit = true;  // lenders resume at once
  const ClientId driver = cluster.connect();
  const TaskId task =
      cluster.submit(driver, cluster.define(driver, call_of("fib")), {by_value("10")});
  cluster.want(driver, task.object(1));
  Fib fib{cluster};
  fib.run();
  REQUIRE(cluster.answer(driver, task.object(1)) != nullptr);
  CHECK(cluster.answer(driver, task.object(1))->bytes.text() == "55");
  CHECK(cluster.snapshot().view.used.is_zero());
  CHECK(cluster.snapshot().view.lent.is_zero());
  // The deepest go first, so that far fewer wait at one time than the 88 that wait at some time.
  CHECK(fib.most_blocked <= 44);
}

TEST_CASE("every free CPU gets a task before anybody waits behind another") {
  Cluster cluster{{.nodes = 1, .cpus = 3}};
  const ClientId driver = cluster.connect();
  const uint32_t call = cluster.define(driver, call_of("f"));
  for (int i = 0; i < 3; ++i) cluster.submit(driver, call);
  for (const FakeWorker* worker : cluster.workers()) CHECK(worker->queued.size() == 1);
  for (int i = 0; i < 6; ++i) cluster.submit(driver, call);
  for (const FakeWorker* worker : cluster.workers()) CHECK(worker->queued.size() == 3);
  CHECK(cluster.snapshot().view.used.cpu == 3 * kUnit);  // those behind hold nothing
}

TEST_CASE("lines are short while durations are unknown, deep for short tasks, none for long ones") {
  Cluster cluster{{.nodes = 1, .cpus = 1}};
  const ClientId driver = cluster.connect();
  const uint32_t call = cluster.define(driver, call_of("f"));
  for (int i = 0; i < 200; ++i) cluster.submit(driver, call);
  FakeWorker* worker = cluster.workers()[0];
  CHECK(worker->queued.size() == 8);
  cluster.claim(*worker);
  cluster.done(*worker);  // took no time
  CHECK(worker->queued.size() == 64);
  for (int i = 0; i < 80; ++i) {
    cluster.claim(*worker);
    cluster.advance(Duration::millis(20));
    cluster.done(*worker);
  }
  CHECK(worker->queued.size() == 1);
}

TEST_CASE("no more than a fair share lines up behind one worker while others are starting") {
  Cluster cluster{{.nodes = 1, .cpus = 2, .starts = Cluster::Starts::kByHand}};
  const ClientId driver = cluster.connect();
  const uint32_t call = cluster.define(driver, call_of("f"));
  for (int i = 0; i < 6; ++i) cluster.submit(driver, call);
  REQUIRE(cluster.workers().size() == 2);
  CHECK(cluster.task(TaskId::make(driver, 6))->pending_reason ==
        "waits for a worker process to start");
  cluster.started(*cluster.workers()[0]);
  CHECK(cluster.workers()[0]->queued.size() == 3);
  cluster.started(*cluster.workers()[1]);
  CHECK(cluster.workers()[1]->queued.size() == 3);
}

TEST_CASE("tasks behind a long one are taken back after a millisecond when a CPU is free") {
  Cluster cluster{{.nodes = 1, .cpus = 2}};
  const ClientId driver = cluster.connect();
  const uint32_t call = cluster.define(driver, call_of("f"));
  std::vector<TaskId> tasks;
  for (int i = 0; i < 4; ++i) tasks.push_back(cluster.submit(driver, call));
  FakeWorker* slow = cluster.claim(tasks[0]);
  FakeWorker* quick = cluster.claim(tasks[1]);
  REQUIRE(slow->queued.size() == 1);
  cluster.done(*quick);
  cluster.claim(*quick);
  cluster.done(*quick);
  CHECK(slow->queued.size() == 1);  // it may end soon
  cluster.advance(Duration::millis(1));
  CHECK(slow->queued.empty());
  CHECK(quick->queued.size() == 1);
  cluster.run_all();
  CHECK(cluster.snapshot().tasks.empty());
}

TEST_CASE("what is taken back waits for the worker that starts, not behind the long task again") {
  Cluster cluster{{.nodes = 1, .cpus = 2, .starts = Cluster::Starts::kByHand}};
  const ClientId driver = cluster.connect();
  const uint32_t call = cluster.define(driver, call_of("f"));
  const TaskId first = cluster.submit(driver, call);
  cluster.started(*cluster.workers()[0]);
  cluster.claim(first);
  cluster.submit(driver, call);
  cluster.submit(driver, call);
  FakeWorker* slow = cluster.workers()[0];
  REQUIRE(slow->queued.size() == 1);  // its share
  REQUIRE(cluster.workers().size() == 2);
  cluster.advance(Duration::millis(1));
  CHECK(slow->queued.empty());
  cluster.started(*cluster.workers()[1]);
  CHECK(cluster.workers()[1]->queued.size() == 2);
}

TEST_CASE("nothing is taken back while no CPU is free") {
  Cluster cluster{{.nodes = 1, .cpus = 1}};
  const ClientId driver = cluster.connect();
  const uint32_t call = cluster.define(driver, call_of("f"));
  const TaskId first = cluster.submit(driver, call);
  cluster.submit(driver, call);
  FakeWorker* worker = cluster.claim(first);
  cluster.advance(Duration::seconds(5));
  CHECK(worker->queued.size() == 1);
}

TEST_CASE("what waits behind a task that blocks runs elsewhere, at its old place") {
  Cluster cluster{{.nodes = 1, .cpus = 1}};
  const ClientId driver = cluster.connect();
  const uint32_t call = cluster.define(driver, call_of("f"));
  std::vector<TaskId> tasks;
  for (int i = 0; i < 12; ++i) tasks.push_back(cluster.submit(driver, call));
  FakeWorker* blocked = cluster.claim(tasks[0]);
  CHECK(blocked->queued.size() == 7);
  cluster.say(blocked->id, Blocked{});
  CHECK(blocked->queued.empty());
  REQUIRE(cluster.workers().size() == 2);
  FakeWorker* other = cluster.workers()[1];
  for (int i = 1; i < 12; ++i) {
    const Run* run = cluster.claim(*other);
    REQUIRE(run != nullptr);
    CHECK(run->task == tasks[i]);
    CHECK(run->attempt == 1);
    cluster.done(*other);
  }
  CHECK(cluster.snapshot().view.lent.cpu == kUnit);
  cluster.say(blocked->id, Unblocked{});
  CHECK(cluster.snapshot().view.lent.cpu == 0);
}

TEST_CASE("a slot that was claimed before its revocation is not run twice") {
  Cluster cluster{{.nodes = 1, .cpus = 1}};
  const ClientId driver = cluster.connect();
  const uint32_t call = cluster.define(driver, call_of("f"));
  const TaskId first = cluster.submit(driver, call);
  const TaskId second = cluster.submit(driver, call);
  cluster.want(driver, second.object(1));
  FakeWorker* worker = cluster.claim(first);
  cluster.hold_revokes();
  // Blocked is read late: the worker has gone on, finished and claimed the next.
  const Run begun = worker->queued.front();
  cluster.claim(*worker);
  cluster.say(worker->id, Blocked{});
  cluster.say(worker->id, Unblocked{});
  cluster.done(*worker, "first");
  cluster.release_revokes();
  CHECK(begun.task == second);
  for (const FakeWorker* other : cluster.workers()) CHECK(other->queued.empty());
  cluster.done(*worker, "second");
  CHECK(cluster.answer(driver, second.object(1))->bytes.text() == "second");
}

TEST_CASE("a Done is heard before the revocations of the slots in front of it") {
  Cluster cluster{{.nodes = 1, .cpus = 1}};
  const ClientId driver = cluster.connect();
  const uint32_t call = cluster.define(driver, call_of("f"));
  std::vector<TaskId> tasks;
  for (int i = 0; i < 3; ++i) tasks.push_back(cluster.submit(driver, call));
  FakeWorker* worker = cluster.workers()[0];
  cluster.hold_revokes();
  cluster.say(driver, Cancel{tasks[0]});  // the first slot is won, which is not heard of yet
  REQUIRE(cluster.held_revokes() == 1);
  CHECK(cluster.claim(*worker)->task == tasks[1]);
  cluster.want(driver, tasks[1].object(1));
  cluster.done(*worker, "fine");
  CHECK(cluster.answer(driver, tasks[1].object(1))->bytes.text() == "fine");
  cluster.release_revokes();
  cluster.want(driver, tasks[0].object(1));
  CHECK(cluster.error(driver, tasks[0].object(1)) == ErrorCode::kCancelled);
  CHECK(cluster.claim(tasks[2]) != nullptr);
}

TEST_CASE("a cancel spares the children of the task before, whose Done is still in the ring") {
  Cluster cluster{{.nodes = 1, .cpus = 1}};
  const ClientId driver = cluster.connect();
  const uint32_t call = cluster.define(driver, call_of("f"));
  const TaskId first = cluster.submit(driver, call);
  const TaskId second = cluster.submit(driver, call);
  FakeWorker* worker = cluster.claim(first);
  const uint32_t call_of_worker = cluster.define(worker->id, call_of("g"));
  const TaskId child_of_first = cluster.submit(worker->id, call_of_worker);
  REQUIRE(cluster.claim(*worker)->task == second);  // `first` has ended, which is not heard of yet
  cluster.say(driver, Cancel{second});
  CHECK(worker->is_cancelled);
  CHECK(cluster.task(child_of_first) != nullptr);

  // Heard of now: what comes from here on is the second's.
  cluster.done(*worker, "first", {child_of_first.object(1)});
  CHECK(cluster.task(child_of_first) != nullptr);
  const TaskId child_of_second = cluster.submit(worker->id, call_of_worker);
  CHECK(cluster.task(child_of_second) == nullptr);
  cluster.want(worker->id, child_of_second.object(1));
  CHECK(cluster.error(worker->id, child_of_second.object(1)) == ErrorCode::kCancelled);
}

TEST_CASE("references of a Run that its worker never reads are taken back") {
  Cluster cluster{{.nodes = 1, .cpus = 1}};
  const ClientId driver = cluster.connect();
  const uint32_t call = cluster.define(driver, call_of("f"));
  const ObjectId inner = cluster.put(driver);
  const TaskId first = cluster.submit(driver, call);
  const TaskId second = cluster.submit(driver, call, {by_value("x", {inner})});
  FakeWorker* worker = cluster.claim(first);
  REQUIRE(worker->queued.size() == 1);
  cluster.say(driver, Cancel{second});
  cluster.release(driver, second.object(1));
  cluster.release(driver, inner);
  for (const ObjectSnapshot& object : cluster.snapshot().objects)
    CHECK(object.object == first.object(1));
}

TEST_CASE("a worker that sends what no honest one sends is killed, and its task retried") {
  Cluster cluster{{.nodes = 1, .cpus = 1}};
  const ClientId driver = cluster.connect();
  const TaskId task = cluster.submit(driver, cluster.define(driver, call_of("f")));
  FakeWorker* worker = cluster.claim(task);
  const ClientId hostile = worker->id;
  const Run run = worker->running.front();
  Done message{task, run.attempt, {}, nullptr, Done::ActorExits::kNo};
  Value value;
  SECTION("no result") {}
  SECTION("a result outside of its arenas") {
    value.kind = Value::Kind::kStored;
    value.size = 4096;
    value.extent = {1, 1 << 20, 4160};
    message.results.push_back(value);
  }
  SECTION("a result that is larger than its place") {
    value.kind = Value::Kind::kStored;
    value.extent = cluster.grant_arena(hostile, 4096);
    value.size = 1 << 20;
    message.results.push_back(value);
  }
  SECTION("an inline result that no ring carries") {
    value.kind = Value::Kind::kInline;
    value.bytes = Bytes::copy(std::string_view{std::string(70'000, 'x')});
    message.results.push_back(value);
  }
  SECTION("a reference that it does not hold") {
    value.kind = Value::Kind::kInline;
    value.contains.push_back(cluster.put(driver));
    message.results.push_back(value);
  }
  cluster.say(hostile, message);
  for (const FakeWorker* other : cluster.workers()) CHECK(other->id != hostile);
  FakeWorker* next = cluster.claim(task);
  REQUIRE(next != nullptr);
  CHECK(next->running.front().attempt == 2);
  cluster.done(*next);
  CHECK(cluster.snapshot().tasks.empty());
}

TEST_CASE("lines of one shape do not starve an older task of another") {
  Cluster cluster{{.nodes = 1, .cpus = 1}};
  const ClientId driver = cluster.connect();
  const uint32_t call = cluster.define(driver, call_of("many"));
  const uint32_t other = cluster.define(driver, call_of("one", 1, 2));  // another image
  for (int i = 0; i < 20; ++i) cluster.submit(driver, call);
  const TaskId lonely = cluster.submit(driver, other);
  for (int i = 0; i < 20; ++i) cluster.submit(driver, call);
  FakeWorker* worker = cluster.workers()[0];
  int before = 0;
  while (cluster.claim(lonely) == nullptr) {
    REQUIRE(cluster.claim(*worker) != nullptr);
    cluster.done(*worker);
    ++before;
    REQUIRE(before <= 40);
  }
  CHECK(before >= 20);
  CHECK(before <= 21);  // one may run while the other image's worker starts
}

TEST_CASE("at max_workers with all of them waiting the last wait fails, naming the limit") {
  Cluster cluster{{.nodes = 1, .cpus = 1, .max_workers = 3}};
  const ClientId driver = cluster.connect();
  const TaskId root = cluster.submit(driver, cluster.define(driver, call_of("nest")));
  cluster.want(driver, root.object(1));
  TaskId task = root;
  std::vector<ClientId> chain;
  std::vector<ObjectId> waits;
  for (int depth = 0; depth < 3; ++depth) {
    FakeWorker* worker = cluster.claim(task);
    REQUIRE(worker != nullptr);
    chain.push_back(worker->id);
    task = cluster.submit(worker->id, cluster.define(worker->id, call_of("nest")));
    waits.push_back(task.object(1));
    cluster.want(chain.back(), waits.back());
    cluster.say(chain.back(), Blocked{});
  }
  CHECK(cluster.error(chain[2], waits[2]) == ErrorCode::kWorkersLimit);
  CHECK(cluster.error(chain[1], waits[1]) == ErrorCode::kOk);
  const std::string text = cluster.answer(chain[2], waits[2])->error->message;
  CHECK(text.find("all 3 workers of node-1 wait") != std::string::npos);
  CHECK(text.find("max_workers") != std::string::npos);
  // It goes on without the value; the others end in turn.
  cluster.say(chain[2], Unblocked{});
  cluster.threw(cluster.worker(chain[2]));
  CHECK(cluster.error(chain[1], waits[1]) == ErrorCode::kTaskThrew);
}

TEST_CASE("a job's root holds nothing and nobody waits behind it") {
  Cluster cluster{{.nodes = 1, .cpus = 1}};
  CallTemplate root = call_of("workload", 0);
  root.kind = CallTemplate::Kind::kJobRoot;
  Assign assign;
  assign.task = TaskId::make(ClientId{0, 1}, 1);
  assign.attempt = 1;
  assign.call = std::make_shared<const CallTemplate>(root);
  assign.job = JobId{1};
  cluster.from_head(1, assign);
  assign.task = TaskId::make(ClientId{0, 2}, 1);
  assign.job = JobId{2};
  cluster.from_head(1, assign);
  CHECK(cluster.workers().size() == 2);
  CHECK(cluster.snapshot().view.used.is_zero());
  FakeWorker* worker = cluster.claim(TaskId::make(ClientId{0, 1}, 1));
  REQUIRE(worker != nullptr);
  const TaskId child = cluster.submit(worker->id, cluster.define(worker->id, call_of("f")));
  CHECK(cluster.task(child)->job == JobId{1});
  CHECK(busy_workers(cluster) == 3);
}
