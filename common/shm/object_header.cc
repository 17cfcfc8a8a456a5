#include "common/shm/object_header.h"

#include <xxhash.h>

#include <cstring>

namespace rayd::shm {
namespace {

constexpr uint32_t kMagic = 0x4F594152;  // "RAYO"
constexpr uint8_t kVersion = 1;

struct Stored {
  uint32_t magic = kMagic;
  uint8_t version = kVersion;
  uint8_t kind = 0;
  uint8_t element = 0;
  uint8_t zero = 0;
  uint64_t payload_bytes = 0;
  uint32_t contained_refs = 0;
  uint32_t zeros[9] = {};
  uint64_t checksum = 0;
};
static_assert(sizeof(Stored) == kObjectHeaderBytes && offsetof(Stored, checksum) == 56);

uint64_t checksum_of(const Stored& stored) {
  return XXH3_64bits(&stored, offsetof(Stored, checksum));
}

}  // namespace

void write_object_header(const ObjectHeader& header,
                         std::span<uint8_t, kObjectHeaderBytes> memory) {
  Stored stored{.kind = header.kind,
                .element = header.element,
                .payload_bytes = header.payload_bytes,
                .contained_refs = header.contained_refs};
  stored.checksum = checksum_of(stored);
  std::memcpy(memory.data(), &stored, sizeof stored);
}

Result<ObjectHeader> read_object_header(ByteSpan object) {
  const auto refuse = [](const char* what) {
    return Error{ErrorCode::kCorrupt, std::string{"stored object: "} + what};
  };
  if (object.size() < kObjectHeaderBytes) return refuse("shorter than its header");
  Stored stored;
  std::memcpy(&stored, object.data(), sizeof stored);
  if (stored.magic != kMagic) return refuse("no object begins here");
  if (stored.checksum != checksum_of(stored)) return refuse("its header was overwritten");
  if (stored.version != kVersion) return refuse("written by another version");
  if (stored.payload_bytes > object.size() - kObjectHeaderBytes) {
    return refuse("longer than its place");
  }
  return ObjectHeader{.kind = stored.kind,
                      .element = stored.element,
                      .contained_refs = stored.contained_refs,
                      .payload_bytes = stored.payload_bytes};
}

}  // namespace rayd::shm
