// The few words of cryptography that are no TLS: chance for secrets, a hash, a keyed hash.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace rayd {

/// From the system; ends the process when there is none to be had.
void fill_with_chance(std::span<uint8_t> bytes);

std::array<uint8_t, 32> sha256(std::span<const uint8_t> bytes);

/// What OpenSSL says went wrong last in this thread, and forgets it; "unknown" when nothing did.
std::string openssl_reason();

}  // namespace rayd
