// Any bytes as RLE: a pattern whose runs are in order and inside its box, or a refusal with a
// place; a small one that is written is read back as it was.
#include <cstdlib>

#include "models/lib/rle.h"

using namespace ray::model;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

void check(const Pattern& pattern, size_t text_size) {
  must(pattern.runs.size() <= text_size);
  const Run* last = nullptr;
  for (const Run& run : pattern.runs) {
    must(run.length > 0 && run.x >= 0 && run.y >= 0);
    must(run.x + run.length <= pattern.width && run.y < pattern.height);
    if (last != nullptr) {
      must(run.y > last->y || (run.y == last->y && run.x > last->x + last->length));
    }
    last = &run;
  }
}

void write_and_read(const Pattern& pattern) {
  if (pattern.width > 300 || pattern.height > 300) return;
  BitGrid grid(pattern.width, pattern.height);
  for (const Run& run : pattern.runs) {
    for (int64_t i = 0; i < run.length; ++i) grid.set(run.x + i, run.y);
  }
  const Pattern again = read_rle(write_rle(grid, "B3/S23"));
  must(again.runs == pattern.runs);
  must(again.width == pattern.width && again.height == pattern.height);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const Pattern pattern = read_rle(text);
    check(pattern, size);
    write_and_read(pattern);
  } catch (const PatternError& error) {
    must(error.place().line >= 1 && error.place().column >= 1);
  }
  return 0;
}
