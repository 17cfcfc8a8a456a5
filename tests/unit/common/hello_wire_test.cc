// The codec of a connection's first words.
#include "common/wire/hello_wire.h"

#include "tests/unit/catch.h"

using namespace rayd;
using namespace rayd::wire;

namespace {

Hello full_hello() {
  Hello hello;
  hello.protocols = {3, 9};
  hello.program = "rayd 1.2.3";
  hello.lane = Lane::kBulk;
  hello.token.emplace();
  hello.token->id = {0x1122334455667788};
  hello.token->secret.bytes.fill(7);
  hello.cluster.bytes.fill(5);
  hello.node = {42};
  hello.to = {43};
  hello.resume = {77, 1u << 20};
  hello.plain_bulk = PlainBulk::kYes;
  hello.reached_at = "[fd00::7]:7390";
  return hello;
}

}  // namespace

TEST_CASE("a hello arrives as it was said") {
  for (const Hello& hello : {Hello{}, full_hello()}) {
    const Bytes bytes = encode(hello);
    CHECK(bytes.size() <= kMaxHelloBytes);
    const auto read = decode_hello(bytes.span());
    REQUIRE(read.ok());
    CHECK(*read == hello);
  }
}

TEST_CASE("both kinds of answer arrive as they were said") {
  HelloAccepted accepted;
  accepted.protocol = 4;
  accepted.program = "rayd 2";
  accepted.cluster.bytes.fill(1);
  accepted.node = {8};
  accepted.answerer = {2};
  accepted.epoch = 12;
  accepted.resume = {1, 2};
  accepted.plain_bulk = PlainBulk::kYes;
  HelloRefused refused;
  refused.reason = HelloRefused::Reason::kDeadNode;
  refused.text = "node-8 was declared dead";
  refused.protocols = {2, 5};
  refused.program = "rayd 2";
  for (const HelloAnswer& answer : {HelloAnswer{accepted}, HelloAnswer{refused}}) {
    const auto read = decode_hello_answer(encode(answer).span());
    REQUIRE(read.ok());
    CHECK(*read == answer);
  }
}

TEST_CASE("texts are cut to their limits between characters, and cleaned") {
  Hello hello;
  hello.program = std::string(kMaxProgramBytes - 1, 'a') + "ü" + "b";
  CHECK(decode_hello(encode(hello).span())->program == std::string(kMaxProgramBytes - 1, 'a'));
  hello.program = std::string("a\x1b[31m\0b\n", 9);
  CHECK(decode_hello(encode(hello).span())->program == "a?[31m?b?");
  HelloRefused refused;
  refused.text = std::string(100'000, 'x');
  const auto read = decode_hello_answer(encode(HelloAnswer{refused}).span());
  REQUIRE(read.ok());
  CHECK(std::get<HelloRefused>(*read).text.size() == kMaxRefusalBytes);
}

TEST_CASE("a hello that is cut, longer than it says, or in several segments is none") {
  const Bytes good = encode(full_hello());
  for (size_t size = 0; size < good.size(); ++size) {
    CHECK(decode_hello(good.span().first(size)).error().code == ErrorCode::kCorrupt);
  }
  std::vector<uint8_t> bytes(good.span().begin(), good.span().end());
  bytes.insert(bytes.end(), 8, 0);
  CHECK_FALSE(decode_hello(bytes).ok());
  bytes.resize(good.size());
  bytes[0] = 1;
  CHECK_FALSE(decode_hello(bytes).ok());
}

TEST_CASE("the length of a hello is judged before anything is read for it") {
  const auto header = [](uint32_t words) {
    const uint32_t parts[2] = {0, words};
    std::vector<uint8_t> bytes(8);
    std::memcpy(bytes.data(), parts, 8);
    return bytes;
  };
  CHECK_FALSE(hello_size(header(0)).ok());
  CHECK(*hello_size(header(1)) == 16);
  CHECK(*hello_size(header(511)) == kMaxHelloBytes);
  CHECK_FALSE(hello_size(header(512)).ok());
  CHECK_FALSE(hello_size(header(0xffffffff)).ok());
}

TEST_CASE("the newest protocol that both speak is taken") {
  CHECK(common_protocol({1, 3}, {2, 9}) == 3);
  CHECK(common_protocol({5, 5}, {5, 5}) == 5);
  CHECK_FALSE(common_protocol({1, 2}, {3, 4}).has_value());
  CHECK_FALSE(common_protocol({3, 4}, {1, 2}).has_value());
}
