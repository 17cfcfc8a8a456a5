#include "common/config/token_words.h"

#include <fstream>
#include <iomanip>

namespace rayd {
namespace {

/// Of a word: any token is shorter, and a file need not have an end.
constexpr int kMostLetters = 4'096;

Result<std::string> token_in(const std::string& path) {
  std::ifstream file{path == "-" ? "/dev/stdin" : path};
  std::string word;
  if (file >> std::setw(kMostLetters) >> word) return word;
  return Error{ErrorCode::kInvalidArgument, "there is no token in the token file " + path};
}

}  // namespace

Result<std::string> find_token(const TokenFlags& flags, const Environment& environment) {
  if (flags.word) return *flags.word;
  if (flags.file) return token_in(*flags.file);
  if (const std::string word = environment.get("RAYD_TOKEN"); !word.empty()) return word;
  if (const std::string path = environment.get("RAYD_TOKEN_FILE"); !path.empty()) {
    return token_in(path);
  }
  return Error{
      ErrorCode::kInvalidArgument,
      "a token is needed: --token, --token-file FILE (- for standard input), RAYD_TOKEN or "
      "RAYD_TOKEN_FILE. The head makes one: rayctl token create --role join|submit|look"};
}

}  // namespace rayd
