#include "models/lib/rng.h"

#include <limits>

#include "models/lib/digest.h"
#include "tests/unit/catch.h"

using namespace ray::model;

TEST_CASE("rng-v1 gives the draws of its table") {
  CHECK(draw(0, {}) == Draw{0xe169c58d6627e8d5, 0x9b00dbd8bc57ac4c});
  CHECK(draw(42, {}) == Draw{0x77f5493b9ceaf053, 0x5742b3d712bf50ad});
  CHECK(draw(42, {.stream = Stream::kTransition}) == Draw{0x7fd5c499610ce4e4, 0xf70f1e6ed49de68f});
  CHECK(draw(42, {Stream::kMove, 7, 123456789012, 3}) ==
        Draw{0xb3a9e6383cdd54aa, 0x67b7026caa6e3546});
  CHECK(draw(~uint64_t{0}, {Stream{65535}, ~uint32_t{0}, ~uint64_t{0}, 65535}) ==
        Draw{0x41c83b0e408f276d, 0x6d5451fda20bc7c6});
}

TEST_CASE("a chance is an integer threshold, and its ends are exact") {
  CHECK(Chance(0.3).threshold() == 0x4ccccccccccccc00);
  CHECK(Chance(0.5).threshold() == uint64_t{1} << 63);
  constexpr uint64_t kLargest = std::numeric_limits<uint64_t>::max();
  CHECK(Chance(1).hit(kLargest));
  CHECK(Chance(2).hit(kLargest));
  CHECK(Chance(0.5).hit((uint64_t{1} << 63) - 1));
  CHECK_FALSE(Chance(0.5).hit(uint64_t{1} << 63));
  CHECK_FALSE(Chance(0).hit(0));
  CHECK_FALSE(Chance(-1).hit(0));
  CHECK_FALSE(Chance(std::numeric_limits<double>::quiet_NaN()).hit(0));
}

TEST_CASE("a uniform number is the high half of a product") {
  CHECK(uniform_below(6, 0) == 0);
  CHECK(uniform_below(6, ~uint64_t{0}) == 5);
  CHECK(uniform_below(2, uint64_t{1} << 63) == 1);
  CHECK(uniform_below(2, (uint64_t{1} << 63) - 1) == 0);
  CHECK(uniform_below(1, ~uint64_t{0}) == 0);
}

TEST_CASE("a digest ignores empty cells and is written in 16 digits") {
  CHECK(splitmix64(0) == 0xe220a8397b1dcdaf);
  CHECK(digest_part({5, 0}) == 0);
  CHECK(digest_part({5, 1}) == splitmix64(5 * 256 + 1));
  CHECK(digest_text(0) == "0000000000000000");
  CHECK(digest_text(0x7057fbc014eaea6d) == "7057fbc014eaea6d");
}
