// Membership: ordinals, leases, deaths, settling, views.
#include "tests/unit/catch.h"
#include "tests/unit/daemon/head_fixture.h"

namespace rayd::head {
namespace {

NodeState state_of(const HeadFixture& head, NodeId node) {
  for (const auto& shown : head.core.snapshot().nodes)
    if (shown.view.node == node) return shown.state;
  return NodeState::kDead;
}

TEST_CASE("a joining node hears its ordinal only when the journal has it") {
  HeadFixture head;
  head.begin();
  head.commits = HeadFixture::Commits::kByHand;
  head.on(NodeJoins{5, {}, BesideHead::kNo});
  CHECK(head.said<ToJoiner>().empty());
  head.commit();
  const auto welcomes = head.said<ToJoiner>();
  REQUIRE(welcomes.size() == 1);
  CHECK(welcomes[0].session == 5);
  CHECK(welcomes[0].welcome.node == NodeId{1});
  CHECK(welcomes[0].welcome.epoch == 1);
}

TEST_CASE("ordinals are never used again, not by a restarted head either") {
  std::vector<JournalRow> journal;
  {
    HeadFixture head;
    head.begin();
    CHECK(head.join(1) == NodeId{1});
    CHECK(head.join(1) == NodeId{2});
    journal = head.rows;
  }
  HeadFixture again;
  for (JournalRow& row : journal) again.core.load(std::move(row));
  again.begin();
  CHECK(again.core.snapshot().epoch == 2);
  CHECK(again.join(1) == NodeId{3});
}

TEST_CASE("silence makes a node suspect, a renewal brings it back") {
  HeadFixture head;
  head.begin();
  const NodeId watcher = head.join(1, BesideHead::kYes);
  const NodeId node = head.join(1);
  head.heard_by<NodeStateChanged>(watcher);
  head.advance(Duration::seconds(2));
  head.tick();
  CHECK(state_of(head, node) == NodeState::kSuspect);
  const auto news = head.heard_by<NodeStateChanged>(watcher);
  REQUIRE(news.size() == 1);
  CHECK(news[0].node == node);
  CHECK(news[0].state == NodeState::kSuspect);
  head.renew(node);
  CHECK(state_of(head, node) == NodeState::kAlive);
  CHECK(head.heard_by<LeaseRenewed>(node).size() == 1);
  CHECK(head.heard_by<NodeStateChanged>(watcher).at(0).state == NodeState::kAlive);
}

TEST_CASE("a closed connection makes a node suspect at once") {
  HeadFixture head;
  head.begin();
  const NodeId node = head.join(1);
  head.on(NodeDisconnected{node});
  CHECK(state_of(head, node) == NodeState::kSuspect);
}

TEST_CASE("a dead node is told of after the journal has it, and its renewals stay unanswered") {
  HeadFixture head;
  head.begin();
  const NodeId watcher = head.join(1, BesideHead::kYes);
  const NodeId node = head.join(1);
  head.advance(Duration::seconds(2));
  head.tick();
  head.advance(Duration::millis(2'500));
  head.heard_by<NodeStateChanged>(watcher);
  head.heard_by<NodeStateChanged>(node);
  head.commits = HeadFixture::Commits::kByHand;
  head.tick();
  CHECK(state_of(head, node) == NodeState::kDead);
  CHECK(head.heard_by<NodeStateChanged>(watcher).empty());
  head.heard_by<LeaseRenewed>(node);
  head.renew(node);
  CHECK(head.heard_by<LeaseRenewed>(node).empty());
  head.commit();
  const auto news = head.heard_by<NodeStateChanged>(watcher);
  REQUIRE(news.size() == 1);
  CHECK(news[0].state == NodeState::kDead);
  CHECK(news[0].m == 1);
  CHECK(head.heard_by<NodeStateChanged>(node).size() == 1);
}

TEST_CASE("a dead node that announces itself again is told that it is dead") {
  HeadFixture head;
  head.begin();
  const NodeId node = head.join(1);
  head.advance(Duration::seconds(2));
  head.tick();
  head.advance(Duration::seconds(3));
  head.tick();
  head.heard_by<NodeStateChanged>(node);
  head.from(node, HeadFixture::announce_of(node, 1));
  const auto news = head.heard_by<NodeStateChanged>(node);
  REQUIRE(news.size() == 1);
  CHECK(news[0].node == node);
  CHECK(news[0].state == NodeState::kDead);
}

TEST_CASE("a death is settled when every node has reported it") {
  HeadFixture head;
  head.begin();
  const NodeId a = head.join(1, BesideHead::kYes);
  const NodeId b = head.join(1);
  const NodeId dies = head.join(1);
  head.advance(Duration::seconds(2));
  head.tick();
  head.renew(b);
  head.advance(Duration::millis(2'500));
  head.renew(b);
  head.tick();
  REQUIRE(state_of(head, dies) == NodeState::kDead);
  REQUIRE(state_of(head, b) == NodeState::kAlive);
  head.from(a, SettledReport{1});
  CHECK(head.heard_by<Settled>(a).empty());
  const NodeId late = head.join(1);  // it has nothing of the dead node, so it need not report
  head.from(b, SettledReport{1});
  CHECK(head.heard_by<Settled>(a).at(0).m == 1);
  CHECK(head.heard_by<Settled>(b).at(0).m == 1);
  CHECK(head.heard_by<Settled>(late).at(0).m == 1);
  CHECK(head.core.snapshot().settled == 1);
}

TEST_CASE("a node that leaves is dead at once, and told so") {
  HeadFixture head;
  head.begin();
  const NodeId a = head.join(1);
  const NodeId leaves = head.join(1);
  head.from(leaves, Leave{});
  CHECK(state_of(head, leaves) == NodeState::kDead);
  CHECK(head.heard_by<NodeStateChanged>(leaves).at(0).state == NodeState::kDead);
  CHECK(head.heard_by<NodeStateChanged>(a).at(0).node == leaves);
  head.from(leaves, Leave{});  // heard again
  CHECK(head.core.snapshot().m == 1);
  CHECK(state_of(head, a) == NodeState::kAlive);
}

TEST_CASE("the node beside the head is never silent") {
  HeadFixture head;
  head.begin();
  const NodeId node = head.join(1, BesideHead::kYes);
  head.advance(Duration::seconds(3'600));
  head.tick();
  CHECK(state_of(head, node) == NodeState::kAlive);
  CHECK_FALSE(head.core.next_deadline());
}

TEST_CASE("time in which the head itself was away counts against nobody") {
  HeadFixture head;
  head.begin();
  const NodeId node = head.join(1);
  head.advance(Duration::seconds(600));
  head.tick();
  CHECK(state_of(head, node) == NodeState::kSuspect);
  head.advance(Duration::seconds(2));
  head.tick();
  CHECK(state_of(head, node) == NodeState::kSuspect);
  head.renew(node);
  CHECK(state_of(head, node) == NodeState::kAlive);
}

TEST_CASE("a restarted head waits a full lease for its nodes, and buries the one beside it") {
  std::vector<JournalRow> journal;
  NodeId beside, other;
  {
    HeadFixture head;
    head.begin();
    beside = head.join(1, BesideHead::kYes);
    other = head.join(1);
    journal = head.rows;
  }
  HeadFixture head;
  for (JournalRow& row : journal) head.core.load(std::move(row));
  head.begin();
  CHECK(state_of(head, other) == NodeState::kSuspect);
  CHECK(head.core.snapshot().nodes.size() == 1);  // the one of the old process is not shown
  CHECK(head.core.snapshot().m == 1);

  Announce announce = HeadFixture::announce_of(other, 1);
  announce.epoch = 1;
  head.from(other, announce);
  CHECK(state_of(head, other) == NodeState::kAlive);
  const auto news = head.heard_by<NodeStateChanged>(other);
  REQUIRE(news.size() >= 1);
  CHECK(news[0].node == beside);
  CHECK(news[0].state == NodeState::kDead);
  head.from(other, SettledReport{1});
  CHECK(head.core.snapshot().settled == 1);
}

TEST_CASE("a head that starts with nobody forgets the dead of earlier epochs") {
  std::vector<JournalRow> journal;
  {
    HeadFixture head;
    head.begin();
    head.join(1, BesideHead::kYes);
    journal = head.rows;
  }
  HeadFixture head;
  for (JournalRow& row : journal) head.core.load(std::move(row));
  head.begin();
  CHECK(head.core.snapshot().nodes.empty());
  CHECK(head.core.snapshot().settled == head.core.snapshot().m);
  HeadFixture third;
  for (JournalRow& row : journal) third.core.load(std::move(row));
  for (JournalRow& row : head.rows) third.core.load(std::move(row));
  third.begin();
  CHECK(third.core.snapshot().m == 1);  // nothing died a second time
}

TEST_CASE("views leave at most once a second, and at once when a node joins") {
  HeadFixture head;
  head.begin();
  const NodeId a = head.join(1, BesideHead::kYes);
  const NodeId b = head.join(1);
  auto views = head.heard_by<Views>(a);
  REQUIRE(views.size() == 1);
  CHECK(views[0].changed.at(0).node == b);
  CHECK(head.heard_by<Views>(b).at(0).changed.at(0).node == a);

  NodeView view = HeadFixture::announce_of(b, 1).view;
  for (int i = 0; i < 5; ++i) {
    ++view.version;
    head.advance(Duration::millis(100));
    head.from(b, ViewChanged{view});
  }
  CHECK(head.heard_by<Views>(a).empty());
  REQUIRE(head.core.next_deadline());
  head.now = *head.core.next_deadline();
  head.tick();
  views = head.heard_by<Views>(a);
  REQUIRE(views.size() == 1);
  CHECK(views[0].changed.at(0).version == view.version);
  CHECK(head.heard_by<Views>(b).empty());  // nobody is told of itself

  --view.version;
  head.advance(Duration::seconds(1));
  head.renew(b);
  head.from(b, ViewChanged{view});
  CHECK(head.heard_by<Views>(a).empty());  // an old view
}

}  // namespace
}  // namespace rayd::head
