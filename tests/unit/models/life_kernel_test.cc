#include "models/game-of-life/kernel.h"

#include "models/game-of-life/rule.h"
#include "tests/unit/catch.h"
#include "tests/unit/models/life_test.h"

using namespace ray::model::life;

TEST_CASE("rules are read in the spellings that people use") {
  const Rule conway;
  for (const char* text : {"B3/S23", "b3/s23", "B3S23", "S23/B3", "23/3", "B3/S32"}) {
    CAPTURE(text);
    CHECK(parse_rule(text) == conway);
  }
  CHECK(parse_rule("B/S") == Rule{0, 0});
  CHECK(parse_rule("/2") == Rule{1 << 2, 0});
  CHECK(parse_rule("B012345678/S012345678") == Rule{511, 511});
  for (const char* text :
       {"", "B3", "3", "B9/S23", "B33/S2", "B3/S23x", "B3/B3", "B3/23", "B-3/S"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_rule(text).has_value());
  }
  CHECK(rule_text(conway) == "B3/S23");
  CHECK(rule_text({0, 511}) == "B/S012345678");
}

TEST_CASE("every kernel computes what the definition says, for any rule and any shape") {
  TestRandom random;
  for (int round = 0; round < 60; ++round) {
    const int64_t rows = random.between(1, 70), words = random.between(1, 21);
    const int64_t stride = words + random.below(9);
    const Rule rule = round < 20 ? Rule{}
                                 : Rule{static_cast<uint16_t>(random.below(512)),
                                        static_cast<uint16_t>(random.below(512))};
    const auto size = static_cast<size_t>((rows + 2) * stride + 2);
    std::vector<uint64_t> from(size);
    for (uint64_t& word : from) word = random.next() & random.next();
    const auto alive = [&](int64_t y, int64_t x) {
      const int64_t bit = (y + 1) * stride * 64 + 64 + x;
      return from[static_cast<size_t>(bit / 64)] >> bit % 64 & 1;
    };
    for (const Kernel& kernel : kernels()) {
      CAPTURE(kernel.name, rows, words, stride, rule_text(rule));
      const uint64_t untouched = 0x5555aaaa5555aaaa;
      std::vector<uint64_t> to(size, untouched);
      kernel.step({from.data() + stride + 1, to.data() + stride + 1, stride, rows, words}, rule);
      int64_t wrong = 0;
      for (int64_t y = 0; y < rows; ++y) {
        for (int64_t x = 0; x < words * 64; ++x) {
          uint64_t count = 0;
          for (int64_t i = 0; i < 9; ++i) count += i == 4 ? 0 : alive(y + i / 3 - 1, x + i % 3 - 1);
          const uint64_t next = (alive(y, x) ? rule.survival : rule.birth) >> count & 1;
          const auto word = static_cast<size_t>((y + 1) * stride + 1 + x / 64);
          wrong += next != (to[word] >> x % 64 & 1);
        }
        for (int64_t word = words; word < stride; ++word) {
          wrong += to[static_cast<size_t>((y + 1) * stride + 1 + word)] != untouched;
        }
      }
      CHECK(wrong == 0);
      CHECK(to[static_cast<size_t>(stride)] == untouched);
    }
  }
}
