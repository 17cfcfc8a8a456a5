// Tokens from anywhere, as text and in a file: what parses is what would be printed, upper case and
// space aside; a file gives its first word and nothing else.
#include <sys/mman.h>
#include <unistd.h>

#include <cctype>
#include <cstdlib>
#include <string>

#include "common/config/token_words.h"
#include "common/net/token.h"

namespace {

bool is_space(char letter) { return std::isspace(static_cast<unsigned char>(letter)) != 0; }

void check_text(const std::string& text) {
  const auto token = rayd::parse_token(text);
  if (!token.ok()) {
    if (token.error().code != rayd::ErrorCode::kInvalidArgument) std::abort();
    return;
  }
  std::string word;
  for (const char letter : text) {
    if (!is_space(letter)) {
      word.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(letter))));
    }
  }
  if (rayd::to_text(*token) != word) std::abort();
}

void check_file(const std::string& text) {
  static const int file = ::memfd_create("token", MFD_CLOEXEC);
  if (file < 0 || ::ftruncate(file, 0) != 0) std::abort();
  if (::pwrite(file, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    std::abort();
  rayd::TokenFlags flags;
  flags.file = "/proc/self/fd/" + std::to_string(file);
  const auto word = rayd::find_token(flags, {});
  size_t begin = 0;
  while (begin < text.size() && is_space(text[begin])) ++begin;
  size_t end = begin;
  while (end < text.size() && !is_space(text[end])) ++end;
  if (word.ok() != (end > begin)) std::abort();
  if (!word.ok()) return;
  if (text.compare(begin, word->size(), *word) != 0) std::abort();
  if (word->size() < end - begin && word->size() < 1'000) std::abort();
  check_text(*word);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  check_text(text);
  check_file(text);
  return 0;
}
