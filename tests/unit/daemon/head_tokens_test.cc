// The head's tokens: made, listed, revoked, verified, forgotten.
#include "daemon/head/tokens.h"

#include "tests/unit/catch.h"

using namespace rayd;
using namespace rayd::head;

namespace {

constexpr int64_t kNow = 1'700'000'000'000;
constexpr int64_t kHour = 3'600'000;

SecretHash secret_of(uint8_t seed) {
  SecretHash hash;
  hash.bytes.fill(seed);
  return hash;
}

TokenRow row_of(uint64_t id, TokenRole role) {
  TokenRow row;
  row.token = {id};
  row.role = role;
  row.secret = secret_of(static_cast<uint8_t>(id));
  row.created_unix_ms = kNow;
  row.expires_unix_ms = kNow + kHour;
  return row;
}

PresentedToken presented(uint64_t id) { return {{id}, secret_of(static_cast<uint8_t>(id))}; }

}  // namespace

TEST_CASE("a token is good for its role until it expires") {
  TokenTable tokens;
  REQUIRE(tokens.add(row_of(1, TokenRole::kJoin)).ok());
  CHECK(tokens.verify(kNow, presented(1), TokenRole::kJoin) == TokenVerdict::kGood);
  CHECK(tokens.verify(kNow + kHour - 1, presented(1), TokenRole::kJoin) == TokenVerdict::kGood);
  CHECK(tokens.verify(kNow + kHour, presented(1), TokenRole::kJoin) == TokenVerdict::kExpired);
}

TEST_CASE("a token without expiry does not expire") {
  TokenTable tokens;
  TokenRow row = row_of(1, TokenRole::kJoin);
  row.expires_unix_ms = 0;
  REQUIRE(tokens.add(row).ok());
  CHECK(tokens.verify(kNow + 1'000'000 * kHour, presented(1), TokenRole::kJoin) ==
        TokenVerdict::kGood);
  CHECK(tokens.forget_ended(kNow + 1'000'000 * kHour).empty());
}

TEST_CASE("a token does what its role says: submitting includes looking and nothing else does") {
  TokenTable tokens;
  const TokenRole roles[] = {TokenRole::kJoin, TokenRole::kSubmit, TokenRole::kLook};
  for (const TokenRole role : roles) {
    REQUIRE(tokens.add(row_of(1 + static_cast<uint64_t>(role), role)).ok());
    for (const TokenRole wanted : roles) {
      const bool allowed =
          role == wanted || (role == TokenRole::kSubmit && wanted == TokenRole::kLook);
      CHECK(tokens.verify(kNow, presented(1 + static_cast<uint64_t>(role)), wanted) ==
            (allowed ? TokenVerdict::kGood : TokenVerdict::kWrongRole));
    }
  }
}

TEST_CASE("the log tells unknown, wrong, expired and revoked apart; a stranger cannot") {
  TokenTable tokens;
  REQUIRE(tokens.add(row_of(1, TokenRole::kJoin)).ok());
  REQUIRE(tokens.add(row_of(2, TokenRole::kJoin)).ok());
  REQUIRE(tokens.revoke({2}, kNow).ok());
  const TokenVerdict verdicts[] = {
      tokens.verify(kNow, presented(9), TokenRole::kJoin),
      tokens.verify(kNow, {{1}, secret_of(77)}, TokenRole::kJoin),
      tokens.verify(kNow + kHour, presented(1), TokenRole::kJoin),
      tokens.verify(kNow, presented(2), TokenRole::kJoin),
  };
  CHECK(verdicts[0] == TokenVerdict::kUnknown);
  CHECK(verdicts[1] == TokenVerdict::kWrongSecret);
  CHECK(verdicts[2] == TokenVerdict::kExpired);
  CHECK(verdicts[3] == TokenVerdict::kRevoked);
  for (const TokenVerdict verdict : verdicts) {
    CHECK(refusal_of(verdict, TokenRole::kJoin).code == ErrorCode::kNotAllowed);
    CHECK(refusal_of(verdict, TokenRole::kJoin).message ==
          refusal_of(TokenVerdict::kUnknown, TokenRole::kJoin).message);
  }
}

TEST_CASE("a wrong secret hides whether the token was revoked, expired or of another role") {
  TokenTable tokens;
  REQUIRE(tokens.add(row_of(1, TokenRole::kLook)).ok());
  REQUIRE(tokens.revoke({1}, kNow).ok());
  CHECK(tokens.verify(kNow + 2 * kHour, {{1}, secret_of(77)}, TokenRole::kJoin) ==
        TokenVerdict::kWrongSecret);
}

TEST_CASE("the id and the secret of nobody open nothing") {
  TokenTable tokens;
  CHECK(tokens.verify(kNow, PresentedToken{}, TokenRole::kLook) == TokenVerdict::kUnknown);
}

TEST_CASE("revoking twice keeps the first time, and an unknown token cannot be revoked") {
  TokenTable tokens;
  REQUIRE(tokens.add(row_of(1, TokenRole::kJoin)).ok());
  CHECK(tokens.revoke({1}, kNow + 1)->revoked_unix_ms == kNow + 1);
  CHECK(tokens.revoke({1}, kNow + 2)->revoked_unix_ms == kNow + 1);
  CHECK(tokens.revoke({2}, kNow).error().code == ErrorCode::kNotFound);
}

TEST_CASE("adding a row again is no error, adding another of its id is") {
  TokenTable tokens;
  REQUIRE(tokens.add(row_of(1, TokenRole::kJoin)).ok());
  REQUIRE(tokens.revoke({1}, kNow).ok());
  CHECK(tokens.add(row_of(1, TokenRole::kJoin)).ok());
  CHECK(tokens.find({1})->revoked_unix_ms == kNow);  // and nothing is undone by it
  CHECK(tokens.add(row_of(1, TokenRole::kLook)).error().code == ErrorCode::kAlreadyExists);
}

TEST_CASE("a token that ends before it begins is not made") {
  TokenTable tokens;
  TokenRow row = row_of(1, TokenRole::kJoin);
  row.expires_unix_ms = row.created_unix_ms;
  CHECK(tokens.add(row).error().code == ErrorCode::kInvalidArgument);
}

TEST_CASE("tokens are bounded, and those that ended make room after a week") {
  TokenTable tokens;
  for (uint64_t id = 1; id <= TokenTable::kMaxTokens; ++id) {
    REQUIRE(tokens.add(row_of(id, TokenRole::kLook)).ok());
  }
  const uint64_t next = TokenTable::kMaxTokens + 1;
  CHECK(tokens.add(row_of(next, TokenRole::kLook)).error().code == ErrorCode::kPendingCallsLimit);
  REQUIRE(tokens.revoke({5}, kNow).ok());
  CHECK(tokens.forget_ended(kNow + TokenTable::kKeptMs - 1).empty());
  CHECK(tokens.forget_ended(kNow + TokenTable::kKeptMs) == std::vector<TokenId>{{5}});
  CHECK(tokens.add(row_of(next, TokenRole::kLook)).ok());
  CHECK(tokens.forget_ended(kNow + kHour + TokenTable::kKeptMs).size() == TokenTable::kMaxTokens);
  CHECK(tokens.list().empty());
}
