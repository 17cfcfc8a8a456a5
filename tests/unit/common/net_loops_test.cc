// KJ's promises in Asio's loop and in the client's.
#include <utility>

#include <kj/debug.h>
#include <unistd.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <future>
#include <thread>

#include "common/net/kj_event_port.h"
#include "common/net/poll_loop.h"
#include "common/net/rpc_errors.h"
#include "tests/unit/catch.h"
#include "tests/unit/common/net_fixture.h"

using namespace rayd;
using namespace rayd::test;

namespace {

constexpr Duration kLong = Duration::seconds(60);

/// A promise chain that never ends, counting its turns.
kj::Promise<void> spin_for_ever(int& turns) {
  ++turns;
  return kj::evalLater([&turns]() { return spin_for_ever(turns); });
}

}  // namespace

TEST_CASE("polling the io_context runs the promises that are ready") {
  boost::asio::io_context io(1);
  KjLoop loop(io);
  int ran = 0;
  auto paf = kj::newPromiseAndFulfiller<void>();
  auto chain = paf.promise.then([&]() { ++ran; }).then([&]() { ++ran; }).eagerlyEvaluate(nullptr);
  io.poll();
  CHECK(ran == 0);
  paf.fulfiller->fulfill();
  CHECK(ran == 0);
  io.poll();
  CHECK(ran == 2);
}

TEST_CASE("ready promises are run at once when asked for, and only once") {
  boost::asio::io_context io(1);
  KjLoop loop(io);
  int ran = 0;
  auto paf = kj::newPromiseAndFulfiller<void>();
  auto chain = paf.promise.then([&]() { ++ran; }).eagerlyEvaluate(nullptr);
  paf.fulfiller->fulfill();
  loop.run_ready();
  CHECK(ran == 1);
  io.poll();
  CHECK(ran == 1);
}

TEST_CASE("promises fulfilled in many rounds all run, whoever runs them") {
  boost::asio::io_context io(1);
  KjLoop loop(io);
  int ran = 0;
  for (int round = 0; round < 100; ++round) {
    auto paf = kj::newPromiseAndFulfiller<void>();
    auto chain = paf.promise.then([&]() { ++ran; }).eagerlyEvaluate(nullptr);
    boost::asio::post(io, [&] { paf.fulfiller->fulfill(); });
    switch (round % 3) {
      case 0: io.poll(); break;
      case 1:
        while (ran == round) io.run_one();
        break;
      default: chain.wait(loop.wait_scope());
    }
    CHECK(ran == round + 1);
  }
}

TEST_CASE("a turn that runs the io_context does not run other turns inside of itself") {
  boost::asio::io_context io(1);
  KjLoop loop(io);
  std::string order;
  auto inner = kj::newPromiseAndFulfiller<void>();
  auto second = inner.promise.then([&]() { order += " inner"; }).eagerlyEvaluate(nullptr);
  auto first = kj::evalLater([&]() {
                 inner.fulfiller->fulfill();
                 boost::asio::post(io, [&] { order += "handler"; });
                 io.poll();
                 loop.run_ready();
                 order += " outer";
               }).eagerlyEvaluate(nullptr);
  io.poll();
  CHECK(order == "handler outer inner");
}

TEST_CASE("promises without end leave Asio's handlers their turn") {
  boost::asio::io_context io(1);
  KjLoop loop(io);
  int turns = 0;
  auto endless = spin_for_ever(turns).eagerlyEvaluate(nullptr);
  io.run_one();
  bool handled = false;
  boost::asio::post(io, [&] { handled = true; });
  const int before = turns;
  while (!handled) io.run_one();
  CHECK(turns - before < 10'000);
  CHECK(before > 100);
  io.run_one();
  CHECK(turns > before);
}

TEST_CASE("another thread's work wakes a sleeping io_context") {
  boost::asio::io_context io(1);
  KjLoop loop(io);
  const kj::Executor& executor = loop.executor();
  int sum = 0;
  std::thread other([&] {
    for (int i = 1; i <= 100; ++i) executor.executeSync([&, i]() { sum += i; });
    boost::asio::post(io, [&] { io.stop(); });
  });
  io.run();
  other.join();
  CHECK(sum == 5050);
  // The loop still notices when it becomes runnable.
  bool ran = false;
  auto later = kj::evalLater([&]() { ran = true; }).eagerlyEvaluate(nullptr);
  io.restart();
  io.poll();
  CHECK(ran);
}

TEST_CASE("waiting on a stopped io_context is an error, not for ever") {
  boost::asio::io_context io(1);
  KjLoop loop(io);
  io.stop();
  kj::Promise<void> never = kj::NEVER_DONE;
  CHECK_THROWS_AS(never.wait(loop.wait_scope()), kj::Exception);
}

TEST_CASE("a loop that goes before its io_context leaves harmless handlers") {
  boost::asio::io_context io(1);
  bool ran = false;
  {
    KjLoop loop(io);
    auto later = kj::evalLater([&]() { ran = true; }).eagerlyEvaluate(nullptr);
  }
  io.poll();
  CHECK_FALSE(ran);
}

TEST_CASE("a client's loop gives up a promise when its time is over") {
  PollLoop loop;
  bool dropped = false;
  auto never = kj::Promise<void>(kj::NEVER_DONE).attach(kj::defer([&]() { dropped = true; }));
  const Status status = loop.run_until(kj::mv(never), Duration::millis(5));
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().code == ErrorCode::kTimeout);
  CHECK(dropped);
  CHECK(loop.run_until(kj::READY_NOW, kLong).ok());
  CHECK(loop.run_until(kj::Promise<void>(kj::NEVER_DONE), Duration{}).error().code ==
        ErrorCode::kTimeout);
}

TEST_CASE("a client's loop translates what a promise was rejected with") {
  PollLoop loop;
  const Status status =
      loop.run_until(to_exception({ErrorCode::kNotFound, "no such thing"}), kLong);
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().code == ErrorCode::kNotFound);
  CHECK(status.error().message == "no such thing");
}

TEST_CASE("another thread's work wakes a client's loop, sleeping or spinning") {
  const Duration spin = GENERATE(Duration{}, Duration::millis(1));
  PollLoop loop({spin});
  auto paf = kj::newPromiseAndFulfiller<void>();
  const kj::Executor& executor = kj::getCurrentThreadExecutor();
  std::thread other([&] { executor.executeSync([&]() { paf.fulfiller->fulfill(); }); });
  CHECK(loop.run_until(kj::mv(paf.promise), kLong).ok());
  other.join();
}

TEST_CASE("a client's loop waits for other descriptors beside its promises") {
  PollLoop loop;
  SocketPair pair;
  auto dropped = loop.when_readable(pair.right.get());
  dropped = nullptr;
  std::string order;
  auto left = loop.when_readable(pair.left.get()).then([&]() {
    order += "left ";
    pair.left.reset();  // the other end sees a hang-up
  });
  auto right = loop.when_readable(pair.right.get()).then([&]() { order += "right"; });
  left = left.eagerlyEvaluate(nullptr);
  const Status early = loop.run_until(kj::Promise<void>(kj::NEVER_DONE), Duration{});
  CHECK(early.error().code == ErrorCode::kTimeout);
  CHECK(order.empty());
  REQUIRE(::write(pair.right.get(), "x", 1) == 1);
  CHECK(loop.run_until(kj::mv(right), kLong).ok());
  CHECK(order == "left right");
  CHECK(loop.run_until(kj::mv(left), kLong).ok());
}
