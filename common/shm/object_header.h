// The 64 bytes in front of every stored object: what it is, how long, and that it is one.
//
//   0 magic u32 | 4 version u8 | 5 kind u8 | 6 element u8 | 7 zero
//   8 payload length u64 | 16 contained references u32 | 20 zero … | 56 xxh3 of bytes 0–55
//
// Pure functions over spans. Reading judges a private copy, so that a writer who changes the bytes
// meanwhile spoils nothing but its own object.
#pragma once

#include <cstdint>
#include <span>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace rayd::shm {

inline constexpr uint64_t kObjectHeaderBytes = 64;

struct ObjectHeader {
  uint8_t kind = 0;     // opaque here: how the payload is to be read
  uint8_t element = 0;  // opaque here: of what an array consists
  uint32_t contained_refs = 0;
  uint64_t payload_bytes = 0;
  constexpr bool operator==(const ObjectHeader&) const = default;
};

void write_object_header(const ObjectHeader& header, std::span<uint8_t, kObjectHeaderBytes> memory);

/// `object` is the stored object, header and payload, as long as its extent says. kCorrupt unless
/// magic, version and checksum are right and the payload fits.
Result<ObjectHeader> read_object_header(ByteSpan object);

/// The payload of an object whose header was read from the same span.
inline ByteSpan object_payload(ByteSpan object, const ObjectHeader& header) {
  return object.subspan(kObjectHeaderBytes, header.payload_bytes);
}

}  // namespace rayd::shm
