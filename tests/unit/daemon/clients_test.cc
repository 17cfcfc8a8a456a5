#include "tests/unit/catch.h"
#include "tests/unit/daemon/node_harness.h"

using namespace rayd;
using namespace rayd::node;

TEST_CASE("a driver gets its job from the head, and what it says before waits in order") {
  TestNode node;
  const ClientId client{1, 2};
  node.on(ClientConnected{client, "me", "", {}});
  const DriverConnected asked = node.take_one<DriverConnected>();
  CHECK(asked.client == client);
  const ObjectId object = TaskId::make(client, 1).object(0);
  node.from(client, Put{object, inline_value("early")});
  node.from(client, Want{{object}, Want::Fetch::kYes});
  CHECK(node.out.empty());
  node.from_head(OperationReply{asked.operation, nullptr, {}, JobId{9}});
  const ClientReady ready = node.take_one<ClientReady>();
  CHECK(ready.job == JobId{9});
  CHECK(ready.name_space == "job-9");  // it named none
  CHECK(node.take_one<Ready>().value.bytes.text() == "early");
  CHECK(node.core.snapshot().clients.at(0).job == JobId{9});
}

TEST_CASE("a driver that the head turns away hears why") {
  TestNode node;
  const ClientId client{1, 2};
  node.on(ClientConnected{client, "me", "space", {}});
  auto error = std::make_shared<ErrorInfo>();
  error->message = "no";
  node.from_head(OperationReply{node.take_one<DriverConnected>().operation, error, {}, {}});
  CHECK(node.take_one<SessionError>().message == "no");
}

TEST_CASE("a driver that is gone before the reply leaves nothing behind") {
  TestNode node;
  const ClientId client{1, 2};
  node.on(ClientConnected{client, "me", "", {}});
  const DriverConnected asked = node.take_one<DriverConnected>();
  node.from(client, Put{TaskId::make(client, 1).object(0), inline_value("early")});
  node.on(ClientGone{client});
  CHECK(node.take_one<DriverGone>().client == client);
  node.from_head(OperationReply{asked.operation, nullptr, {}, JobId{9}});
  node.from(client, Put{TaskId::make(client, 2).object(0), inline_value("late")});
  CHECK(node.out.empty());
  CHECK(node.core.snapshot().clients.empty());
  CHECK(node.core.snapshot().objects.empty());
}

TEST_CASE("after a head restart drivers ask again, and say which job they have") {
  TestNode node;
  const ClientId with = node.connect();
  const JobId job = node.core.snapshot().clients.front().job;
  const ClientId without{1, 40};
  node.on(ClientConnected{without, "me", "", {}});
  node.out.clear();
  node.from_head(Welcome{2, kHere, 0});
  CHECK(node.take<Announce>().size() == 1);
  const auto asked = node.take<DriverConnected>();
  REQUIRE(asked.size() == 2);
  CHECK(asked[0].client == with);
  CHECK(asked[0].job == job);
  CHECK(asked[1].client == without);
  CHECK(asked[1].job == JobId{});
  node.from_head(Welcome{1, kHere, 0});  // of the past
  CHECK(node.take<Announce>().empty());
}

TEST_CASE("templates are dense, and the same one twice is the same") {
  TestNode node;
  const ClientId client = node.connect();
  CallTemplate call;
  call.function.name = "f";
  node.from(client, DefineTemplate{0, call});
  node.from(client, DefineTemplate{0, call});
  CHECK(node.out.empty());
  SECTION("a hole") { node.from(client, DefineTemplate{2, call}); }
  SECTION("another one under the same number") {
    call.function.name = "g";
    node.from(client, DefineTemplate{0, call});
  }
  SECTION("a negative demand") {
    call.demand.cpu = -1;
    node.from(client, DefineTemplate{1, call});
  }
  SECTION("a root, which only the head starts") {
    call.kind = CallTemplate::Kind::kJobRoot;
    node.from(client, DefineTemplate{1, call});
  }
  SECTION("unsorted resources") {
    call.demand.custom = {{"b", 1}, {"a", 1}};
    node.from(client, DefineTemplate{1, call});
  }
  SECTION("a submit of one that was never defined") {
    node.from(client, Submit{TaskId::make(client, 1), 7, {}});
  }
  CHECK(node.take<SessionError>().size() == 1);
}

// Found by the simulator: the deadline stayed, and the daemon ticked without end.
TEST_CASE("a view that a new head has heard already is not due any more") {
  TestNode node;
  node.from_head(Welcome{1, kHere, 0});
  const ClientId client = node.connect();
  node.from(client, DefineTemplate{0, CallTemplate{}});
  node.from(client, Submit{TaskId::make(client, 1), 0, {}});
  const ClientId worker = node.take_one<StartWorker>().worker;
  node.on(WorkerStarted{worker, 1});
  REQUIRE(node.core.next_deadline());
  node.from_head(Welcome{2, kHere, 0});
  node.pass(Duration::seconds(1));
  if (const auto due = node.core.next_deadline()) CHECK(*due > node.now);
}

TEST_CASE("a new head hears again who is gone, until it has ended that job") {
  TestNode node;
  node.from_head(Welcome{1, kHere, 0});
  const ClientId client{1, 2};
  node.on(ClientConnected{client, "me", "", {}});
  node.from_head(OperationReply{node.take_one<DriverConnected>().operation, nullptr, {}, JobId{9}});
  node.on(ClientGone{client});
  CHECK(node.take_one<DriverGone>().client == client);
  node.from_head(Welcome{2, kHere, 0});
  // Which job it was, too: of a new head it may be asked for again what was asked in it.
  CHECK(node.take_one<DriverConnected>().job == JobId{9});
  CHECK(node.take_one<DriverGone>().client == client);
  node.from_head(JobEnded{JobId{9}});
  node.from_head(Welcome{3, kHere, 0});
  CHECK(node.take<DriverGone>().empty());
}
