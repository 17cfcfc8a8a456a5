// Seals for headers that go in the clear on an authenticated connection (README.md, "Bulk without
// encryption"): only the two ends of this one connection can make them, for this header at this
// place in this direction.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace rayd {

using SealKey = std::array<uint8_t, 32>;  // Link::seal_key
using Seal = std::array<uint8_t, 16>;

enum class SealFrom : uint8_t { kDialler = 0, kListener = 1 };

/// `number` counts the headers that this side has sent on this connection, from 0.
Seal seal_of(const SealKey& key, SealFrom from, uint64_t number, std::span<const uint8_t> header);

/// In a time that does not tell how much is right.
bool same_seal(const Seal& a, const Seal& b);

}  // namespace rayd
