#include "common/wire/hot_lane.h"

#include <chrono>
#include <cstring>
#include <iostream>

#include "common/base/random.h"
#include "tests/unit/catch.h"

using namespace rayd;

namespace {

const ClientId kClient{1, 7};

Value inline_value(std::string_view text) {
  Value value;
  value.kind = Value::Kind::kInline;
  value.tag = 0x1234;
  value.bytes = Bytes::copy(text);
  value.size = text.size();
  return value;
}

CallTemplate full_template() {
  CallTemplate call;
  call.kind = CallTemplate::Kind::kActorCreation;
  call.function.image.bytes[3] = 9;
  call.function.name = "Counter::FactoryCreate";
  call.function.type = "Counter* (int)";
  call.display_name = "c";
  call.demand.cpu = 5000;
  call.demand.custom = {{"disk", 20000}};
  call.actor.name = "counter";
  call.actor.name_space = "lab";
  call.actor.lifetime = Lifetime::kDetached;
  call.actor.max_restarts = -1;
  call.actor.placement_demand.cpu = kUnit;
  call.environment = {{"A", "1"}, {"B", "2"}};
  return call;
}

ClientMessage round_trip(const ClientMessage& message) {
  wire::Encoder encoder;
  const auto bytes = encoder.encode(message);
  REQUIRE(bytes.ok());
  auto back = wire::decode_client_message(*bytes, kClient);
  REQUIRE(back.ok());
  return std::move(back).value();
}

}  // namespace

TEST_CASE("a submit reads back with its arguments in order") {
  Submit submit{TaskId::make(kClient, 99), 3, {}};
  submit.args.resize(3);
  submit.args[0].value = inline_value("abc");
  submit.args[0].value.contains = {TaskId::make({2, 2}, 5).object(1)};
  submit.args[1].reference = TaskId::make({1, 7}, 98).object(1);
  submit.args[2].value.kind = Value::Kind::kStored;
  submit.args[2].value.extent = {0, 4096, 128};
  submit.args[2].value.size = 64;
  const auto back = std::get<Submit>(round_trip(submit));
  CHECK(back.task == submit.task);
  CHECK(back.template_id == 3);
  REQUIRE(back.args.size() == 3);
  CHECK(back.args[0].value.bytes.text() == "abc");
  CHECK(back.args[0].value.tag == 0x1234);
  CHECK(back.args[0].value.contains == submit.args[0].value.contains);
  CHECK(back.args[1].reference == submit.args[1].reference);
  CHECK(back.args[2].value.extent == submit.args[2].value.extent);
}

TEST_CASE("a template reads back equal") {
  const auto back = std::get<DefineTemplate>(round_trip(DefineTemplate{4, full_template()}));
  CHECK(back.id == 4);
  CHECK(back.definition == full_template());
}

TEST_CASE("the other client messages read back") {
  const ObjectId object = TaskId::make(kClient, 5).object(2);
  CHECK(std::get<Release>(round_trip(Release{{{object, 3}}})).objects[0] ==
        CountedObject{object, 3});
  CHECK(std::get<Want>(round_trip(Want{{object}, Want::Fetch::kNo})).fetch == Want::Fetch::kNo);
  CHECK(std::get<Unwant>(round_trip(Unwant{{object}})).objects[0] == object);
  const auto blocked = std::get<Blocked>(round_trip(Blocked{7, {object}}));
  CHECK(blocked.wait == 7);
  CHECK(blocked.objects == std::vector{object});
  CHECK(std::holds_alternative<Unblocked>(round_trip(Unblocked{})));
  const auto cancel = std::get<Cancel>(
      round_trip(Cancel{object.task(), Cancel::Force::kYes, Cancel::Recursive::kNo}));
  CHECK(cancel.task == object.task());
  CHECK(cancel.force == Cancel::Force::kYes);
  CHECK(cancel.recursive == Cancel::Recursive::kNo);
  const auto find = std::get<GetActor>(round_trip(GetActor{8, "a", "b"}));
  CHECK(find.request == 8);
  CHECK(find.name_space == "b");
  const auto arena =
      std::get<RequestArena>(round_trip(RequestArena{9, 1 << 20, RequestArena::Kind::kExtent}));
  CHECK(arena.bytes == 1 << 20);
  CHECK(arena.kind == RequestArena::Kind::kExtent);
  Done done{object.task(), 2, {inline_value("r")}, nullptr, Done::ActorExits::kYes};
  auto error = std::make_shared<ErrorInfo>();
  error->code = ErrorCode::kTaskThrew;
  error->remote_type = "std::runtime_error";
  error->message = "boom";
  done.error = error;
  const auto done_back = std::get<Done>(round_trip(done));
  CHECK(done_back.actor_exits == Done::ActorExits::kYes);
  CHECK(done_back.error->message == "boom");
  CHECK(done_back.error->code == ErrorCode::kTaskThrew);
  CHECK(done_back.results[0].bytes.text() == "r");
}

TEST_CASE("answers and work read back") {
  wire::Encoder encoder;
  const ObjectId object = TaskId::make(kClient, 5).object(1);
  const auto ready = wire::decode_client_answer(*encoder.encode(Ready{object, inline_value("x")}));
  CHECK(std::get<Ready>(*ready).value.bytes.text() == "x");
  const auto found = wire::decode_client_answer(*encoder.encode(
      ActorFound{3, ActorId::of(object.task()), std::make_shared<CallTemplate>(full_template())}));
  CHECK(*std::get<ActorFound>(*found).creation == full_template());
  const auto inline_run = wire::decode_client_answer(*encoder.encode(RunInline{9}));
  CHECK(std::get<RunInline>(*inline_run).wait == 9);
  Run run;
  run.task = object.task();
  run.attempt = 2;
  run.args = {inline_value("p")};
  run.actor = ActorId::of(object.task());
  run.incarnation = 3;
  const auto work = wire::decode_work_message(*encoder.encode_run(run, 11));
  const auto& back = std::get<wire::RunCall>(*work);
  CHECK(back.call == 11);
  CHECK(back.args[0].bytes.text() == "p");
  CHECK(back.incarnation == 3);
}

TEST_CASE("a long message travels in parts, beside short ones, and reads back") {
  wire::Encoder encoder;
  wire::Reassembler reassembler;
  for (const size_t size : {10u, 5'000u, 100'000u, 10u}) {
    const ClientMessage message{
        Put{TaskId::make(kClient, 1).object(0), inline_value(std::string(size, 'x'))}};
    wire::Fragments parts{*encoder.encode(message), 4096};
    ByteSpan whole;
    int count = 0;
    for (ByteSpan part = parts.next(); !part.empty(); part = parts.next()) {
      CHECK(part.size() <= 4096);
      CHECK(whole.empty());
      std::vector<uint64_t> aligned(part.size() / 8);
      std::memcpy(aligned.data(), part.data(), part.size());
      whole = *reassembler.add({reinterpret_cast<uint8_t*>(aligned.data()), part.size()});
      ++count;
      if (whole.empty()) continue;
      const auto back = wire::decode_client_message(whole, kClient);
      REQUIRE(back.ok());
      CHECK(std::get<Put>(*back).value.bytes.size() == size);
    }
    CHECK_FALSE(whole.empty());
    CHECK((count == 1) == (size < 4'000));
  }
}

TEST_CASE("a message whose last part was taken back is discarded by the next first part") {
  const std::vector<uint64_t> words(2'000, 4);
  const ByteSpan message{reinterpret_cast<const uint8_t*>(words.data()), words.size() * 8};
  wire::Reassembler reassembler;
  wire::Fragments torn{message, 4096};
  CHECK((*reassembler.add(torn.next())).empty());
  wire::Fragments again{message, 4096};
  ByteSpan whole;
  for (ByteSpan part = again.next(); !part.empty(); part = again.next()) {
    whole = *reassembler.add(part);
  }
  CHECK(whole.size() == message.size());
}

TEST_CASE("parts that continue nothing are refused") {
  const std::vector<uint64_t> words(2'000, 4);
  const ByteSpan message{reinterpret_cast<const uint8_t*>(words.data()), words.size() * 8};
  wire::Fragments parts{message, 4096};
  (void)parts.next();
  wire::Reassembler reassembler;
  CHECK_FALSE(reassembler.add(parts.next()).ok());
  const uint64_t huge = 3 | 4 | uint64_t{0xFFFFFFF8} << 32;
  CHECK_FALSE(reassembler.add({reinterpret_cast<const uint8_t*>(&huge), 8}).ok());
}

TEST_CASE("damaged bytes give a message or kCorrupt, never more") {
  wire::Encoder encoder;
  Submit submit{TaskId::make(kClient, 99), 3, {}};
  submit.args.resize(2);
  submit.args[0].value = inline_value("abcdefgh");
  submit.args[1].reference = TaskId::make(kClient, 98).object(1);
  const ByteSpan good = *encoder.encode(ClientMessage{submit});
  std::vector<uint64_t> words(good.size() / 8);
  Random random{42};
  int refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::memcpy(words.data(), good.data(), good.size());
    auto* bytes = reinterpret_cast<uint8_t*>(words.data());
    for (uint64_t n = 1 + random.below(4); n > 0; --n) {
      bytes[random.below(good.size())] = static_cast<uint8_t>(random.next());
    }
    const size_t length = 8 * (1 + random.below(words.size()));
    if (!wire::decode_client_message({bytes, length}, kClient).ok()) ++refused;
    (void)wire::decode_client_answer({bytes, length});
    (void)wire::decode_work_message({bytes, length});
  }
  CHECK(refused > 0);
  CHECK_FALSE(wire::decode_client_message({}, kClient).ok());
}

TEST_CASE("encode and decode of a small submit, timed", "[.bench]") {
  wire::Encoder encoder;
  Submit submit{TaskId::make(kClient, 99), 3, {}};
  submit.args.resize(2);
  submit.args[0].value = inline_value("abcd");
  submit.args[1].value = inline_value("abcd");
  const ClientMessage message{submit};
  const auto begin = std::chrono::steady_clock::now();
  constexpr int kRounds = 1'000'000;
  for (int i = 0; i < kRounds; ++i) {
    const auto bytes = encoder.encode(message);
    const auto back = wire::decode_client_message(*bytes, kClient);
    if (!back.ok()) std::abort();
  }
  const auto took = std::chrono::steady_clock::now() - begin;
  std::cout << std::chrono::duration<double, std::nano>(took).count() / kRounds << " ns\n";
}
