// Where everything lies in the three memories of a channel, and the header that says so.
//
// Pure. Offsets follow from the sizes; both sides compute them, the header only has to agree.
// Words that different sides or purposes write lie 128 bytes apart, so that they share no cache
// line pair.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/shm/memory_file.h"
#include "common/shm/ring.h"

namespace rayd::shm {

/// What each ring may take, powers of two: as many slots, a power of two again, as fit into it.
/// Only pages that were touched cost memory.
struct ChannelSizes {
  uint32_t out_bytes = 256 << 10;
  uint32_t answers_bytes = 256 << 10;
  uint32_t work_bytes = 128 << 10;  // 0: a client that is no worker
  constexpr bool operator==(const ChannelSizes&) const = default;
};

inline constexpr uint32_t kMinRingBytes = 8192;  // 32 slots: holds the longest message
inline constexpr uint32_t kMaxRingBytes = 64 << 20;

enum class ChannelFile : uint32_t { kClient = 1, kDaemon = 2, kClaims = 3 };

/// The first bytes of each file, written once by the daemon.
struct ChannelHeader {
  static constexpr uint64_t kMagic = 0x314E414843594152u;  // "RAYCHAN1"
  static constexpr uint32_t kVersion = 1;
  uint64_t magic = kMagic;
  uint32_t version = kVersion;
  ChannelFile file = ChannelFile::kClient;
  uint64_t id = 0;
  uint32_t slot_bytes = kSlotBytes;
  uint32_t out_bytes = 0;
  uint32_t answers_bytes = 0;
  uint32_t work_bytes = 0;
  int64_t spin_budget_ns = 0;
};
static_assert(sizeof(ChannelHeader) == 48 && std::is_trivially_copyable_v<ChannelHeader>);

struct ChannelLayout {
  static constexpr uint64_t kWordDistance = 128;
  static constexpr uint64_t kRings = kPageBytes;  // words and header lie in the first page

  // Client memory.
  static constexpr uint64_t kClientArmed = 2 * kWordDistance;
  static constexpr uint64_t kAnswersConsumed = 3 * kWordDistance;
  static constexpr uint64_t kWorkConsumed = 4 * kWordDistance;
  static constexpr uint64_t kOutRing = kRings;
  // Daemon memory.
  static constexpr uint64_t kDaemonArmed = 2 * kWordDistance;
  static constexpr uint64_t kOutConsumed = 3 * kWordDistance;
  static constexpr uint64_t kFinishedTasks = 4 * kWordDistance;
  static constexpr uint64_t kLeaseDeadline = 5 * kWordDistance;
  static constexpr uint64_t kAnswersRing = kRings;
  // Claim memory.
  static constexpr uint64_t kCancel = 2 * kWordDistance;
  static constexpr uint64_t kClaims = kRings;

  ChannelSizes sizes;

  bool has_work() const { return sizes.work_bytes > 0; }
  static constexpr uint32_t slots_in(uint32_t bytes) {
    return std::bit_floor(bytes / uint32_t{kSlotBytes});
  }
  uint32_t out_slots() const { return slots_in(sizes.out_bytes); }
  uint32_t answers_slots() const { return slots_in(sizes.answers_bytes); }
  uint32_t work_slots() const { return slots_in(sizes.work_bytes); }
  uint64_t work_ring() const { return kAnswersRing + answers_slots() * kSlotBytes; }

  uint64_t client_bytes() const { return kOutRing + out_slots() * kSlotBytes; }
  uint64_t daemon_bytes() const { return work_ring() + work_slots() * kSlotBytes; }
  uint64_t claim_bytes() const { return kClaims + work_slots() * sizeof(uint64_t); }
};

/// kInvalidArgument unless every ring is a power of two within the limits (work may be 0).
Status check_channel_sizes(const ChannelSizes& sizes);

void write_channel_header(const ChannelHeader& header, uint8_t* memory);

/// Copies the header out of `memory` and judges it: magic, version, kind of file, slot size, sizes.
Result<ChannelHeader> read_channel_header(ByteSpan memory, ChannelFile expected);

}  // namespace rayd::shm
