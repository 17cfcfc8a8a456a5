// Base32 (RFC 4648, lower case, no padding): bytes as words that survive a terminal, a file name
// and a double click. Every run of bytes has one spelling but for upper case, which is read too.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rayd {

inline std::string to_base32(std::span<const uint8_t> bytes) {
  static constexpr char kDigits[] = "abcdefghijklmnopqrstuvwxyz234567";
  std::string text;
  text.reserve((bytes.size() * 8 + 4) / 5);
  uint32_t bits = 0;
  int count = 0;
  for (const uint8_t byte : bytes) {
    bits = bits << 8 | byte;
    for (count += 8; count >= 5; count -= 5) text.push_back(kDigits[bits >> (count - 5) & 31]);
  }
  if (count > 0) text.push_back(kDigits[bits << (5 - count) & 31]);
  return text;
}

/// Nothing when the text is not what to_base32() makes, upper case aside.
inline std::optional<std::vector<uint8_t>> from_base32(std::string_view text) {
  std::vector<uint8_t> bytes;
  bytes.reserve(text.size() * 5 / 8);
  uint32_t bits = 0;
  int count = 0;
  for (const char letter : text) {
    const char lower = letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter;
    if (lower >= 'a' && lower <= 'z') {
      bits = bits << 5 | static_cast<uint32_t>(lower - 'a');
    } else if (lower >= '2' && lower <= '7') {
      bits = bits << 5 | static_cast<uint32_t>(lower - '2' + 26);
    } else {
      return std::nullopt;
    }
    count += 5;
    if (count < 8) continue;
    count -= 8;
    bytes.push_back(static_cast<uint8_t>(bits >> count));
  }
  const bool rest_is_padding = count < 5 && (bits & ((1u << count) - 1)) == 0;
  if (!rest_is_padding) return std::nullopt;
  return bytes;
}

}  // namespace rayd
