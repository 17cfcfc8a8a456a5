// Placement groups from the client's request to what runs in the bundles, over several nodes and a
// real head.
#include <algorithm>

#include "tests/unit/catch.h"
#include "tests/unit/daemon/actor_fixture.h"
#include "tests/unit/daemon/node_harness.h"

using namespace rayd;
using namespace rayd::node;
using namespace rayd::node::test;

namespace {

struct GroupCluster : ActorCluster {
  explicit GroupCluster(Config config) : ActorCluster(config), client(connect(1)) {}

  static ResourceSet cpus(int64_t count) {
    ResourceSet set;
    set.cpu = count * kUnit;
    return set;
  }
  GroupReply ask(GroupRequest::What what, GroupInfo group) {
    say(client, GroupRequest{++request, what, std::move(group)});
    for (const GroupReply& reply : group_replies[client])
      if (reply.request == request) return reply;
    GroupReply none;
    none.error = make_error(ErrorCode::kTimeout, "no answer");
    return none;
  }
  GroupId make(GroupStrategy strategy, std::vector<int64_t> bundles, const std::string& name = "") {
    GroupInfo group;
    group.group = GroupId::of(TaskId::make(client, ++next_seq_[client]));
    group.name = name;
    group.strategy = strategy;
    for (const int64_t count : bundles) group.bundles.push_back({cpus(count), {}, 0});
    const GroupReply reply = ask(GroupRequest::What::kCreate, group);
    last_error = reply.error == nullptr ? "" : reply.error->message;
    return group.group;
  }
  GroupInfo get(GroupId id) {
    GroupInfo asked;
    asked.group = id;
    const GroupReply reply = ask(GroupRequest::What::kGetById, asked);
    return reply.groups.empty() ? GroupInfo{} : reply.groups.front();
  }
  void remove(GroupId id) {
    GroupInfo asked;
    asked.group = id;
    CHECK(ask(GroupRequest::What::kRemove, asked).error == nullptr);
  }
  /// The nodes of its bundles, "1 2 0".
  std::string places(GroupId id) {
    std::string text;
    for (const Bundle& bundle : get(id).bundles)
      text += (text.empty() ? "" : " ") + std::to_string(bundle.node.value);
    return text;
  }
  TaskId run_in(GroupId group, int32_t bundle, int64_t cpus = 1, int32_t retries = 3) {
    CallTemplate call = call_of("f", cpus);
    call.placement.strategy = Placement::Strategy::kBundle;
    call.placement.group = group;
    call.placement.bundle = bundle;
    call.max_retries = retries;
    return submit(client, define(client, call));
  }
  bool is_at_rest(uint32_t node) {
    const Snapshot now = snapshot(node);
    return now.view.used.is_zero() && now.view.total == cpus(2) && now.bundles.empty();
  }

  ClientId client;
  uint64_t request = 100;
  std::string last_error;
};

}  // namespace

TEST_CASE("a group of bundles is reserved on its nodes, and tasks run where their bundle is") {
  GroupCluster cluster{{.nodes = 3, .cpus = 2}};
  const GroupId group = cluster.make(GroupStrategy::kStrictSpread, {1, 1, 2});
  REQUIRE(cluster.get(group).state == GroupState::kCreated);
  const std::vector<Bundle> bundles = cluster.get(group).bundles;
  for (int32_t index : {2, 1, 0}) {
    FakeWorker* worker = cluster.claim(cluster.run_in(group, index));
    REQUIRE(worker != nullptr);
    CHECK(worker->id.owner() == bundles[static_cast<size_t>(index)].node);
  }
  // The bundle of one CPU is in use: the next one waits, though its node has another CPU.
  const TaskId waits = cluster.run_in(group, 0);
  CHECK(cluster.claim(waits) == nullptr);
  REQUIRE(cluster.task(waits) != nullptr);
  CHECK(cluster.task(waits)->pending_reason.find("bundle:") == std::string::npos);
  // In any bundle there is room: the third one has a CPU left.
  FakeWorker* anywhere = cluster.claim(cluster.run_in(group, -1));
  REQUIRE(anywhere != nullptr);
  CHECK(anywhere->id.owner() == bundles[2].node);
}

TEST_CASE("what a group has reserved nobody else gets, until it is removed") {
  GroupCluster cluster{{.nodes = 1, .cpus = 2}};
  const GroupId group = cluster.make(GroupStrategy::kPack, {2});
  REQUIRE(cluster.get(group).state == GroupState::kCreated);
  const TaskId other = cluster.submit(cluster.client, cluster.define(cluster.client, call_of("g")));
  CHECK(cluster.claim(other) == nullptr);
  FakeWorker* inside = cluster.claim(cluster.run_in(group, 0, 1, 0));
  REQUIRE(inside != nullptr);
  const ClientId worker = inside->id;
  cluster.remove(group);
  cluster.remove(group);  // twice is once
  CHECK(cluster.get(group).state == GroupState::kRemoved);
  // What ran in it is killed, and then the CPUs are the node's again.
  if (cluster.has_worker(worker)) cluster.die(cluster.worker(worker));
  FakeWorker* outside = cluster.claim(other);
  REQUIRE(outside != nullptr);
  cluster.Cluster::done(*outside);
  CHECK(cluster.is_at_rest(1));
}

TEST_CASE("a task of a removed group says that it is gone") {
  GroupCluster cluster{{.nodes = 1, .cpus = 2}};
  const GroupId group = cluster.make(GroupStrategy::kPack, {1});
  cluster.remove(group);
  const TaskId late = cluster.run_in(group, 0);
  cluster.want(cluster.client, late.object(1));
  const Value* value = cluster.answer(cluster.client, late.object(1));
  REQUIRE(value != nullptr);
  REQUIRE(value->kind == Value::Kind::kError);
  CHECK(value->error->message.find("which is gone: it was removed") != std::string::npos);
}

TEST_CASE(
    "all bundles or none: a group without room waits, says why, and comes when there is some") {
  GroupCluster cluster{{.nodes = 2, .cpus = 2}};
  const GroupId first = cluster.make(GroupStrategy::kPack, {2, 1});
  REQUIRE(cluster.get(first).state == GroupState::kCreated);
  const GroupId second = cluster.make(GroupStrategy::kSpread, {1, 1});
  CHECK(cluster.get(second).state == GroupState::kPending);
  CHECK(cluster.get(second).why == "waits until there is room for all of its bundles");
  CHECK(cluster.places(second) == "0 0");
  const TaskId inside = cluster.run_in(second, 1);
  CHECK(cluster.claim(inside) == nullptr);
  REQUIRE(cluster.task(inside) != nullptr);
  CHECK(cluster.task(inside)->pending_reason.starts_with("waits for group-"));
  cluster.remove(first);
  cluster.rest();
  CHECK(cluster.get(second).state == GroupState::kCreated);
  CHECK(cluster.claim(inside) != nullptr);
}

TEST_CASE("a group that can never be says what it needs") {
  GroupCluster cluster{{.nodes = 2, .cpus = 2}};
  const auto why = [&](GroupStrategy strategy, std::vector<int64_t> bundles) {
    return cluster.get(cluster.make(strategy, std::move(bundles))).why;
  };
  CHECK(why(GroupStrategy::kStrictSpread, {1, 1, 1}).starts_with("needs 3 nodes"));
  CHECK(why(GroupStrategy::kStrictPack, {2, 1}).starts_with("needs CPU 3 on one node"));
  CHECK(
      why(GroupStrategy::kPack, {3}).starts_with("bundle 0 needs CPU 3; no node has more than 2"));
  CHECK(why(GroupStrategy::kPack, {2, 2, 1}).starts_with("needs CPU 5 in 3 bundles"));
}

TEST_CASE("a name is one group's, and free again when that is removed") {
  GroupCluster cluster{{.nodes = 1, .cpus = 2}};
  const GroupId group = cluster.make(GroupStrategy::kPack, {1}, "mine");
  CHECK(cluster.last_error.empty());
  cluster.make(GroupStrategy::kPack, {1}, "mine");
  CHECK(cluster.last_error.starts_with("there is a placement group named mine"));
  GroupInfo named;
  named.name = "mine";
  CHECK(cluster.ask(GroupRequest::What::kGetByName, named).groups.at(0).group == group);
  cluster.remove(group);
  CHECK(cluster.ask(GroupRequest::What::kGetByName, named).groups.empty());
  cluster.make(GroupStrategy::kPack, {1}, "mine");
  CHECK(cluster.last_error.empty());
}

TEST_CASE("who awaits a group is told when it is created, or that it is gone") {
  GroupCluster cluster{{.nodes = 1, .cpus = 2}};
  const GroupId first = cluster.make(GroupStrategy::kPack, {2});
  const GroupId second = cluster.make(GroupStrategy::kPack, {2});
  GroupInfo asked;
  asked.group = second;
  CHECK(cluster.ask(GroupRequest::What::kAwait, asked).error->code == ErrorCode::kTimeout);
  const uint64_t waiting = cluster.request;
  cluster.remove(first);
  cluster.rest();
  const auto& replies = cluster.group_replies[cluster.client];
  const auto told = std::find_if(replies.begin(), replies.end(),
                                 [&](const GroupReply& reply) { return reply.request == waiting; });
  REQUIRE(told != replies.end());
  CHECK(told->groups.at(0).state == GroupState::kCreated);
  asked.group = first;
  CHECK(cluster.ask(GroupRequest::What::kAwait, asked).groups.at(0).state == GroupState::kRemoved);
}

TEST_CASE("when a node dies its bundles are reserved elsewhere, and tasks follow") {
  GroupCluster cluster{{.nodes = 4, .cpus = 2}};
  const GroupId group = cluster.make(GroupStrategy::kStrictSpread, {2, 2});
  const std::vector<Bundle> before = cluster.get(group).bundles;
  const int32_t lost = before[0].node == NodeId{1} ? 1 : 0;
  const int32_t kept = 1 - lost;
  const NodeId dead = before[static_cast<size_t>(lost)].node;
  cluster.lose_node(dead.value);
  cluster.rest();
  const GroupInfo after = cluster.get(group);
  CHECK(after.state == GroupState::kCreated);
  CHECK(after.bundles[static_cast<size_t>(kept)] == before[static_cast<size_t>(kept)]);
  CHECK(after.bundles[static_cast<size_t>(lost)].node != dead);
  CHECK(after.bundles[static_cast<size_t>(lost)].node !=
        after.bundles[static_cast<size_t>(kept)].node);
  FakeWorker* worker = cluster.claim(cluster.run_in(group, lost));
  REQUIRE(worker != nullptr);
  CHECK(worker->id.owner() == after.bundles[static_cast<size_t>(lost)].node);
}

TEST_CASE("a task in a bundle that waits lends its bundle's CPU to the next one in it") {
  GroupCluster cluster{{.nodes = 1, .cpus = 2}};
  const GroupId group = cluster.make(GroupStrategy::kPack, {1});
  FakeWorker* outer = cluster.claim(cluster.run_in(group, 0));
  REQUIRE(outer != nullptr);
  const ClientId lender = outer->id;
  const TaskId inner = cluster.run_in(group, 0);
  cluster.say(lender, Blocked{});
  FakeWorker* second = cluster.claim(inner);
  REQUIRE(second != nullptr);
  CHECK(second->id != lender);
  cluster.Cluster::done(*second);
  cluster.say(lender, Unblocked{});
  cluster.Cluster::done(cluster.worker(lender));
  cluster.remove(group);
  CHECK(cluster.is_at_rest(1));
}

TEST_CASE("the end of a job removes its groups") {
  GroupCluster cluster{{.nodes = 2, .cpus = 2}};
  const GroupId group = cluster.make(GroupStrategy::kSpread, {1, 1});
  REQUIRE(cluster.get(group).state == GroupState::kCreated);
  cluster.leave(cluster.client);
  cluster.rest();
  CHECK(cluster.is_at_rest(1));
  CHECK(cluster.is_at_rest(2));
}

TEST_CASE("nobody takes a bundle's resources by their names") {
  GroupCluster cluster{{.nodes = 1, .cpus = 2}};
  CallTemplate forged = call_of("f", 0);
  forged.demand.custom = {{"bundle:group-1.2.1:*:CPU", kUnit}};
  cluster.define(cluster.client, forged);
  CHECK(cluster.refusal(cluster.client).find("bundle's resources") != std::string::npos);
}

TEST_CASE("a node names every group that it has heard of to a head that starts anew") {
  TestNode node;
  node.from_head(Welcome{1, kHere, 0});
  GroupInfo info;
  info.group = GroupId::of(TaskId::make({1, 2}, 3));
  info.state = GroupState::kCreated;
  node.from_head(GroupChanged{info, 5});
  node.out.clear();
  node.from_head(Welcome{2, kHere, 0});
  CHECK(node.take_one<Announce>().groups == std::vector{info.group});
  // What was said before may be heard late, and is the past.
  info.state = GroupState::kRemoved;
  node.from_head(GroupChanged{info, 4});
  node.out.clear();
  node.from_head(Welcome{3, kHere, 0});
  CHECK(node.take_one<Announce>().groups == std::vector{info.group});
}
