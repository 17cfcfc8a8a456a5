#include "tests/unit/catch.h"
#include "tests/unit/daemon/node_harness.h"

using namespace rayd;
using namespace rayd::node;

namespace {

constexpr NodeId kPeer{2};
constexpr NodeId kThird{3};
const TaskId kTheirs = TaskId::make(ClientId{2, 2}, 7);  // a task of the peer's
const TaskId kThirds = TaskId::make(ClientId{3, 2}, 9);

ObjectId put(TestNode& node, ClientId client, uint64_t seq, Value value = inline_value("v")) {
  const ObjectId object = TaskId::make(client, seq).object(0);
  node.from(client, Put{object, std::move(value)});
  return object;
}

Release release(ObjectId object, uint32_t count = 1) { return Release{{{object, count}}}; }
Want get(ObjectId object) { return Want{{object}, Want::Fetch::kYes}; }

}  // namespace

TEST_CASE("a put is read by whoever holds it, and freed with the last reference") {
  TestNode node;
  const ClientId client = node.connect();
  const ObjectId object = put(node, client, 1, inline_value("hello"));
  node.from(client, get(object));
  const Ready ready = node.take_one<Ready>();
  CHECK(ready.object == object);
  CHECK(ready.value.bytes.text() == "hello");
  node.from(client, release(object));
  CHECK(node.find(object) == nullptr);
  CHECK(node.out.empty());
}

TEST_CASE("a value keeps what it contains alive, and opening it grants what is inside") {
  TestNode node;
  const ClientId client = node.connect();
  const ObjectId inner = put(node, client, 1, inline_value("inside"));
  const ObjectId outer = put(node, client, 2, inline_value("outside", {inner}));
  node.from(client, release(inner));
  REQUIRE(node.find(inner) != nullptr);
  node.from(client, get(outer));
  CHECK(node.take_one<Ready>().value.contains == std::vector<ObjectId>{inner});
  node.from(client, release(outer));
  CHECK(node.find(outer) == nullptr);
  node.from(client, get(inner));  // the grant of the answer
  CHECK(node.take_one<Ready>().value.bytes.text() == "inside");
  node.from(client, release(inner));
  CHECK(node.find(inner) == nullptr);
}

TEST_CASE("a wait hears that an object is ready without its value; a get hears it again") {
  TestNode node;
  const ClientId client = node.connect();
  const ObjectId object = put(node, client, 1);
  node.from(client, Want{{object}, Want::Fetch::kNo});
  CHECK(node.take_one<Ready>().value.kind == Value::Kind::kNone);
  node.from(client, get(object));
  CHECK(node.take_one<Ready>().value.kind == Value::Kind::kInline);
}

TEST_CASE("a million nested references are freed without a deep stack") {
  TestNode node;
  const ClientId client = node.connect();
  ObjectId last = put(node, client, 1);
  for (uint64_t seq = 2; seq <= 200'000; ++seq) {
    const ObjectId next = put(node, client, seq, inline_value("", {last}));
    node.from(client, release(last));
    last = next;
  }
  node.from(client, release(last));
  CHECK(node.core.snapshot().objects.empty());
}

TEST_CASE("a client that releases more than it was granted is refused, and heard no more") {
  TestNode node;
  const ClientId client = node.connect();
  const ClientId other = node.connect();
  const ObjectId object = put(node, client, 1);
  node.from(other, release(object));
  CHECK(node.take<SessionError>().size() == 1);
  CHECK(node.find(object) != nullptr);
  node.from(client, release(object, 2));
  CHECK(node.take<SessionError>().size() == 1);
  node.from(client, release(object));
  CHECK(node.find(object) != nullptr);
  node.on(ClientGone{client});
  CHECK(node.find(object) == nullptr);
}

TEST_CASE("a client may name only what it holds") {
  TestNode node;
  const ClientId client = node.connect();
  const ClientId other = node.connect();
  const ObjectId object = put(node, client, 1);
  node.from(other, get(object));
  CHECK(node.take<SessionError>().size() == 1);
  const ClientId third = node.connect();
  put(node, third, 1, inline_value("", {object}));
  CHECK(node.take<SessionError>().size() == 1);
  const ClientId fourth = node.connect();
  put(node, fourth, 1);
  put(node, fourth, 1);  // twice the same number
  CHECK(node.take<SessionError>().size() == 1);
  CHECK(node.take<Ready>().empty());
}

TEST_CASE("what a dead client held is released, and its wants are forgotten") {
  TestNode node;
  const ClientId client = node.connect();
  const ObjectId mine = put(node, client, 1);
  node.from(client, Put{TaskId::make(client, 2).object(0), inline_value("", {mine})});
  node.on(ClientGone{client});
  CHECK(node.core.snapshot().objects.empty());
  CHECK(node.take<DriverGone>().size() == 1);
}

// ---- between nodes: node 1 is under test, 2 and 3 are played by the test ----------------------

namespace {

// A task that only the peer can run, and what it returned.
TaskId submit_far(TestNode& node, ClientId client, uint64_t seq) {
  NodeView view;
  view.node = kPeer;
  view.version = 1;
  view.total.cpu = view.total.gpu = 100 * kUnit;
  node.from_head(Views{{view}});
  CallTemplate call;
  call.demand.gpu = kUnit;
  node.from(client, DefineTemplate{0, call});
  const TaskId task = TaskId::make(client, seq);
  node.from(client, Submit{task, 0, {}});
  return task;
}

// The client holds the foreign object afterwards: it was inside a task's result.
void give_to_client(TestNode& node, ClientId client, ObjectId object, uint64_t seq = 1000) {
  const TaskId task = submit_far(node, client, seq);
  const uint64_t token = object.node() == kPeer ? 0 : 77;
  node.from(kPeer, AttemptDone{task, 1, {inline_value("", {object})}, nullptr, {token, {object}}});
  node.from(client, get(task.object(1)));
  node.from(client, release(task.object(1)));
  node.out.clear();
}

Value stored_at(std::vector<NodeId> nodes) {
  Value value;
  value.kind = Value::Kind::kStored;
  value.size = 1000;
  value.nodes = std::move(nodes);
  return value;
}

}  // namespace

TEST_CASE("an owner answers a Borrow, and frees only when the grants are released") {
  TestNode node;
  const ClientId client = node.connect();
  const ObjectId object = put(node, client, 1);
  node.from(kPeer, Borrow{5, {object}});
  const BorrowAck ack = node.take_one<BorrowAck>();
  CHECK(ack.token == 5);
  CHECK(ack.entries.at(0).lost == nullptr);
  node.from(kPeer, Borrow{6, {object}});
  node.from(client, release(object));
  REQUIRE(node.find(object) != nullptr);
  CHECK(node.find(object)->grants == std::vector<std::pair<NodeId, uint64_t>>{{kPeer, 2}});
  node.from(kPeer, PeerRelease{{{object, 1}}});  // it had seen one when it let go
  CHECK(node.find(object) != nullptr);
  node.from(kPeer, PeerRelease{{{object, 1}}});
  CHECK(node.find(object) == nullptr);
  node.take<BorrowAck>();
  node.from(kPeer, Borrow{7, {object}});
  CHECK(node.take_one<BorrowAck>().entries.at(0).lost->code == ErrorCode::kObjectLost);
}

TEST_CASE("a refused message's references are counted, then released") {
  TestNode node;
  const ObjectId theirs = kTheirs.object(0);
  // Nobody here asked: the value is of no use, its reference is.
  node.from(kPeer,
            FetchedValue{kTheirs.object(1), inline_value("", {theirs}), Transfer{0, {theirs}}});
  const PeerRelease released = node.take_one<PeerRelease>();
  CHECK(released.objects == std::vector<CountedObject>{{theirs, 1}});
  CHECK(node.find(theirs) == nullptr);
}

TEST_CASE("a reference of a third node is borrowed from its owner before the sender may let go") {
  TestNode node;
  const ObjectId inner = kThirds.object(0);
  node.from(kPeer,
            FetchedValue{kTheirs.object(1), inline_value("", {inner}), Transfer{4, {inner}}});
  const Borrow borrow = node.take_one<Borrow>();
  CHECK(borrow.objects == std::vector<ObjectId>{inner});
  CHECK(node.take<TransferDone>().empty());
  CHECK(node.take<PeerRelease>().empty());  // a Borrow is out: rule 3
  node.from(kThird, BorrowAck{borrow.token, {{inner, nullptr}}});
  CHECK(node.take_one<TransferDone>().token == 4);
  CHECK(node.take_one<PeerRelease>().objects == std::vector<CountedObject>{{inner, 1}});
  CHECK(node.core.snapshot().objects.empty());
}

TEST_CASE("a reference that comes home is held at once") {
  TestNode node;
  const ClientId client = node.connect();
  const ObjectId object = put(node, client, 1);
  node.from(kPeer,
            FetchedValue{kTheirs.object(1), inline_value("", {object}), Transfer{3, {object}}});
  CHECK(node.take_one<TransferDone>().token == 3);
  CHECK(node.take<Borrow>().empty());
  CHECK(node.find(object)->local == 1);
}

TEST_CASE("a foreign value is fetched once for all who ask, and released when the last lets go") {
  TestNode node;
  const ClientId client = node.connect();
  const ClientId other = node.connect();
  const ObjectId object = kTheirs.object(1);
  give_to_client(node, client, object);
  give_to_client(node, other, object);
  REQUIRE(node.find(object)->seen == 2);
  node.from(client, get(object));
  node.from(other, get(object));
  CHECK(node.take<Fetch>().size() == 1);
  node.from(kPeer, FetchedValue{object, inline_value("far"), {}});
  CHECK(node.take<Ready>().size() == 2);
  node.from(client, release(object));
  CHECK(node.take<PeerRelease>().empty());
  node.from(other, release(object));
  CHECK(node.take_one<PeerRelease>().objects == std::vector<CountedObject>{{object, 2}});
  CHECK(node.core.snapshot().objects.empty());
}

TEST_CASE("two askers share a pull, and the copy stays for the next one until the owner drops it") {
  TestNode node;
  const ClientId client = node.connect();
  const ObjectId object = kTheirs.object(1);
  give_to_client(node, client, object);
  node.from(client, get(object));
  node.from(kPeer, FetchedValue{object, stored_at({kPeer}), {}});
  node.from(client, get(object));
  const PullObject pull = node.take_one<PullObject>();
  CHECK(pull.from == kPeer);
  node.on(Pulled{object, pull.room});
  CHECK(node.take_one<Ready>().value.extent == pull.room);
  CHECK(node.take_one<CopyChanged>().have == CopyChanged::Have::kYes);
  node.from(client, release(object));
  node.take<PeerRelease>();
  CHECK(node.core.copy_here(object) == pull.room);

  give_to_client(node, client, object, 1001);
  node.from(client, get(object));
  node.from(kPeer, FetchedValue{object, stored_at({kPeer, kHere}), {}});
  CHECK(node.take<PullObject>().empty());
  CHECK(node.take_one<Ready>().value.extent == pull.room);
  node.from(kPeer, DropCopy{object});
  CHECK(node.core.copy_here(object));  // somebody may read it
  node.from(client, release(object));
  CHECK_FALSE(node.core.copy_here(object));
  CHECK(node.core.snapshot().store_used_bytes == 0);
}

TEST_CASE("a pull that fails goes on with the next copy, then asks the owner again") {
  TestNode node;
  const ClientId client = node.connect();
  const ObjectId object = kTheirs.object(1);
  give_to_client(node, client, object);
  node.from(client, get(object));
  node.from(kPeer, FetchedValue{object, stored_at({kPeer, kThird}), {}});
  node.take<Fetch>();
  const NodeId first = node.take_one<PullObject>().from;
  node.on(PullFailed{object, first, "no copy"});
  const NodeId second = node.take_one<PullObject>().from;
  CHECK(first != second);
  node.on(PullFailed{object, second, "no copy"});
  CHECK(node.take<Fetch>().empty());  // not at once: the news may be on its way
  node.pass(Duration::seconds(1));
  CHECK(node.take<Fetch>().size() == 1);
}

TEST_CASE("an own result that lies elsewhere is pulled when somebody reads it") {
  TestNode node;
  const ClientId client = node.connect();
  const TaskId task = submit_far(node, client, 1);
  node.from(client, get(task.object(1)));
  node.from(kPeer, AttemptDone{task, 1, {stored_at({kPeer})}, nullptr, {}});
  const PullObject pull = node.take_one<PullObject>();
  node.on(Pulled{pull.object, pull.room});
  CHECK(node.take_one<Ready>().value.extent == pull.room);
  CHECK(node.find(task.object(1))->nodes.size() == 2);
  node.from(client, release(task.object(1)));
  CHECK(node.take_one<DropCopy>().object == task.object(1));
  CHECK(node.core.snapshot().store_used_bytes == 0);
}

TEST_CASE("a transfer that fails is no loss: the owner tries again until the copy is gone") {
  TestNode node;
  const ClientId client = node.connect();
  const TaskId task = submit_far(node, client, 1);
  node.from(client, get(task.object(1)));
  node.from(kPeer, AttemptDone{task, 1, {stored_at({kPeer})}, nullptr, {}});
  node.take<Assign>();
  node.on(PullFailed{task.object(1), kPeer, "connection lost"});
  node.take<PullObject>();
  CHECK(node.take<Ready>().empty());
  node.pass(Duration::seconds(1));
  CHECK(node.take<PullObject>().size() == 1);
  node.from(kPeer, CopyChanged{task.object(1), CopyChanged::Have::kNo});
  node.on(PullFailed{task.object(1), kPeer, "no copy"});
  CHECK(node.take<Assign>().size() == 1);  // made again
}

TEST_CASE("with its last copy a result is lost and made again; one that turns up wins") {
  TestNode node;
  const ClientId client = node.connect();
  const TaskId task = submit_far(node, client, 1);
  node.take<Assign>();
  node.from(kPeer, AttemptDone{task, 1, {stored_at({kPeer})}, nullptr, {}});
  node.from(kPeer, CopyChanged{task.object(1), CopyChanged::Have::kNo});
  CHECK(node.take_one<Assign>().attempt == 2);
  // Node 3 had pulled it just before, and its word comes late.
  node.from(kThird, CopyChanged{task.object(1), CopyChanged::Have::kYes});
  CHECK(node.find(task.object(1))->nodes == std::vector<NodeId>{kThird});
  node.from(kPeer, AttemptDone{task, 2, {stored_at({kPeer})}, nullptr, {}});
  CHECK(node.find(task.object(1))->nodes == std::vector<NodeId>{kThird});
  CHECK(node.take<Discard>().size() + node.take<DropCopy>().size() == 1);
}

TEST_CASE("grants and pins of a dead node count until its death is settled") {
  TestNode node;
  const ClientId client = node.connect();
  const ObjectId mine = put(node, client, 1);
  node.from(kPeer, Borrow{1, {mine}});
  node.from(client, release(mine));
  node.from_head(NodeStateChanged{kPeer, NodeState::kDead, 5});
  CHECK(node.take_one<SettledReport>().m == 5);
  CHECK(node.find(mine) != nullptr);
  node.from(kPeer, PeerRelease{{{mine, 1}}});  // its session is closed
  CHECK(node.find(mine) != nullptr);
  node.from_head(Settled{5});
  CHECK(node.find(mine) == nullptr);
}

TEST_CASE("a node reports settled when its Borrows are answered, and one to the dead counts so") {
  TestNode node;
  const ClientId client = node.connect();
  const ObjectId thirds = kThirds.object(1);
  const TaskId task = submit_far(node, client, 1);
  node.from(kPeer, AttemptDone{task, 1, {inline_value("", {thirds})}, nullptr, {9, {thirds}}});
  const Borrow borrow = node.take_one<Borrow>();
  node.from_head(NodeStateChanged{kPeer, NodeState::kDead, 5});
  CHECK(node.take<SettledReport>().empty());
  SECTION("the owner answers") {
    node.from(kThird, BorrowAck{borrow.token, {{thirds, nullptr}}});
    CHECK(node.take_one<SettledReport>().m == 5);
  }
  SECTION("the owner dies too") {
    node.from_head(NodeStateChanged{kThird, NodeState::kDead, 6});
    CHECK(node.take_one<SettledReport>().m == 6);
  }
  CHECK(node.take<TransferDone>().empty());  // the sender is dead
}

TEST_CASE("a holder of a dead owner's object reads OwnerDied, unless the value is here") {
  TestNode node;
  const ClientId client = node.connect();
  const ObjectId known = kTheirs.object(1), unknown = kTheirs.object(2);
  give_to_client(node, client, known, 1000);
  give_to_client(node, client, unknown, 1001);
  node.from(client, get(known));
  node.from(kPeer, FetchedValue{known, inline_value("far"), {}});
  node.from(client, get(unknown));
  node.out.clear();
  node.from_head(NodeStateChanged{kPeer, NodeState::kDead, 5});
  CHECK(node.take_one<Ready>().value.error->code == ErrorCode::kOwnerDied);
  node.from(client, get(known));
  CHECK(node.take_one<Ready>().value.bytes.text() == "far");
  node.from(client, release(known));
  node.from(client, release(unknown));
  CHECK(node.core.snapshot().objects.empty());
  CHECK(node.take<PeerRelease>().empty());
}

TEST_CASE("a result that contains a dead owner's reference is made again") {
  TestNode node;
  const ClientId client = node.connect();
  const TaskId task = submit_far(node, client, 1);
  node.take<Assign>();
  const ObjectId thirds = kThirds.object(1);
  node.from(kPeer, AttemptDone{task, 1, {inline_value("", {thirds})}, nullptr, {9, {thirds}}});
  node.from_head(NodeStateChanged{kThird, NodeState::kDead, 5});
  CHECK(node.take_one<Assign>().attempt == 2);
  node.from(client, get(task.object(1)));
  CHECK(node.take<Ready>().empty());
  node.from(kPeer, AttemptDone{task, 2, {inline_value("again")}, nullptr, {}});
  CHECK(node.take_one<Ready>().value.bytes.text() == "again");
}

TEST_CASE("a pull waits for room, evicting copies that nobody uses first") {
  TestNode node;
  const ClientId client = node.connect();
  const ObjectId first = kTheirs.object(1), second = kTheirs.object(2);
  Value large = stored_at({kPeer});
  large.size = 600'000;  // of 1 MiB
  for (const ObjectId object : {first, second})
    give_to_client(node, client, object, 1000 + object.index());
  node.from(client, get(first));
  node.from(kPeer, FetchedValue{first, large, {}});
  node.on(Pulled{first, node.take_one<PullObject>().room});
  node.from(client, get(second));
  node.from(kPeer, FetchedValue{second, large, {}});
  CHECK(node.take<PullObject>().empty());  // the first is in use
  node.out.clear();
  node.from(client, release(first));
  CHECK(node.take_one<PullObject>().object == second);
  CHECK(node.take_one<CopyChanged>().have == CopyChanged::Have::kNo);
}
