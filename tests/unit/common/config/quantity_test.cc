#include "common/config/quantity.h"

#include <array>

#include "common/config/nearest.h"
#include "tests/unit/catch.h"

using namespace rayd;

TEST_CASE("sizes are read with binary units, and the ambiguous ones refused") {
  CHECK(*parse_bytes("0") == 0);
  CHECK(*parse_bytes("4096") == 4096);
  CHECK(*parse_bytes("7B") == 7);
  CHECK(*parse_bytes("512MiB") == int64_t{512} << 20);
  CHECK(*parse_bytes("1.5 GiB") == int64_t{3} << 29);
  CHECK(*parse_bytes("2TiB") == int64_t{2} << 40);
  for (const char* text : {"", "GiB", "1GB", "1G", "1gib", "-1", "+1", "1.5", "1..5KiB", "1 ",
                           "1e3", "0x10", "9223372036854775808", "9007199254740993TiB", "1KiB2"}) {
    INFO(text);
    CHECK_FALSE(parse_bytes(text).ok());
  }
}

TEST_CASE("durations are read in milliseconds or with a unit") {
  CHECK(*parse_millis("1500") == 1500);
  CHECK(*parse_millis("1500ms") == 1500);
  CHECK(*parse_millis("1.5s") == 1500);
  CHECK(*parse_millis("2h") == 7'200'000);
  CHECK(*parse_millis("7d") == 604'800'000);
  CHECK(parse_millis("5 minutes").error().message ==
        "'5 minutes' is no duration; write 1500 (milliseconds), 30s, 5m, 2h or 7d");
}

TEST_CASE("what is formatted reads back exactly") {
  CHECK(format_bytes(0) == "0B");
  CHECK(format_bytes(1536) == "1.5KiB");
  CHECK(format_bytes(1000) == "1000B");
  CHECK(format_bytes(int64_t{200} << 30) == "200GiB");
  CHECK(format_millis(250) == "250ms");
  CHECK(format_millis(1500) == "1.5s");
  CHECK(format_millis(604'800'000) == "7d");
  for (int64_t value = 1; value > 0 && value < INT64_MAX / 3; value = value * 3 + 1) {
    CHECK(*parse_bytes(format_bytes(value)) == value);
    CHECK(*parse_millis(format_millis(value)) == value);
  }
}

TEST_CASE("numbers are whole texts") {
  CHECK(*parse_integer("-5") == -5);
  CHECK(*parse_number("-.5") == -0.5);
  for (const char* text : {"", " 1", "1 ", "+1", "nan", "inf", "1x"}) {
    INFO(text);
    CHECK_FALSE(parse_integer(text).ok());
    CHECK_FALSE(parse_number(text).ok());
  }
}

TEST_CASE("a slip of the fingers finds the name that was meant") {
  constexpr std::array<std::string_view, 5> names{"submit", "start", "status", "stop", "num_cpus"};
  CHECK(nearest_name("sumbit", names) == "submit");
  CHECK(nearest_name("stat", names) == "start");
  CHECK(nearest_name("stats", names) == "status");
  CHECK(nearest_name("statsu", names) == "status");
  CHECK(nearest_name("num-cpu", names) == "num_cpus");
  CHECK(nearest_name("NUM_CPUS", names) == "num_cpus");
  CHECK(nearest_name("su", names) == "submit");
  CHECK_FALSE(nearest_name("frobnicate", names));
  CHECK_FALSE(nearest_name("", names));
  CHECK_FALSE(nearest_name("x", names));
  CHECK(did_you_mean("sotp", names) == " (did you mean 'stop'?)");
  CHECK(did_you_mean("frobnicate", names).empty());
}
