#include "common/base/iso_time.h"

#include "tests/unit/catch.h"

using namespace rayd;

TEST_CASE("times are ISO 8601 in UTC with milliseconds") {
  CHECK(iso_time(0) == "1970-01-01T00:00:00.000Z");
  CHECK(iso_time(1'795'523'889'250) == "2026-11-24T12:38:09.250Z");
}

TEST_CASE("a time reads back from its text, and nothing else is one") {
  CHECK(parse_iso_time("2026-11-24T12:38:09.250Z") == 1'795'523'889'250);
  CHECK(parse_iso_time("1970-01-01T00:00:00.007Z") == 7);
  for (const char* text :
       {"", "2026-11-24", "2026-11-24T12:38:09Z", "2026-11-24T12:38:09.25Z",
        "2026-11-24T12:38:09.250Z ", "2026-13-24T12:38:09.250Z", "2026-02-30T12:38:09.250Z"}) {
    INFO(text);
    CHECK_FALSE(parse_iso_time(text));
  }
}
