// The codec of a connection's first words (hello.capnp). Pure; any bytes give a message that is
// within its limits, or kCorrupt.
#pragma once

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/types/hello.h"

namespace rayd::wire {

inline constexpr size_t kHelloHeaderBytes = 8;
inline constexpr size_t kMaxHelloBytes = 4096;  // with the header
inline constexpr size_t kMaxProgramBytes = 64;
inline constexpr size_t kMaxRefusalBytes = 1024;
inline constexpr size_t kMaxAddressBytes = 280;  // a name, and a port

/// Texts are cut to their limits, and characters that are no text become "?".
Bytes encode(const Hello& hello);
Bytes encode(const HelloAnswer& answer);

/// How long the message is, header included, by its first kHelloHeaderBytes bytes.
Result<size_t> hello_size(ByteSpan header);
/// The whole message, any alignment.
Result<Hello> decode_hello(ByteSpan bytes);
Result<HelloAnswer> decode_hello_answer(ByteSpan bytes);

}  // namespace rayd::wire
