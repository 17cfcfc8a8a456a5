// Where a program's token comes from: a flag's word or file, or the environment.
#pragma once

#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/config/environment.h"

namespace rayd {

struct TokenFlags {
  std::optional<std::string> word;
  std::optional<std::string> file;  // "-": standard input
};

/// The first of: the flag's word, the flag's file, $RAYD_TOKEN, the file of $RAYD_TOKEN_FILE. As it
/// stands there, without the space around it. kInvalidArgument: there is none, or the file has
/// none.
Result<std::string> find_token(const TokenFlags& flags, const Environment& environment);

}  // namespace rayd
