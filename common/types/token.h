// What a token is to the head: a row without the secret. The words of a token's text are in
// common/net/token.h; what the head does with rows is in daemon/head/tokens.h.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>

namespace rayd {

enum class TokenRole : uint8_t {
  kJoin = 0,    // a machine becomes a node
  kSubmit = 1,  // a client runs work; includes looking
  kLook = 2,    // a client reads: status, lists, logs
};
inline constexpr uint8_t kTokenRoles = 3;

constexpr const char* name_of(TokenRole role) {
  switch (role) {
    case TokenRole::kJoin: return "join";
    case TokenRole::kSubmit: return "submit";
    case TokenRole::kLook: return "look";
  }
  return "?";
}

/// Whether a token of this role will do where `wanted` is asked for.
constexpr bool covers(TokenRole role, TokenRole wanted) {
  return role == wanted || (role == TokenRole::kSubmit && wanted == TokenRole::kLook);
}

/// Chance, and no secret: it names the token in lists and logs.
struct TokenId {
  uint64_t value = 0;
  constexpr auto operator<=>(const TokenId&) const = default;
};

/// "token-" and 16 hex digits.
inline std::string to_string(TokenId token) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text = "token-";
  for (int shift = 60; shift >= 0; shift -= 4) text.push_back(kDigits[token.value >> shift & 15]);
  return text;
}

/// Chance from the system; only its holder has it.
struct TokenSecret {
  std::array<uint8_t, 16> bytes{};
  constexpr auto operator<=>(const TokenSecret&) const = default;
};

/// SHA-256 of a token's secret. The secret is 128 bits of chance, so neither salt nor a slow hash
/// would add anything: nobody can try secrets, and a row tells nothing of one.
struct SecretHash {
  std::array<uint8_t, 32> bytes{};
  constexpr auto operator<=>(const SecretHash&) const = default;
};

/// Journalled by the head.
struct TokenRow {
  TokenId token;
  TokenRole role = TokenRole::kLook;
  SecretHash secret;
  std::string label;  // for people
  std::string user;   // the local user whom a client with it acts as; empty: the daemon's own
  int64_t created_unix_ms = 0;
  int64_t expires_unix_ms = 0;  // 0: never
  int64_t revoked_unix_ms = 0;  // 0: it is not
};

}  // namespace rayd
