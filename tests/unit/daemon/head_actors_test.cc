// The actor directory: placement, restarts, names, ends.
#include <fstream>
#include <sstream>

#include "daemon/head/actor_transitions.h"
#include "tests/unit/catch.h"
#include "tests/unit/daemon/head_fixture.h"

namespace rayd::head {
namespace {

ErrorRef died(const std::string& text) {
  auto error = std::make_shared<ErrorInfo>();
  error->code = ErrorCode::kActorDied;
  error->message = text;
  return error;
}

/// Three nodes: the driver's, and two others. The driver's job is job-1.
struct Cluster : HeadFixture {
  Cluster() {
    begin();
    home = join(4);
    driver = {home.value, 2};
    from(home, DriverConnected{{driver, 0}, driver, "script", "lab"});
    b = join(2);
    c = join(2);
    heard_by<OperationReply>(home);
  }

  ActorId create(ActorOptions options = {}, int64_t cpus = 0) {
    auto creation = std::make_shared<CallTemplate>();
    creation->kind = CallTemplate::Kind::kActorCreation;
    creation->function.name = "Counter::Create";
    creation->demand.cpu = cpus * kUnit;
    creation->actor = std::move(options);
    CreateActorRow row;
    row.actor = ActorId::of(TaskId::make(driver, ++last));
    row.operation = {ClientId{home.value, 0}, last};
    row.creation = creation;
    row.job = JobId{1};
    row.owner = creation->actor.lifetime == Lifetime::kDetached ? kHeadNode : home;
    from(home, row);
    return row.actor;
  }
  ActorInfo info(ActorId actor) const {
    for (const ActorRow& row : core.snapshot().actors)
      if (row.info.actor == actor) return row.info;
    return {};
  }
  ActorState state(ActorId actor) const { return info(actor).state; }
  void up(ActorId actor) { from(info(actor).node, ActorUp{actor, info(actor).incarnation}); }
  void down(ActorId actor, ActorDown::Final final = ActorDown::Final::kNo) {
    from(info(actor).node, ActorDown{actor, info(actor).incarnation, died("signal 9"), final});
  }
  void kill(ActorId actor, KillActor::NoRestart no_restart = KillActor::NoRestart::kYes,
            ErrorRef cause = nullptr) {
    from(home, KillActorRow{{ClientId{home.value, 0}, ++last}, actor, no_restart, cause});
  }
  ActorId find(const std::string& name, const std::string& name_space = "") {
    FindActor ask{{ClientId{home.value, 0}, ++last}, name, name_space, JobId{1}};
    heard_by<OperationReply>(home);
    from(home, ask);
    return heard_by<OperationReply>(home).at(0).actor.actor;
  }
  void after_backoff() {
    now = *core.next_deadline();
    renew_all();
    tick();
  }
  void renew_all() {
    for (const NodeId node : {home, b, c}) renew(node);
  }
  void kill_node(NodeId dies) {
    for (const Duration step : {Duration::seconds(2), Duration::millis(2'500)}) {
      advance(step);
      for (const NodeId node : {home, b, c})
        if (node != dies) renew(node);
      tick();
    }
  }

  NodeId home, b, c;
  ClientId driver;
  uint64_t last = 0;
};

ActorOptions restarts(int32_t count) {
  ActorOptions options;
  options.max_restarts = count;
  return options;
}

ActorOptions named(const std::string& name, Lifetime lifetime = Lifetime::kJob) {
  ActorOptions options;
  options.name = name;
  options.lifetime = lifetime;
  return options;
}

TEST_CASE("an actor starts near its creator, and is alive when its node says so") {
  Cluster cluster;
  const ActorId actor = cluster.create();
  const auto starts = cluster.heard_by<StartActor>(cluster.home);
  REQUIRE(starts.size() == 1);
  CHECK(starts[0].incarnation == 1);
  CHECK(cluster.state(actor) == ActorState::kPending);
  cluster.up(actor);
  CHECK(cluster.state(actor) == ActorState::kAlive);
  const auto news = cluster.heard_by<ActorChanged>(cluster.home);
  REQUIRE(news.size() == 1);
  CHECK(news[0].info.state == ActorState::kAlive);
  CHECK(news[0].info.node == cluster.home);
  cluster.from(cluster.home, ActorUp{actor, 1});  // repeated
  CHECK(cluster.heard_by<ActorChanged>(cluster.home).empty());
}

TEST_CASE("actors beyond all room wait everywhere by size, not all at their creator's node") {
  Cluster cluster;
  for (int i = 0; i < 80; ++i) cluster.create({}, 1);
  CHECK(cluster.heard_by<StartActor>(cluster.home).size() == 40);
  CHECK(cluster.heard_by<StartActor>(cluster.b).size() == 20);
  CHECK(cluster.heard_by<StartActor>(cluster.c).size() == 20);
}

TEST_CASE("no start leaves before the actor's row is committed") {
  Cluster cluster;
  cluster.commits = HeadFixture::Commits::kByHand;
  cluster.create();
  CHECK(cluster.heard_by<StartActor>(cluster.home).empty());
  cluster.commit();
  CHECK(cluster.heard_by<StartActor>(cluster.home).size() == 1);
}

TEST_CASE("the same creation twice is one actor") {
  Cluster cluster;
  const ActorId actor = cluster.create();
  --cluster.last;
  CHECK(cluster.create() == actor);
  CHECK(cluster.heard_by<StartActor>(cluster.home).size() == 1);
  CHECK(cluster.heard_by<OperationReply>(cluster.home).size() == 2);
}

TEST_CASE("a refused actor goes to another node under a new incarnation, and is not charged") {
  Cluster cluster;
  const ActorId actor = cluster.create();
  cluster.from(cluster.home, StartRefused{actor, 1, nullptr, 1});
  CHECK(cluster.info(actor).incarnation == 2);
  CHECK(cluster.info(actor).restarts == 0);
  const NodeId next = cluster.info(actor).node;
  CHECK(next != cluster.home);
  CHECK(cluster.heard_by<StartActor>(next).at(0).incarnation == 2);
  cluster.from(cluster.home, ActorUp{actor, 1});  // an incarnation that has been given up
  CHECK(cluster.state(actor) == ActorState::kPending);
  CHECK(cluster.heard_by<EndActor>(cluster.home).at(0).incarnation == 1);
}

TEST_CASE("an actor that cannot be made anywhere is dead with the reason") {
  Cluster cluster;
  const ActorId actor = cluster.create(restarts(5));
  cluster.from(cluster.home, StartRefused{actor, 1, died("no such module"), 1});
  CHECK(cluster.state(actor) == ActorState::kDead);
  CHECK(cluster.info(actor).cause->message == "no such module");
}

TEST_CASE("a constructor that throws is final, whatever restarts are left") {
  Cluster cluster;
  const ActorId actor = cluster.create(restarts(-1));
  cluster.down(actor, ActorDown::Final::kYes);
  CHECK(cluster.state(actor) == ActorState::kDead);
  CHECK(cluster.heard_by<ActorChanged>(cluster.home).back().info.cause->message == "signal 9");
  CHECK(cluster.heard_by<AnnounceAck>(cluster.home).size() == 1);
  CHECK(cluster.heard_by<EndActor>(cluster.home).empty());  // it has ended
}

TEST_CASE("a dead process is started again after a back-off, as often as allowed") {
  Cluster cluster;
  const ActorId actor = cluster.create(restarts(2));
  cluster.up(actor);
  cluster.heard_by<StartActor>(cluster.home);
  Duration last_wait;
  for (uint32_t incarnation = 2; incarnation <= 3; ++incarnation) {
    cluster.down(actor);
    CHECK(cluster.state(actor) == ActorState::kRestarting);
    CHECK(cluster.info(actor).incarnation == incarnation);
    CHECK(cluster.heard_by<StartActor>(cluster.home).empty());
    const Duration wait = *cluster.core.next_deadline() - cluster.now;
    CHECK(wait > last_wait);
    last_wait = wait;
    cluster.after_backoff();
    CHECK(cluster.heard_by<StartActor>(cluster.home).at(0).incarnation == incarnation);
    cluster.up(actor);
    CHECK(cluster.state(actor) == ActorState::kAlive);
  }
  cluster.down(actor);
  CHECK(cluster.state(actor) == ActorState::kDead);
  CHECK(cluster.info(actor).restarts == 2);
}

TEST_CASE("late words of an older incarnation change nothing") {
  Cluster cluster;
  const ActorId actor = cluster.create(restarts(3));
  cluster.up(actor);
  cluster.down(actor);
  cluster.after_backoff();
  cluster.up(actor);
  cluster.heard_by<AnnounceAck>(cluster.home);
  cluster.from(cluster.home, ActorDown{actor, 1, died("old"), ActorDown::Final::kYes});
  CHECK(cluster.state(actor) == ActorState::kAlive);
  CHECK(cluster.info(actor).incarnation == 2);
  CHECK(cluster.heard_by<AnnounceAck>(cluster.home).size() == 1);  // it may forget that one
  cluster.from(cluster.b, ActorDown{actor, 2, died("elsewhere"), ActorDown::Final::kNo});
  CHECK(cluster.state(actor) == ActorState::kAlive);
}

TEST_CASE("a node's death moves restartable actors and ends the others") {
  Cluster cluster;
  const ActorId moves = cluster.create(restarts(1));
  const ActorId ends = cluster.create();
  for (const ActorId actor : {moves, ends}) {
    cluster.from(cluster.home, StartRefused{actor, 1, nullptr, 1});
    cluster.up(actor);
  }
  const NodeId host = cluster.info(moves).node;
  REQUIRE(cluster.info(ends).node == host);
  cluster.kill_node(host);
  CHECK(cluster.state(moves) == ActorState::kRestarting);
  CHECK(cluster.state(ends) == ActorState::kDead);
  cluster.after_backoff();
  CHECK(cluster.info(moves).node != host);
  CHECK(cluster.info(moves).incarnation == 3);
}

TEST_CASE("the death of the creator's node ends its actors, but not detached ones") {
  Cluster cluster;
  const ActorId attached = cluster.create(restarts(-1));
  const ActorId detached = cluster.create(named("keeper", Lifetime::kDetached));
  for (const ActorId actor : {attached, detached}) {
    cluster.from(cluster.home, StartRefused{actor, 1, nullptr, 1});
    cluster.up(actor);
  }
  const NodeId host = cluster.info(attached).node;
  cluster.heard_by<EndActor>(host);
  cluster.kill_node(cluster.home);
  CHECK(cluster.state(attached) == ActorState::kDead);
  CHECK(cluster.info(attached).cause->code == ErrorCode::kOwnerDied);
  CHECK(cluster.heard_by<EndActor>(host).at(0).actor == attached);
  CHECK(cluster.state(detached) == ActorState::kAlive);
}

TEST_CASE("a kill is in the journal before the process is ended") {
  Cluster cluster;
  const ActorId actor = cluster.create(restarts(-1));
  cluster.up(actor);
  cluster.commits = HeadFixture::Commits::kByHand;
  cluster.kill(actor);
  CHECK(cluster.state(actor) == ActorState::kDead);
  CHECK(cluster.heard_by<EndActor>(cluster.home).empty());
  cluster.commit();
  CHECK(cluster.heard_by<EndActor>(cluster.home).size() == 1);
  cluster.down(actor);
  CHECK(cluster.state(actor) == ActorState::kDead);
}

TEST_CASE("a kill that allows a restart changes the row only when the process is reaped") {
  Cluster cluster;
  const ActorId actor = cluster.create(restarts(1));
  cluster.up(actor);
  cluster.kill(actor, KillActor::NoRestart::kNo);
  CHECK(cluster.state(actor) == ActorState::kAlive);
  CHECK(cluster.heard_by<EndActor>(cluster.home).at(0).incarnation == 1);
  cluster.down(actor);
  CHECK(cluster.state(actor) == ActorState::kRestarting);
}

TEST_CASE("a kill that overtakes the creation wins") {
  Cluster cluster;
  const ActorId actor = ActorId::of(TaskId::make(cluster.driver, 1));
  cluster.from(cluster.b, KillActorRow{{ClientId{cluster.b.value, 0}, 1}, actor, {}, nullptr});
  CHECK(cluster.create() == actor);
  CHECK(cluster.state(actor) == ActorState::kDead);
  CHECK(cluster.heard_by<StartActor>(cluster.home).empty());
  CHECK(cluster.heard_by<ActorChanged>(cluster.home).back().info.state == ActorState::kDead);
}

TEST_CASE("a job's end kills its actors, and those that come too late, but not detached ones") {
  Cluster cluster;
  const ActorId attached = cluster.create();
  const ActorId detached = cluster.create(named("keeper", Lifetime::kDetached));
  cluster.from(cluster.home, DriverGone{cluster.driver});
  const ActorId late = cluster.create();
  CHECK(cluster.state(attached) == ActorState::kDead);
  CHECK(cluster.state(late) == ActorState::kDead);
  CHECK(cluster.state(detached) == ActorState::kPending);
}

TEST_CASE("a name is found in its namespace while its actor lives") {
  Cluster cluster;
  const ActorId actor = cluster.create(named("c"));
  CHECK(cluster.find("c") == actor);
  CHECK(cluster.find("c", "lab") == actor);
  CHECK(cluster.find("c", "other").is_nil());
  CHECK(cluster.find("d").is_nil());
  cluster.kill(actor);
  CHECK(cluster.find("c").is_nil());
  const ActorId next = cluster.create(named("c"));
  CHECK(cluster.find("c") == next);
}

TEST_CASE("a name is in its creator's namespace also when the job is one of an earlier head") {
  Cluster cluster;
  CreateActorRow row;
  row.actor = ActorId::of(TaskId::make(cluster.driver, 50));
  row.operation = {ClientId{cluster.home.value, 0}, 50};
  auto creation = std::make_shared<CallTemplate>();
  creation->name_space = "old";
  creation->actor = named("counter", Lifetime::kDetached);
  row.creation = creation;
  row.job = JobId{77};
  cluster.from(cluster.home, row);
  CHECK(cluster.find("counter", "old") == row.actor);
}

TEST_CASE("a taken name makes the second actor dead, unless it takes the one that exists") {
  Cluster cluster;
  const ActorId first = cluster.create(named("c"));
  cluster.heard_by<OperationReply>(cluster.home);
  const ActorId second = cluster.create(named("c"));
  auto reply = cluster.heard_by<OperationReply>(cluster.home).at(0);
  CHECK(reply.error->code == ErrorCode::kAlreadyExists);
  CHECK(cluster.state(second) == ActorState::kDead);
  CHECK(cluster.info(second).cause->code == ErrorCode::kAlreadyExists);

  ActorOptions takes = named("c");
  takes.get_if_exists = ActorOptions::GetIfExists::kYes;
  const ActorId third = cluster.create(takes);
  reply = cluster.heard_by<OperationReply>(cluster.home).at(0);
  CHECK(reply.error == nullptr);
  CHECK(reply.actor.actor == first);
  CHECK(cluster.state(third) == ActorState::kDead);
  CHECK(cluster.find("c") == first);
}

TEST_CASE("a subscriber hears the present state, also one that asked before the creation") {
  Cluster cluster;
  const ActorId actor = ActorId::of(TaskId::make(cluster.driver, 1));
  cluster.from(cluster.b, Subscribe{actor});
  CHECK(cluster.heard_by<ActorChanged>(cluster.b).empty());
  cluster.create();
  cluster.up(actor);
  CHECK(cluster.heard_by<ActorChanged>(cluster.b).at(0).info.state == ActorState::kAlive);
  cluster.from(cluster.c, Subscribe{actor});
  CHECK(cluster.heard_by<ActorChanged>(cluster.c).at(0).info.node == cluster.info(actor).node);
  cluster.from(cluster.c, Unsubscribe{actor});
  cluster.kill(actor);
  CHECK(cluster.heard_by<ActorChanged>(cluster.b).size() == 1);
  CHECK(cluster.heard_by<ActorChanged>(cluster.c).empty());
}

TEST_CASE("whoever waits for a creation of a node that died hears that it never comes") {
  Cluster cluster;
  const ActorId actor = ActorId::of(TaskId::make(cluster.driver, 1));
  cluster.from(cluster.b, Subscribe{actor});
  cluster.kill_node(cluster.home);
  const auto news = cluster.heard_by<ActorChanged>(cluster.b);
  REQUIRE(news.size() == 1);
  CHECK(news[0].info.state == ActorState::kDead);
  CHECK(news[0].info.cause->code == ErrorCode::kOwnerDied);
}

TEST_CASE("an abandoned creation is dead with its cause") {
  Cluster cluster;
  const ActorId actor = ActorId::of(TaskId::make(cluster.driver, 1));
  cluster.from(
      cluster.home,
      AbandonActor{{ClientId{cluster.home.value, 0}, 1}, actor, died("an argument failed")});
  CHECK(cluster.state(actor) == ActorState::kDead);
  CHECK(cluster.info(actor).cause->message == "an argument failed");
}

TEST_CASE("an actor that no node can have waits, says why, and starts when one joins") {
  Cluster cluster;
  const ActorId actor = cluster.create({}, 16);
  CHECK(cluster.state(actor) == ActorState::kPending);
  CHECK(cluster.info(actor).cause->code == ErrorCode::kInfeasible);
  CHECK(cluster.info(actor).cause->message.find("CPU 16") != std::string::npos);
  const NodeId large = cluster.join(32);
  CHECK(cluster.heard_by<StartActor>(large).size() == 1);
  CHECK(cluster.info(actor).cause == nullptr);
}

TEST_CASE("what a node announces is adopted, ended or started again") {
  Cluster cluster;
  const ActorId lives = cluster.create(restarts(1));
  const ActorId gone = cluster.create(restarts(1));
  const ActorId unheard = cluster.create();
  const ActorId ended = cluster.create(restarts(1));
  const ActorId dead = cluster.create();
  for (const ActorId actor : {lives, gone, ended, dead}) cluster.up(actor);
  cluster.kill(dead);
  cluster.heard_by<StartActor>(cluster.home);
  cluster.heard_by<EndActor>(cluster.home);

  using Phase = Announce::Hosted::Phase;
  Announce announce = HeadFixture::announce_of(cluster.home, 4);
  announce.actors = {{lives, 1, Phase::kUp, nullptr},
                     {ended, 1, Phase::kEnded, died("signal 9")},
                     {dead, 1, Phase::kUp, nullptr}};
  cluster.from(cluster.home, announce);
  CHECK(cluster.state(lives) == ActorState::kAlive);
  CHECK(cluster.state(ended) == ActorState::kRestarting);
  CHECK(cluster.state(gone) == ActorState::kRestarting);
  CHECK(cluster.heard_by<AnnounceAck>(cluster.home).back().actors == std::vector<ActorId>{ended});
  CHECK(cluster.heard_by<EndActor>(cluster.home).at(0).actor == dead);
  const auto starts = cluster.heard_by<StartActor>(cluster.home);
  REQUIRE(starts.size() == 1);
  CHECK(starts[0].actor == unheard);
  CHECK(starts[0].incarnation == 1);
}

TEST_CASE("a creation asked for again of a restarted head does not start a second incarnation 1") {
  Cluster cluster;
  const ActorId actor = cluster.create();
  REQUIRE(cluster.heard_by<StartActor>(cluster.home).size() == 1);

  HeadFixture again;  // the earlier one's answer was lost
  for (JournalRow row : cluster.rows) again.core.load(std::move(row));
  again.begin();
  again.from(cluster.home, HeadFixture::announce_of(cluster.home, 4));
  CreateActorRow row;
  row.actor = actor;
  row.operation = {ClientId{cluster.home.value, 0}, 1};
  row.creation = std::make_shared<CallTemplate>();
  row.owner = cluster.home;
  again.from(cluster.home, row);
  CHECK(again.heard_by<StartActor>(cluster.home).empty());
  CHECK(again.heard_by<OperationReply>(cluster.home).size() == 1);
  CHECK(again.heard_by<ActorChanged>(cluster.home).at(0).info.state == ActorState::kDead);

  // Another node that has a handle hears it too, whoever subscribes first.
  again.from(cluster.b, HeadFixture::announce_of(cluster.b, 2));
  again.from(cluster.b, Subscribe{actor});
  CHECK(again.heard_by<ActorChanged>(cluster.b).at(0).info.state == ActorState::kDead);
}

TEST_CASE("a dead actor without handles is listed for a while, then forgotten") {
  Cluster cluster;
  const ActorId first = cluster.create();
  cluster.kill(first, KillActor::NoRestart::kYes, died("its last handle is gone"));
  CHECK(cluster.state(first) == ActorState::kDead);
  const size_t before = cluster.core.snapshot().actors.size();
  for (int i = 0; i < 1'000; ++i)
    cluster.kill(cluster.create(), KillActor::NoRestart::kYes, died("its last handle is gone"));
  CHECK(cluster.info(first).actor.is_nil());
  CHECK(cluster.core.snapshot().actors.size() == before + 999);
}

TEST_CASE("the README shows the table of transitions as it is") {
  std::ifstream file{RAYD_SOURCE_ROOT "/daemon/head/README.md"};
  std::stringstream text;
  text << file.rdbuf();
  CHECK(text.str().find(actor_transitions_text()) != std::string::npos);
}

}  // namespace
}  // namespace rayd::head
