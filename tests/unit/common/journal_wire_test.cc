#include "common/wire/journal_wire.h"

#include "tests/unit/catch.h"
#include "tests/unit/common/samples.h"

using namespace rayd;
using test::Fill;
using test::same;
using test::Samples;

TEST_CASE("a job's row reads back with every field") {
  Random random{1};
  for (int round = 0; round < 200; ++round) {
    const auto row = Samples{random, round % 2 == 0 ? Fill::kFull : Fill::kSparse}.make<JobRow>();
    const auto back = wire::decode_job_row(wire::encode_job_row(row)->span());
    REQUIRE(back.ok());
    CHECK(same(*back, row));
  }
}

TEST_CASE("an actor's row reads back with every field") {
  Random random{2};
  for (int round = 0; round < 200; ++round) {
    Samples samples{random, round % 2 == 0 ? Fill::kFull : Fill::kSparse};
    const auto row = samples.make<ActorRow>();
    const auto back = wire::decode_actor_row(wire::encode_actor_row(row)->span());
    REQUIRE(back.ok());
    CHECK(same(*back, row));
  }
}

TEST_CASE("comparison of samples sees a change in any place") {
  Random random{3};
  const auto row = Samples{random}.make<ActorRow>();
  CHECK(same(row, row));
  ActorRow other = row;
  ++other.owner.value;
  CHECK_FALSE(same(row, other));
  other = row;
  auto creation = *row.info.creation;
  creation.function.name += "x";
  other.info.creation = std::make_shared<CallTemplate>(creation);
  CHECK_FALSE(same(row, other));
  other = row;
  other.args.pop_back();
  CHECK_FALSE(same(row, other));
}

TEST_CASE("a place in a store is not journalled, the nodes that hold a copy are") {
  Random random{4};
  Samples samples{random};
  ActorRow row;
  row.info.actor = samples.make<ActorId>();
  row.args.resize(1);
  samples.fill(row.args[0].reference);
  row.values.resize(1);
  row.values[0].kind = Value::Kind::kStored;
  row.values[0].size = 100'000;
  row.values[0].extent = {1, 64, 128};
  row.values[0].nodes = {NodeId{3}, NodeId{9}};
  const auto back = wire::decode_actor_row(wire::encode_actor_row(row)->span());
  REQUIRE(back.ok());
  CHECK(back->values[0].extent == Extent{});
  CHECK(back->values[0].nodes == row.values[0].nodes);
  CHECK(back->values[0].size == 100'000);
}

TEST_CASE("damaged rows give a row or kCorrupt, never more") {
  Random random{5};
  Samples samples{random};
  int refused = 0;
  for (int round = 0; round < 5'000; ++round) {
    const Bytes job = *wire::encode_job_row(samples.make<JobRow>());
    const Bytes actor = *wire::encode_actor_row(samples.make<ActorRow>());
    for (const Bytes& good : {job, actor}) {
      std::vector<uint8_t> bytes(good.span().begin(), good.span().end());
      for (uint64_t n = 1 + random.below(4); n > 0; --n) {
        bytes[random.below(bytes.size())] = static_cast<uint8_t>(random.next());
      }
      bytes.resize(random.chance(1, 4) ? random.below(bytes.size()) : bytes.size());
      const auto read_job = wire::decode_job_row(bytes);
      const auto read_actor = wire::decode_actor_row(bytes);
      for (const Error* error : {read_job.ok() ? nullptr : &read_job.error(),
                                 read_actor.ok() ? nullptr : &read_actor.error()}) {
        if (error == nullptr) continue;
        CHECK(error->code == ErrorCode::kCorrupt);
        ++refused;
      }
    }
  }
  CHECK(refused > 0);
  CHECK_FALSE(wire::decode_job_row({}).ok());
}
