// A connection's first words from a stranger: any bytes are a hello within its limits, which is
// read again as it is written, or kCorrupt.
#include <algorithm>
#include <cstdlib>

#include "common/wire/hello_wire.h"

namespace {

template <class Message, class Decode>
void check(const rayd::Result<Message>& message, Decode decode) {
  if (!message.ok()) {
    if (message.error().code != rayd::ErrorCode::kCorrupt) std::abort();
    return;
  }
  const rayd::Bytes bytes = rayd::wire::encode(*message);
  if (bytes.size() > rayd::wire::kMaxHelloBytes) std::abort();
  const auto again = decode(bytes.span());
  if (!again.ok() || *again != *message) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const rayd::ByteSpan bytes{data, size};
  const auto length = rayd::wire::hello_size(bytes.first(std::min<size_t>(size, 8)));
  if (length.ok() && (*length < 16 || *length > rayd::wire::kMaxHelloBytes)) std::abort();
  check(rayd::wire::decode_hello(bytes), rayd::wire::decode_hello);
  check(rayd::wire::decode_hello_answer(bytes), rayd::wire::decode_hello_answer);
  return 0;
}
