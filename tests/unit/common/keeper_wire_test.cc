#include "common/wire/keeper_wire.h"

#include "tests/unit/catch.h"

using namespace rayd;
using namespace rayd::keeper;

TEST_CASE("an order to start a zygote arrives as it was sent") {
  const StartZygote sent{7, "/bin/prog", {"A=1", "B="}, Credentials{1000, 100, {4, 24}}};
  const auto received = decode_to_keeper(encode(ToKeeper{sent}));
  REQUIRE(received.ok());
  const auto& order = std::get<StartZygote>(*received);
  CHECK(order.zygote == 7);
  CHECK(order.program == "/bin/prog");
  CHECK(order.environment == sent.environment);
  CHECK(order.credentials == sent.credentials);
}

TEST_CASE("a zygote without credentials keeps the keeper's own") {
  const auto received = decode_to_keeper(encode(ToKeeper{StartZygote{1, "/p", {}, {}}}));
  REQUIRE(received.ok());
  CHECK_FALSE(std::get<StartZygote>(*received).credentials.has_value());
}

TEST_CASE("a worker's order passes from daemon to keeper to zygote") {
  const ClientId worker{3, 4};
  const auto at_keeper = decode_to_keeper(encode(ToKeeper{StartWorker{worker, 9, "/tmp", 0}}));
  REQUIRE(at_keeper.ok());
  auto order = std::get<StartWorker>(*at_keeper);
  order.tag = 0x1122334455667788;
  const auto at_zygote = decode_to_zygote(encode(ToZygote{order}));
  REQUIRE(at_zygote.ok());
  CHECK(std::get<StartWorker>(*at_zygote).worker == worker);
  CHECK(std::get<StartWorker>(*at_zygote).zygote == 9);
  CHECK(std::get<StartWorker>(*at_zygote).directory == "/tmp");
  CHECK(std::get<StartWorker>(*at_zygote).tag == 0x1122334455667788);
}

TEST_CASE("every kind of end arrives as it was reported") {
  for (const auto status :
       {ProcessStatus::exited(3), ProcessStatus::signalled(9), ProcessStatus::lost()}) {
    const ClientId worker{1, 2};
    const auto up = decode_from_zygote(encode(FromZygote{WorkerDied{worker, status}}));
    REQUIRE(up.ok());
    CHECK(std::get<WorkerDied>(*up).status == status);
    const auto on = decode_from_keeper(encode(FromKeeper{std::get<WorkerDied>(*up)}));
    REQUIRE(on.ok());
    CHECK(std::get<WorkerDied>(*on).worker == worker);
    CHECK(std::get<WorkerDied>(*on).status == status);
  }
}

TEST_CASE("a signal says how far it reaches") {
  for (const Reach reach : {Reach::kProcess, Reach::kGroup}) {
    const auto received =
        decode_to_zygote(encode(ToZygote{SignalWorker{ClientId{1, 2}, 9, reach}}));
    REQUIRE(received.ok());
    CHECK(std::get<SignalWorker>(*received).reach == reach);
    CHECK(std::get<SignalWorker>(*received).signal == 9);
  }
}

TEST_CASE("bytes that are no message are refused, cut anywhere") {
  const auto whole = encode(ToKeeper{StartZygote{7, "/bin/prog", {"A=1"}, {}}});
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto received = decode_to_keeper(ByteSpan{whole.data(), size});
    REQUIRE_FALSE(received.ok());
    CHECK(received.error().code == ErrorCode::kCorrupt);
  }
}
