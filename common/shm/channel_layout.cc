#include "common/shm/channel_layout.h"

#include <bit>

namespace rayd::shm {

Status check_channel_sizes(const ChannelSizes& sizes) {
  const auto fits = [](uint32_t bytes) {
    return std::has_single_bit(bytes) && bytes >= kMinRingBytes && bytes <= kMaxRingBytes;
  };
  if (fits(sizes.out_bytes) && fits(sizes.answers_bytes) &&
      (sizes.work_bytes == 0 || fits(sizes.work_bytes))) {
    return {};
  }
  return Error{ErrorCode::kInvalidArgument,
               "ring sizes are powers of two from " + std::to_string(kMinRingBytes) + " to " +
                   std::to_string(kMaxRingBytes) + " bytes, not " +
                   std::to_string(sizes.out_bytes) + ", " + std::to_string(sizes.answers_bytes) +
                   " and " + std::to_string(sizes.work_bytes)};
}

void write_channel_header(const ChannelHeader& header, uint8_t* memory) {
  std::memcpy(memory, &header, sizeof header);
}

Result<ChannelHeader> read_channel_header(ByteSpan memory, ChannelFile expected) {
  const auto refuse = [](const std::string& what) {
    return Error{ErrorCode::kCorrupt, "channel memory: " + what};
  };
  ChannelHeader header;
  if (memory.size() < sizeof header) return refuse("too short for a header");
  std::memcpy(&header, memory.data(), sizeof header);
  if (header.magic != ChannelHeader::kMagic) return refuse("no channel header");
  if (header.version != ChannelHeader::kVersion) {
    return refuse("version " + std::to_string(header.version) + ", this program speaks " +
                  std::to_string(ChannelHeader::kVersion) +
                  "; restart the cluster with the same release");
  }
  if (header.file != expected) return refuse("descriptors in the wrong order");
  if (header.slot_bytes != kSlotBytes) return refuse("another slot size");
  const Status sizes =
      check_channel_sizes({header.out_bytes, header.answers_bytes, header.work_bytes});
  if (!sizes) return refuse(sizes.error().message);
  return header;
}

}  // namespace rayd::shm
