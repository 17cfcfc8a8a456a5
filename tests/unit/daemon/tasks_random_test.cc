// Random stories: whatever workers, drivers and nodes do, every task ends once for its caller, and
// at rest nothing is left.
#include "tests/unit/catch.h"
#include "tests/unit/daemon/node_fixture.h"

using namespace rayd;
using namespace rayd::node;
using namespace rayd::node::test;

namespace {

class Story {
 public:
  Story(uint64_t seed, uint32_t nodes)
      : random_(seed), nodes_(nodes), cluster_(config(seed, nodes)) {
    cluster_.allows_overcommit = true;
    for (uint32_t node = 1; node <= nodes; ++node) {
      for (int i = 0; i < 2; ++i) {
        const ClientId driver = cluster_.connect(node);
        for (const int64_t cpus : {1, 2, 0}) {
          CallTemplate call = call_of("f", cpus, static_cast<uint8_t>(random_.below(2)));
          call.max_retries = static_cast<int32_t>(random_.below(3));
          cluster_.define(driver, call);
        }
        clients_.push_back(driver);
      }
    }
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) step();
    finish();
  }

 private:
  /// Workers that start slowly and sometimes not, and few of them, in some stories.
  static Cluster::Config config(uint64_t seed, uint32_t nodes) {
    Cluster::Config config;
    config.nodes = nodes;
    config.starts = seed % 2 == 0 ? Cluster::Starts::kByHand : Cluster::Starts::kAtOnce;
    config.max_workers = seed % 3 == 0 ? 5 : 0;
    return config;
  }

  void step() {
    if (random_.chance(1, 10)) start_one();
    switch (random_.below(20)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4: submit(); break;
      case 5:
      case 6:
      case 7:
      case 8: claim(); break;
      case 9:
      case 10:
      case 11:
      case 12: end(); break;
      case 13: block(); break;
      case 14: cancel(); break;
      case 15: release(); break;
      case 16: cluster_.advance(Duration::micros(static_cast<int64_t>(random_.below(2000)))); break;
      case 17: random_.chance(1, 2) ? cluster_.hold_revokes() : cluster_.release_revokes(); break;
      case 18:
        if (nodes_ > 1) cluster_.share_views();
        break;
      default:
        if (random_.chance(1, 4)) kill();
    }
  }

  void start_one() {
    for (uint32_t node = 1; node <= nodes_; ++node) {
      for (FakeWorker* worker : cluster_.workers(node)) {
        if (worker->is_started) continue;
        if (random_.chance(1, 8)) return cluster_.start_failed(*worker, "no");
        return cluster_.started(*worker);
      }
    }
  }

  FakeWorker* any_worker() {
    const auto workers = cluster_.workers(1 + static_cast<uint32_t>(random_.below(nodes_)));
    return workers.empty() ? nullptr : workers[random_.below(workers.size())];
  }

  void submit() {
    ClientId client = clients_[random_.below(clients_.size())];
    FakeWorker* parent = random_.chance(1, 3) ? any_worker() : nullptr;
    if (parent != nullptr && !parent->running.empty()) {
      client = parent->id;
      if (!defined_.contains(client)) {
        cluster_.define(client, call_of("child"));
        defined_.insert(client);
      }
    }
    std::vector<Arg> args;
    auto& held = held_[client];
    if (!held.empty() && random_.chance(1, 2)) {
      const ObjectId object = held[random_.below(held.size())];
      args.push_back(random_.chance(1, 2) ? by_reference(object) : by_value("x", {object}));
    }
    const bool is_worker = client.serial % 2 == 1;
    const auto call = static_cast<uint32_t>(is_worker ? 0 : random_.below(3));
    const TaskId task = cluster_.submit(client, call, std::move(args));
    held.push_back(task.object(1));
    if (!is_worker) {
      tasks_.push_back(task);
      if (random_.chance(1, 2)) cluster_.want(client, task.object(1));
    }
  }

  void claim() {
    FakeWorker* worker = any_worker();
    if (worker == nullptr || !worker->running.empty() || blocked_.contains(worker->id)) return;
    if (const Run* run = cluster_.claim(*worker)) {
      const auto ran = std::pair{run->task, run->attempt};
      CHECK(ran_.insert(ran).second);  // no attempt runs twice
    }
  }

  void end() {
    FakeWorker* worker = any_worker();
    if (worker == nullptr || worker->running.empty()) return;
    const ClientId id = worker->id;
    unblock(*worker);
    give_back(id);
    if (!cluster_.has_worker(id)) return;
    switch (random_.below(4)) {
      case 0: cluster_.threw(*worker); break;
      case 1: cluster_.done_stored(*worker, 4096); break;
      default: cluster_.done(*worker, "value");
    }
  }

  void block() {
    FakeWorker* worker = any_worker();
    if (worker == nullptr || worker->running.empty()) return;
    if (blocked_.contains(worker->id)) return unblock(*worker);
    blocked_.insert(worker->id);
    cluster_.say(worker->id, Blocked{});
  }

  void unblock(FakeWorker& worker) {
    if (blocked_.erase(worker.id) > 0) cluster_.say(worker.id, Unblocked{});
  }

  void cancel() {
    if (tasks_.empty()) return;
    const TaskId task = tasks_[random_.below(tasks_.size())];
    const auto force = random_.chance(1, 3) ? Cancel::Force::kYes : Cancel::Force::kNo;
    const auto recursive = random_.chance(1, 2) ? Cancel::Recursive::kYes : Cancel::Recursive::kNo;
    cluster_.say(task.client(), Cancel{task, force, recursive});
  }

  void release() {
    const ClientId client = clients_[random_.below(clients_.size())];
    auto& held = held_[client];
    if (held.empty()) return;
    const size_t at = random_.below(held.size());
    const ObjectId object = held[at];
    held.erase(held.begin() + static_cast<ptrdiff_t>(at));
    cluster_.release(client, object);
  }

  void kill() {
    if (FakeWorker* worker = any_worker()) cluster_.die(*worker);
  }

  /// What a worker's task made is let go of by its end.
  void give_back(ClientId id) {
    for (const ObjectId object : held_[id]) cluster_.release(id, object);
    held_[id].clear();
  }

  void finish() {
    cluster_.release_revokes();
    for (int idle = 0; idle < 30; ++idle) {
      for (uint32_t node = 1; node <= nodes_; ++node) {
        std::vector<ClientId> ids;
        for (const FakeWorker* worker : cluster_.workers(node)) ids.push_back(worker->id);
        for (const ClientId id : ids) {
          if (!cluster_.has_worker(id)) continue;
          FakeWorker& worker = cluster_.worker(id);
          if (!worker.is_started) cluster_.started(worker);
          if (!cluster_.has_worker(id)) continue;  // it was started to end
          unblock(worker);
          if (!cluster_.has_worker(id)) continue;
          if (worker.running.empty() && cluster_.claim(worker) == nullptr) continue;
          give_back(id);
          cluster_.done(worker, "value");
          idle = 0;
        }
      }
      cluster_.advance(Duration::millis(100));
      if (nodes_ > 1) cluster_.share_views();
    }
    for (const ClientId client : clients_) {
      std::set<ObjectId> held(held_[client].begin(), held_[client].end());
      for (const ObjectId object : held) {
        cluster_.want(client, object);
        CHECK(cluster_.answer(client, object) != nullptr);
      }
    }
    for (const ClientId client : clients_) cluster_.leave(client);
    for (uint32_t node = 1; node <= nodes_; ++node) {
      std::vector<ClientId> ids;
      for (const FakeWorker* worker : cluster_.workers(node)) ids.push_back(worker->id);
      for (const ClientId id : ids) cluster_.die(cluster_.worker(id));
    }
    for (uint32_t node = 1; node <= nodes_; ++node) {
      const Snapshot snapshot = cluster_.snapshot(node);
      CHECK(snapshot.tasks.empty());
      CHECK(snapshot.attempts.empty());
      CHECK(snapshot.workers.empty());
      CHECK(snapshot.objects.empty());
      CHECK(snapshot.copies.empty());
      CHECK(snapshot.view.used.is_zero());
      CHECK(snapshot.view.lent.is_zero());
      CHECK(snapshot.store_used_bytes == 0);
      CHECK(snapshot.view.queued == 0);
    }
  }

  Random random_;
  uint32_t nodes_;
  Cluster cluster_;
  std::vector<ClientId> clients_;
  std::vector<TaskId> tasks_;
  std::map<ClientId, std::vector<ObjectId>> held_;
  std::set<ClientId> defined_;
  std::set<ClientId> blocked_;
  std::set<std::pair<TaskId, uint32_t>> ran_;
};

}  // namespace

TEST_CASE("random stories on one node end clean") {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    INFO("seed " << seed);
    Story{seed, 1}.run(400);
  }
}

TEST_CASE("random stories on three nodes end clean") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    Story{seed, 3}.run(400);
  }
}
