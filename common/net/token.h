// A token as its holder has it: one word that names the head and proves that somebody there said
// yes.
//
//   rayd1_ + base32( head's KeyHash 32 | id 8 | secret 16 | checksum 4 )      102 characters
//
// The checksum tells a mistyped or cut word apart from one that the head refuses, before anything
// is sent. The secret goes only into a session with the machine whose key hash the token itself
// names.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/types/identity.h"
#include "common/types/token.h"

namespace rayd {

struct Token {
  KeyHash head;
  TokenId id;
  TokenSecret secret;
  constexpr auto operator<=>(const Token&) const = default;
};

/// With a new id and secret, from the system's chance.
Token make_token(const KeyHash& head);

std::string to_text(const Token& token);
/// Space around it is no part of it. kInvalidArgument, saying whether it is no token at all, cut
/// short, mistyped or of a newer kind; the text is never repeated, because it may be a secret.
Result<Token> parse_token(std::string_view text);

/// What the head keeps of a secret.
SecretHash hash_secret(const TokenSecret& secret);

}  // namespace rayd
