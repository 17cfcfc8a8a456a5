// A user's program: a constructor, and a main with a side effect that must happen in the driver
// only.

#include <cstdio>
#include <cstdlib>
#include <thread>

#include <unistd.h>

#include "tests/integration/process_client.h"

namespace {

struct Constructed {
  Constructed() {
    process_test::constructed_by = getpid();
    std::printf("constructed\n");  // stays in the buffer of a pipe: no worker may print it again
    if (std::getenv("PROCESS_TEST_HANG") != nullptr) {
      for (;;) pause();
    }
    if (std::getenv("PROCESS_TEST_CRASH") != nullptr) {
      std::fprintf(stderr, "this constructor gives up\n");
      std::abort();
    }
    if (std::getenv("PROCESS_TEST_THREAD") != nullptr) {
      std::thread{[] {
        for (;;) pause();
      }}.detach();
    }
  }
};
Constructed constructed;

}  // namespace

int main(int argc, char** argv) {
  ++process_test::main_calls;
  std::printf("main of %s with %d arguments\n", argc > 0 ? argv[0] : "?", argc - 1);
  return 5;
}
