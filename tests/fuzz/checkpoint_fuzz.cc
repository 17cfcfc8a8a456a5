// Any bytes as a checkpoint: refused in words, or what is read is written as the same bytes.
#include <cstdlib>
#include <stdexcept>

#include "models/game-of-life/checkpoint.h"

using namespace ray::model::life;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try {
    if (encode_checkpoint(decode_checkpoint(bytes)) != bytes) std::abort();
  } catch (const std::invalid_argument& error) {
    if (error.what()[0] == 0) std::abort();
  }
  return 0;
}
