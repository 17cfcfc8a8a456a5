// A function of the same name and type as one of api_clash_test.cc, and another one.
#include "ray/api.h"

static int helper(int x) { return x + 1; }
RAY_REMOTE(helper);
