// Tokens from anywhere: what parses is what would be printed, upper case and space aside.
#include <cctype>
#include <cstdlib>
#include <string>

#include "common/net/token.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto token = rayd::parse_token(text);
  if (!token.ok()) {
    if (token.error().code != rayd::ErrorCode::kInvalidArgument) std::abort();
    return 0;
  }
  std::string word;
  for (const char letter : text) {
    if (std::isspace(static_cast<unsigned char>(letter)) == 0) {
      word.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(letter))));
    }
  }
  if (rayd::to_text(*token) != word) std::abort();
  return 0;
}
