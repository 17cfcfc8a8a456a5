#include "common/base/process_memory.h"

#include <fstream>
#include <stdexcept>
#include <string>

#include "tests/unit/catch.h"

namespace {

/// Resident pages that are in files.
long file_pages() {
  std::ifstream statm{"/proc/self/statm"};
  long size = 0;
  long resident = 0;
  long shared = 0;
  statm >> size >> resident >> shared;
  return shared;
}

int written_before = 41;

}  // namespace

TEST_CASE("dropped pages of files come back by themselves, and what was written stays") {
  ++written_before;
  const long before = file_pages();
  rayd::drop_file_pages();
  CHECK(file_pages() < before);
  CHECK(written_before == 42);
  CHECK_THROWS_AS(std::stoi("no number"), std::invalid_argument);
}
