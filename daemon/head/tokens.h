// The head's tokens: who may join, submit or look. Rows without secrets: what is presented is
// hashed by the shell (common/net/token.h, hash_secret) before it comes here, so this stays free of
// cryptography and of anything worth stealing.
//
//   made ──▶ good ──▶ expired          ended rows are kept for a while, so that the log can say why
//   a
//             └─────▶ revoked          token is refused, and then forgotten
//
// Time is the wall clock (Unix milliseconds): an expiry must survive a reboot.
// Pure: no I/O, no clock, no chance.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "common/base/result.h"
#include "common/types/token.h"

namespace rayd::head {

/// What is the matter with a presented token, for the head's log. A stranger hears the same of all
/// but kGood and kWrongRole; that one is told, because only a holder of the secret gets so far.
enum class TokenVerdict : uint8_t {
  kGood,
  kUnknown,
  kWrongSecret,
  kExpired,
  kRevoked,
  kWrongRole,
};

const char* name_of(TokenVerdict verdict);

/// What who presented it may be told. Precondition: not kGood.
Error refusal_of(TokenVerdict verdict, TokenRole wanted);

struct PresentedToken {
  TokenId token;
  SecretHash secret;
};

class TokenTable {
 public:
  static constexpr size_t kMaxTokens = 10'000;
  static constexpr int64_t kKeptMs = int64_t{7} * 24 * 3600 * 1000;  // after its end

  /// kAlreadyExists when the id is taken by another row (the same row again is no error),
  /// kInvalidArgument when it ends before it is made, kPendingCallsLimit at kMaxTokens.
  Status add(const TokenRow& row);
  /// From the journal, at start.
  void load(const TokenRow& row) { rows_[row.token] = row; }
  /// The row as it is then, to be journalled; revoking twice changes nothing. kNotFound.
  Result<TokenRow> revoke(TokenId token, int64_t unix_ms);
  /// By id. Ended ones are among them.
  std::vector<TokenRow> list() const;
  const TokenRow* find(TokenId token) const;

  /// Looks at every byte of the hash whatever it finds, known token or not, so that the time it
  /// takes tells a stranger nothing.
  TokenVerdict verify(int64_t unix_ms, const PresentedToken& presented, TokenRole wanted) const;

  /// Drops rows that ended more than kKeptMs ago; returns which, for the journal.
  std::vector<TokenId> forget_ended(int64_t unix_ms);

 private:
  std::map<TokenId, TokenRow> rows_;
};

}  // namespace rayd::head
