#include "common/net/token.h"

#include <algorithm>
#include <span>

#include "common/base/base32.h"
#include "common/net/crypto.h"

namespace rayd {
namespace {

constexpr std::string_view kPrefix = "rayd1_";
constexpr size_t kChecksumBytes = 4;
constexpr size_t kBytes = 32 + 8 + 16 + kChecksumBytes;
constexpr size_t kLetters = kBytes * 8 / 5;
static_assert(kBytes % 5 == 0, "no letter has bits to spare");

using TokenBytes = std::array<uint8_t, kBytes>;

std::array<uint8_t, 32> digest_of(std::string_view what, std::span<const uint8_t> bytes) {
  std::string whole(what);
  whole.push_back('\0');
  whole.append(bytes.begin(), bytes.end());
  return sha256({reinterpret_cast<const uint8_t*>(whole.data()), whole.size()});
}

std::array<uint8_t, 32> checksum_of(std::span<const uint8_t> token_bytes) {
  return digest_of("rayd token", token_bytes.first(kBytes - kChecksumBytes));
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

Error wrong(const std::string& what) {
  return {ErrorCode::kInvalidArgument,
          what + ". A token is the one word that rayctl token create prints on the head"};
}

}  // namespace

Token make_token(const KeyHash& head) {
  Token token;
  token.head = head;
  std::array<uint8_t, 8> id;
  do {
    fill_with_chance(id);
    for (const uint8_t byte : id) token.id.value = token.id.value << 8 | byte;
  } while (token.id.value == 0);
  fill_with_chance(token.secret.bytes);
  return token;
}

std::string to_text(const Token& token) {
  TokenBytes bytes;
  auto at = std::copy(token.head.bytes.begin(), token.head.bytes.end(), bytes.begin());
  for (int shift = 56; shift >= 0; shift -= 8) {
    *at++ = static_cast<uint8_t>(token.id.value >> shift);
  }
  at = std::copy(token.secret.bytes.begin(), token.secret.bytes.end(), at);
  const auto checksum = checksum_of(bytes);
  std::copy_n(checksum.begin(), kChecksumBytes, at);
  return std::string(kPrefix) + to_base32(bytes);
}

Result<Token> parse_token(std::string_view text) {
  const std::string_view word = trim(text);
  if (word.empty()) return wrong("the token is empty");
  if (!word.starts_with(kPrefix)) {
    const bool newer = word.starts_with("rayd") && word.size() > 5 && word[5] == '_';
    return wrong(newer ? "the token is of a kind that this version does not know"
                       : "this is no token: it does not begin with " + std::string(kPrefix));
  }
  const std::string_view letters = word.substr(kPrefix.size());
  if (letters.size() != kLetters) {
    return wrong(
        "the token has " + std::to_string(word.size()) + " characters and should have " +
        std::to_string(kPrefix.size() + kLetters) +
        (letters.size() < kLetters ? ": it was cut short" : ": something else is with it"));
  }
  const auto bytes = from_base32(letters);
  if (!bytes) return wrong("the token contains characters that no token has (a-z, 2-7)");
  const auto checksum = checksum_of(*bytes);
  if (!std::equal(bytes->end() - kChecksumBytes, bytes->end(), checksum.begin())) {
    return wrong("the token is mistyped");
  }
  Token token;
  auto at = bytes->begin();
  const auto take = [&at](auto& to) {
    std::copy_n(at, to.size(), to.begin());
    at += static_cast<ptrdiff_t>(to.size());
  };
  take(token.head.bytes);
  for (int i = 0; i < 8; ++i) token.id.value = token.id.value << 8 | *at++;
  take(token.secret.bytes);
  return token;
}

SecretHash hash_secret(const TokenSecret& secret) {
  return {digest_of("rayd token secret", secret.bytes)};
}

}  // namespace rayd
