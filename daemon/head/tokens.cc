#include "daemon/head/tokens.h"

#include <utility>

namespace rayd::head {
namespace {

/// Without a branch on what differs.
bool same_secret(const SecretHash& a, const SecretHash& b) {
  uint8_t differs = 0;
  for (size_t i = 0; i < a.bytes.size(); ++i) {
    differs = static_cast<uint8_t>(differs | (a.bytes[i] ^ b.bytes[i]));
  }
  return differs == 0;
}

bool has_expired(const TokenRow& row, int64_t unix_ms) {
  return row.expires_unix_ms != 0 && row.expires_unix_ms <= unix_ms;
}

bool same_token(const TokenRow& a, const TokenRow& b) {
  return a.role == b.role && a.secret == b.secret && a.label == b.label && a.user == b.user &&
         a.created_unix_ms == b.created_unix_ms && a.expires_unix_ms == b.expires_unix_ms;
}

}  // namespace

const char* name_of(TokenVerdict verdict) {
  switch (verdict) {
    case TokenVerdict::kGood: return "good";
    case TokenVerdict::kUnknown: return "unknown";
    case TokenVerdict::kWrongSecret: return "wrong secret";
    case TokenVerdict::kExpired: return "expired";
    case TokenVerdict::kRevoked: return "revoked";
    case TokenVerdict::kWrongRole: return "wrong role";
  }
  return "?";
}

Error refusal_of(TokenVerdict verdict, TokenRole wanted) {
  RAY_CHECK(verdict != TokenVerdict::kGood);
  const std::string make = std::string("rayctl token create --role ") + name_of(wanted);
  if (verdict == TokenVerdict::kWrongRole) {
    return {ErrorCode::kNotAllowed,
            std::string("this token is not for this: it takes one of role ") + name_of(wanted) +
                ". On the head: " + make};
  }
  return {ErrorCode::kNotAllowed,
          "the token is not valid, or not any more. A new one is made on the head: " + make};
}

Status TokenTable::add(const TokenRow& row) {
  if (const TokenRow* present = find(row.token); present != nullptr) {
    if (same_token(*present, row)) return {};
    return Error{ErrorCode::kAlreadyExists, to_string(row.token) + " exists already"};
  }
  if (row.expires_unix_ms != 0 && row.expires_unix_ms <= row.created_unix_ms) {
    return Error{ErrorCode::kInvalidArgument, "a token must expire after it is made"};
  }
  if (rows_.size() >= kMaxTokens) {
    return Error{ErrorCode::kPendingCallsLimit,
                 "there are " + std::to_string(kMaxTokens) +
                     " tokens already; those that ended are forgotten after a week: rayctl token "
                     "revoke"};
  }
  rows_.emplace(row.token, row);
  return {};
}

Result<TokenRow> TokenTable::revoke(TokenId token, int64_t unix_ms) {
  const auto it = rows_.find(token);
  if (it == rows_.end()) {
    return Error{ErrorCode::kNotFound, "there is no " + to_string(token)};
  }
  if (it->second.revoked_unix_ms == 0) it->second.revoked_unix_ms = unix_ms;
  return it->second;
}

std::vector<TokenRow> TokenTable::list() const {
  std::vector<TokenRow> rows;
  rows.reserve(rows_.size());
  for (const auto& [token, row] : rows_) rows.push_back(row);
  return rows;
}

const TokenRow* TokenTable::find(TokenId token) const {
  const auto it = rows_.find(token);
  return it == rows_.end() ? nullptr : &it->second;
}

TokenVerdict TokenTable::verify(int64_t unix_ms, const PresentedToken& presented,
                                TokenRole wanted) const {
  static const TokenRow kNobody;
  const TokenRow* const known = find(presented.token);
  const TokenRow& row = known == nullptr ? kNobody : *known;
  const bool right = same_secret(row.secret, presented.secret);
  if (known == nullptr) return TokenVerdict::kUnknown;
  if (!right) return TokenVerdict::kWrongSecret;
  if (row.revoked_unix_ms != 0) return TokenVerdict::kRevoked;
  if (has_expired(row, unix_ms)) return TokenVerdict::kExpired;
  return covers(row.role, wanted) ? TokenVerdict::kGood : TokenVerdict::kWrongRole;
}

std::vector<TokenId> TokenTable::forget_ended(int64_t unix_ms) {
  std::vector<TokenId> forgotten;
  for (auto it = rows_.begin(); it != rows_.end();) {
    const TokenRow& row = it->second;
    const bool long_expired = row.expires_unix_ms != 0 && row.expires_unix_ms + kKeptMs <= unix_ms;
    const bool long_revoked = row.revoked_unix_ms != 0 && row.revoked_unix_ms + kKeptMs <= unix_ms;
    if (!long_expired && !long_revoked) {
      ++it;
      continue;
    }
    forgotten.push_back(it->first);
    it = rows_.erase(it);
  }
  return forgotten;
}

}  // namespace rayd::head
