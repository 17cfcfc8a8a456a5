// A module: a shared object whose constructor runs when rayd-worker loads it.

#include <unistd.h>

#include "tests/integration/process_client.h"

namespace {

struct Constructed {
  Constructed() { process_test::constructed_by = getpid(); }
};
Constructed constructed;

}  // namespace
