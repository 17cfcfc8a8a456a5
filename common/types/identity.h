// Who a machine is: the hash of the public key that it proves to have in every handshake. What one
// daemon pins of another, what a token carries of the head, and what the head journals of a node.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace rayd {

/// SHA-256 of the SubjectPublicKeyInfo (DER) of an Ed25519 key. All zero: nobody.
struct KeyHash {
  std::array<uint8_t, 32> bytes{};
  constexpr auto operator<=>(const KeyHash&) const = default;
  constexpr bool is_nil() const { return *this == KeyHash{}; }
};

/// Names a cluster for ever: chance, drawn when its head first starts. All zero: not known yet.
struct ClusterId {
  std::array<uint8_t, 16> bytes{};
  constexpr auto operator<=>(const ClusterId&) const = default;
  constexpr bool is_nil() const { return *this == ClusterId{}; }
};

/// 52 letters and digits; the inverse names what is wrong.
std::string to_string(const KeyHash& hash);
Result<KeyHash> parse_key_hash(std::string_view text);
/// The first 12 of them: enough for a person to tell machines apart, not to trust one.
std::string short_name(const KeyHash& hash);

std::string to_string(const ClusterId& cluster);  // 26 letters and digits

}  // namespace rayd
