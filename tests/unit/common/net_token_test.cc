// Tokens as text: what holders carry, and how a mistake is told from a refusal.
#include "common/net/token.h"

#include "tests/unit/catch.h"

using namespace rayd;

namespace {

KeyHash some_head() {
  KeyHash head;
  for (size_t i = 0; i < head.bytes.size(); ++i) head.bytes[i] = static_cast<uint8_t>(7 * i + 1);
  return head;
}

std::string refusal(const std::string& text) {
  const auto parsed = parse_token(text);
  REQUIRE_FALSE(parsed.ok());
  CHECK(parsed.error().code == ErrorCode::kInvalidArgument);
  return parsed.error().message;
}

bool says(const std::string& message, const std::string& part) {
  return message.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a token is one word and is read back whole, with space around it") {
  const Token token = make_token(some_head());
  const std::string text = to_text(token);
  CHECK(text.size() == 102);
  CHECK(text.find_first_of(" \t\n-+/=") == std::string::npos);
  REQUIRE(parse_token(text).ok());
  CHECK(*parse_token(text) == token);
  CHECK(*parse_token("  " + text + "\r\n") == token);
}

TEST_CASE("no two tokens share an id or a secret") {
  const Token a = make_token(some_head());
  const Token b = make_token(some_head());
  CHECK(a.id != b.id);
  CHECK(a.secret != b.secret);
  CHECK(hash_secret(a.secret) != hash_secret(b.secret));
  CHECK(hash_secret(a.secret) == hash_secret(a.secret));
}

TEST_CASE("every single mistyped character is noticed before anything is sent") {
  const std::string text = to_text(make_token(some_head()));
  for (size_t i = 6; i < text.size(); ++i) {
    std::string typo = text;
    typo[i] = typo[i] == 'q' ? 'r' : 'q';
    CHECK(says(refusal(typo), "mistyped"));
    if (i + 1 == text.size() || text[i] == text[i + 1]) continue;
    std::string swapped = text;
    std::swap(swapped[i], swapped[i + 1]);
    CHECK(says(refusal(swapped), "mistyped"));
  }
}

TEST_CASE("what is no token is told from one that was cut, spoiled or is of a newer kind") {
  const std::string text = to_text(make_token(some_head()));
  CHECK(says(refusal(""), "empty"));
  CHECK(says(refusal(" \n"), "empty"));
  CHECK(says(refusal("hunter2"), "no token"));
  CHECK(says(refusal(text.substr(0, 50)), "cut short"));
  CHECK(says(refusal(text + "a"), "something else"));
  CHECK(says(refusal(text.substr(0, 60) + "!" + text.substr(61)), "characters that no token has"));
  CHECK(says(refusal("rayd2_" + text.substr(6)), "does not know"));
}

TEST_CASE("an error about a token does not repeat it") {
  const std::string text = to_text(make_token(some_head()));
  CHECK_FALSE(says(refusal(text.substr(0, 90)), text.substr(60, 20)));
  CHECK_FALSE(says(refusal("x" + text), text.substr(60, 20)));
}
