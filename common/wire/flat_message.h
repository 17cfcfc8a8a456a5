// Messages of Cap'n Proto's stream framing that stand alone, as blobs: built once, kept, read.
// Internal to common/wire: it includes generated code's library.
#pragma once

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/exception.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/wire/values.h"

namespace rayd::wire {

inline Bytes to_bytes(capnp::MessageBuilder& message) {
  const auto words = capnp::messageToFlatArray(message);
  const auto bytes = words.asBytes();
  return Bytes::copy(ByteSpan{bytes.begin(), bytes.size()});
}

/// Any alignment; whatever is wrong with the bytes is kCorrupt.
template <class Root, class Read>
auto read_flat_message(ByteSpan bytes, const Read& read)
    -> Result<decltype(read(std::declval<typename Root::Reader>()))> {
  std::vector<capnp::word> words((bytes.size() + sizeof(capnp::word) - 1) / sizeof(capnp::word));
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<uint8_t*>(words.data()));
  capnp::ReaderOptions options;
  options.traversalLimitInWords = words.size() * 2 + 64;
  options.nestingLimit = 16;
  return read_guarded([&] {
    capnp::FlatArrayMessageReader reader{{words.data(), words.size()}, options};
    return read(reader.getRoot<Root>());
  });
}

}  // namespace rayd::wire
