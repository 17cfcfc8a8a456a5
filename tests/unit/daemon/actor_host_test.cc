// The side where incarnations live, message by message: starts, ends, numbers, replies, the lease.
#include "tests/unit/catch.h"
#include "tests/unit/daemon/node_harness.h"

namespace rayd::node {
namespace {

constexpr NodeId kCallerNode{2};
const ClientId kCaller{2, 4};
const ActorId kActor = ActorId::of(TaskId::make(ClientId{2, 2}, 1));

TemplateRef creation_of(int32_t max_restarts = 1, int32_t max_concurrency = 1) {
  auto creation = std::make_shared<CallTemplate>();
  creation->kind = CallTemplate::Kind::kActorCreation;
  creation->function.name = "Counter";
  creation->actor.max_restarts = max_restarts;
  creation->actor.max_concurrency = max_concurrency;
  return creation;
}

TemplateRef method() {
  static const TemplateRef kMethod = [] {
    auto call = std::make_shared<CallTemplate>();
    call->kind = CallTemplate::Kind::kActorCall;
    call->function.name = "Add";
    return call;
  }();
  return kMethod;
}

/// A node that hosts one actor for a caller on node 2.
struct Host : TestNode {
  Host() { from_head(Welcome{1, kHere, 0}); }

  void start(uint32_t incarnation = 1, TemplateRef creation = creation_of()) {
    StartActor message;
    message.actor = kActor;
    message.incarnation = incarnation;
    message.creation = std::move(creation);
    from_head(message);
  }
  /// Its process starts.
  void start_process() {
    worker = take_one<StartWorker>().worker;
    on(WorkerStarted{worker, 1});
  }
  void construct(uint32_t incarnation = 1) {
    if (worker == ClientId{}) start_process();
    const Run run = take_one<ToWorker>().run;
    REQUIRE(run.task == kActor.creation());
    from(worker, Done{run.task, incarnation, {}, nullptr, {}});
  }
  void up() {
    start();
    construct();
    take<ActorUp>();
    from(kCallerNode, Attach{kActor, 1, kCaller, 1});
  }
  static ActorCall message(uint64_t n, uint32_t incarnation = 1) {
    ActorCall call;
    call.actor = kActor;
    call.incarnation = incarnation;
    call.caller = kCaller;
    call.n = n;
    call.task = TaskId::make(kCaller, 100 + n);
    call.call = method();
    return call;
  }
  void call(uint64_t n) { from(kCallerNode, message(n)); }
  void finish(uint64_t n, std::vector<Value> results = {inline_value("r")}) {
    from(worker, Done{TaskId::make(kCaller, 100 + n), 1, std::move(results), nullptr, {}});
  }
  void die(std::vector<uint64_t> claimed = {}) {
    WorkerDied death{worker, "signal 9", {}};
    for (const uint64_t n : claimed) death.claimed.push_back({TaskId::make(kCaller, 100 + n), 1});
    on(death);
    worker = {};
  }
  std::vector<uint64_t> pushed() {
    std::vector<uint64_t> numbers;
    for (const ToWorker& to : take<ToWorker>()) numbers.push_back(to.run.task.seq() - 100);
    return numbers;
  }
  ClientId worker;
};

using Numbers = std::vector<uint64_t>;

TEST_CASE("a start that comes twice is carried out once, and answered with the present state") {
  Host host;
  host.start();
  host.start();
  host.construct();
  CHECK(host.take<ActorUp>().size() == 1);
  host.start();
  CHECK(host.take<ActorUp>().size() == 1);
  CHECK(host.take<StartWorker>().empty());
  host.die();
  CHECK(host.take<ActorDown>().size() == 1);
  host.start();
  CHECK(host.take_one<ActorDown>().incarnation == 1);
}

TEST_CASE("a start of what this node cannot have is refused with its view") {
  Host host;
  auto creation = std::make_shared<CallTemplate>(*creation_of());
  creation->demand.cpu = 64 * kUnit;
  host.start(1, creation);
  const StartRefused refused = host.take_one<StartRefused>();
  CHECK(refused.cause == nullptr);
  CHECK(refused.view > 0);
  CHECK(host.core.snapshot().actors.empty());
}

TEST_CASE("a start whose process cannot be made is refused for good") {
  Host host;
  host.start();
  for (int i = 0; i < 3; ++i) {
    host.on(WorkerStartFailed{host.take_one<StartWorker>().worker, "no such image"});
    host.pass(Duration::seconds(1));
  }
  const StartRefused refused = host.take_one<StartRefused>();
  REQUIRE(refused.cause != nullptr);
  CHECK(refused.cause->message.find("no such image") != std::string::npos);
}

TEST_CASE("an end before there is a process is told at once, and starts none") {
  Host host;
  StartActor message;
  message.actor = kActor;
  message.incarnation = 1;
  message.creation = creation_of();
  Arg arg;
  arg.reference = TaskId::make(ClientId{2, 2}, 9).object(0);
  message.args = {arg};
  message.values.resize(1);
  message.transfer.references = {arg.reference};
  host.from_head(message);
  CHECK(host.take_one<Borrow>().objects.size() == 1);  // whoever sent it holds it
  host.from_head(EndActor{kActor, 1, nullptr});
  CHECK(host.take_one<ActorDown>().incarnation == 1);
  CHECK(host.take<StartWorker>().empty());
}

TEST_CASE("an end kills the process, and is told when it is reaped") {
  Host host;
  host.up();
  auto cause = std::make_shared<ErrorInfo>();
  cause->message = "job-1 has ended";
  host.from_head(EndActor{kActor, 7, cause});  // of another incarnation
  CHECK(host.take<StopWorker>().empty());
  host.from_head(EndActor{kActor, 1, cause});
  CHECK(host.take_one<StopWorker>().how == StopWorker::How::kKill);
  CHECK(host.take<ActorDown>().empty());
  host.die();
  CHECK(host.take_one<ActorDown>().cause->message == "job-1 has ended");
}

TEST_CASE("an end that was told is kept until the head has it, and announced to a new head") {
  Host host;
  host.up();
  host.die();
  host.out.clear();
  host.from_head(Welcome{2, kHere, 0});
  Announce announce = host.take_one<Announce>();
  REQUIRE(announce.actors.size() == 1);
  CHECK(announce.actors[0].phase == Announce::Hosted::Phase::kEnded);
  CHECK(announce.actors[0].cause != nullptr);
  host.from_head(AnnounceAck{{kActor}});
  host.from_head(Welcome{3, kHere, 0});
  CHECK(host.take_one<Announce>().actors.empty());
}

TEST_CASE("what lives and what begins is announced to a new head, not to one of a lower epoch") {
  Host host;
  host.start();
  host.out.clear();
  host.from_head(Welcome{1, kHere, 0});
  CHECK(host.take<Announce>().empty());
  host.from_head(Welcome{2, kHere, 0});
  CHECK(host.take_one<Announce>().actors.at(0).phase == Announce::Hosted::Phase::kStarting);
}

TEST_CASE("numbers rise without gaps; a skip fills one") {
  Host host;
  host.up();
  host.call(1);
  host.call(3);  // no honest caller does this
  CHECK(host.pushed() == Numbers{1});
  host.from(kCallerNode, SkipCall{kActor, 1, kCaller, 2});
  host.from(kCallerNode, SkipCall{kActor, 1, kCaller, 2});
  host.call(3);
  CHECK(host.pushed() == Numbers{3});
}

TEST_CASE("a call that comes twice runs once, and gets the reply that was kept") {
  Host host;
  host.up();
  host.call(1);
  host.call(1);
  CHECK(host.pushed() == Numbers{1});
  host.finish(1);
  CHECK(host.take_one<ActorReply>().n == 1);
  host.call(1);
  const ActorReply again = host.take_one<ActorReply>();
  CHECK(again.results.at(0).bytes.text() == "r");
  CHECK(host.pushed().empty());
  ActorCall next = Host::message(2);
  next.acked = 1;
  host.from(kCallerNode, next);
  host.call(1);  // acknowledged: nobody asks for it
  CHECK(host.take<ActorReply>().empty());
}

TEST_CASE("a reply that is kept holds what it contains until it is acknowledged") {
  Host host;
  host.up();
  const ObjectId made = TaskId::make(host.worker, 1).object(0);
  host.from(host.worker, Put{made, inline_value("inner")});
  host.call(1);
  host.finish(1, {inline_value("r", {made})});
  host.from(host.worker, Release{{{made, 1}}});
  CHECK(host.take_one<ActorReply>().transfer.references == std::vector<ObjectId>{made});
  host.from(kCallerNode, PeerRelease{{{made, 1}}});
  CHECK(host.find(made) != nullptr);
  host.from(kCallerNode, Attach{kActor, 1, kCaller, 2});
  CHECK(host.find(made) == nullptr);
}

TEST_CASE("a call of another incarnation is stale, and what it brought is let go") {
  Host host;
  host.up();
  ActorCall late = Host::message(5, 9);
  const ObjectId object = TaskId::make(kCaller, 50).object(0);
  late.transfer.references = {object};
  host.from(kCallerNode, late);
  const StaleIncarnation stale = host.take_one<StaleIncarnation>();
  CHECK(stale.incarnation == 9);
  CHECK(stale.started == 4);
  CHECK(host.take_one<PeerRelease>().objects.size() == 1);
}

TEST_CASE("a death tells each caller up to which number its calls may have begun") {
  Host host;
  host.up();
  for (uint64_t n = 1; n <= 4; ++n) host.call(n);
  host.finish(1);
  host.take<ActorReply>();
  host.die({2});
  CHECK(host.take_one<StaleIncarnation>().started == 2);
  CHECK(host.take_one<ActorDown>().final == ActorDown::Final::kNo);
}

TEST_CASE("a call waits for its argument to come here; those behind it wait for it") {
  Host host;
  host.up();
  const ObjectId object = TaskId::make(kCaller, 50).object(0);
  ActorCall first = Host::message(1);
  Arg arg;
  arg.reference = object;
  first.args = {arg};
  first.transfer.references = {object};
  host.from(kCallerNode, first);
  host.call(2);
  CHECK(host.pushed().empty());
  CHECK(host.take_one<Fetch>().object == object);
  host.from(kCallerNode, FetchedValue{object, inline_value("5"), {}});
  const auto runs = host.take<ToWorker>();
  REQUIRE(runs.size() == 2);
  CHECK(runs[0].run.args.at(0).bytes.text() == "5");
  host.finish(1);
  CHECK(host.take_one<PeerRelease>().objects.at(0).object == object);
}

TEST_CASE("a call whose argument is lost is answered with that, and the next one runs") {
  Host host;
  host.up();
  const ObjectId object = TaskId::make(kCaller, 50).object(0);
  ActorCall first = Host::message(1);
  Arg arg;
  arg.reference = object;
  first.args = {arg};
  first.transfer.references = {object};
  host.from(kCallerNode, first);
  host.call(2);
  auto lost = std::make_shared<ErrorInfo>();
  lost->code = ErrorCode::kObjectLost;
  host.from(kCallerNode, FetchedValue{object, Value::of_error(lost), {}});
  CHECK(host.take_one<ActorReply>().error->code == ErrorCode::kObjectLost);
  CHECK(host.pushed() == Numbers{2});
}

TEST_CASE("a cancelled call: in line, in the ring, and running") {
  Host host;
  host.up();
  for (uint64_t n = 1; n <= 3; ++n) host.call(n);
  ActorCall waits = Host::message(4);
  Arg arg;
  arg.reference = TaskId::make(kCaller, 50).object(0);
  waits.args = {arg};
  waits.transfer.references = {arg.reference};
  host.from(kCallerNode, waits);
  host.from(kCallerNode, CancelCall{kActor, 1, kCaller, 4, {}});
  CHECK(host.take_one<ActorReply>().error->code == ErrorCode::kCancelled);
  host.from(kCallerNode, CancelCall{kActor, 1, kCaller, 2, {}});
  host.from(kCallerNode, CancelCall{kActor, 1, kCaller, 2, {}});
  const RevokeSlot revoke = host.take_one<RevokeSlot>();
  host.on(SlotRevoked{host.worker, revoke.task, 1, SlotRevoked::Outcome::kWon});
  const ActorReply reply = host.take_one<ActorReply>();
  CHECK(reply.n == 2);
  CHECK(reply.error->may_have_executed == ErrorInfo::MayHaveExecuted::kNo);
  host.from(kCallerNode, CancelCall{kActor, 1, kCaller, 1, {}});
  const RevokeSlot late = host.take_one<RevokeSlot>();
  host.on(SlotRevoked{host.worker, late.task, 1, SlotRevoked::Outcome::kAlreadyStarted});
  CHECK(host.take_one<SetCancelWord>().task == late.task);
}

TEST_CASE("a caller that detaches is forgotten") {
  Host host;
  host.up();
  host.call(1);
  host.finish(1);
  host.take<ActorReply>();
  host.from(kCallerNode, Detach{kActor, 1, kCaller});
  host.call(1);
  CHECK(host.take<ActorReply>().empty());
  CHECK(host.take<StaleIncarnation>().size() == 1);
}

TEST_CASE("the death of the caller's node drops its calls; what runs goes on for nobody") {
  Host host;
  host.up();
  host.call(1);
  host.call(2);
  host.from_head(NodeStateChanged{kCallerNode, NodeState::kDead, 1});
  host.finish(1);
  CHECK(host.take<ActorReply>().empty());
  CHECK(host.core.snapshot().actors.at(0).state == ActorState::kAlive);
}

// ---- the lease ----------------------------------------------------------------------------------

TEST_CASE("the lease is renewed twice a second") {
  Host host;
  host.on(Tick{});
  CHECK(host.take<RenewLease>().size() == 1);
  CHECK(*host.core.next_deadline() <= host.now + Duration::millis(500));
  host.pass(Duration::millis(500));
  CHECK(host.take_one<RenewLease>().number == 2);
}

TEST_CASE("when the lease is over a restartable actor hears nothing and says nothing") {
  Host host;
  host.on(Tick{});
  host.up();
  host.call(1);
  CHECK(host.pushed() == Numbers{1});
  host.pass(Duration::seconds(4));
  host.call(2);
  CHECK(host.pushed().empty());
  host.finish(1);
  const ObjectId made = TaskId::make(host.worker, 1).object(0);
  host.from(host.worker, Put{made, inline_value("inner")});
  CHECK(host.take<ActorReply>().empty());
  CHECK(host.find(made) == nullptr);
  const uint64_t number = host.take<RenewLease>().back().number;
  host.from_head(LeaseRenewed{number - 1});  // sent before the freeze, but too long ago
  CHECK(host.take<ActorReply>().empty());
  host.pass(Duration::millis(500));
  host.from_head(LeaseRenewed{host.take<RenewLease>().back().number});
  CHECK(host.take_one<ActorReply>().n == 1);
  CHECK(host.find(made) != nullptr);
  CHECK(host.pushed() == Numbers{2});
}

TEST_CASE("an actor that is never restarted runs on without a lease") {
  Host host;
  host.on(Tick{});
  host.start(1, creation_of(0));
  host.construct();
  host.from(kCallerNode, Attach{kActor, 1, kCaller, 1});
  host.pass(Duration::seconds(10));
  host.call(1);
  host.finish(1);
  CHECK(host.take_one<ActorReply>().n == 1);
}

TEST_CASE("a frozen constructor does not come up before the lease is back") {
  Host host;
  host.on(Tick{});
  host.start();
  host.start_process();
  host.pass(Duration::seconds(5));
  host.construct();
  CHECK(host.take<ActorUp>().empty());
  host.pass(Duration::millis(500));
  host.from_head(LeaseRenewed{host.take<RenewLease>().back().number});
  CHECK(host.take<ActorUp>().size() == 1);
}

TEST_CASE("a frozen worker that dies after its answer was kept has begun that call") {
  Host host;
  host.on(Tick{});
  host.up();
  host.call(1);
  host.call(2);
  host.pass(Duration::seconds(5));
  host.finish(1);
  host.die();
  CHECK(host.take_one<StaleIncarnation>().started == 1);
}

}  // namespace
}  // namespace rayd::node
