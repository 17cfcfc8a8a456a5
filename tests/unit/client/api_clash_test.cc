// A program with two static functions of one name, both registered: Init refuses to start it. Ray
// would lose one of them.
#include "tests/unit/catch.h"

#include "ray/api.h"

static int helper(int x) { return x; }
RAY_REMOTE(helper);

TEST_CASE("two functions of one name and type are an error at start, by name") {
  ray::RayConfig config;
  config.local_mode = true;
  CHECK_THROWS_WITH(ray::Init(config),
                    Catch::Contains("helper") && Catch::Contains("int (*)(int)"));
  CHECK_FALSE(ray::IsInitialized());
}
