// The command line taken apart: argv and the table of verbs give a plain value, or all mistakes.
//
// Everything behind the first `--` is an operand as typed, and so are numbers: -5 and -.5 are no
// flags. Pure.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/verb.h"
#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/config/config_load.h"

namespace rayd::cli {

struct ParsedCommand {
  const Verb* verb = nullptr;  // null: rayctl itself was asked for help or its version
  enum class Asks : uint8_t { kRun, kHelp, kVersion };
  Asks asks = Asks::kRun;
  std::vector<std::string> operands;
  std::vector<Setting> settings;  // options of common/config
  std::map<std::string, std::vector<std::string>, std::less<>> flags;

  bool has(std::string_view flag) const { return flags.contains(flag); }
  /// The value as typed; nothing where the flag was not given.
  std::optional<std::string> text(std::string_view flag) const;
  const std::vector<std::string>& all(std::string_view flag) const;
  // What was parsed was checked by the flag's type: these cannot fail.
  std::optional<int64_t> integer(std::string_view flag) const;
  std::optional<double> number(std::string_view flag) const;
  std::optional<Duration> duration(std::string_view flag) const;
  std::optional<int64_t> bytes(std::string_view flag) const;
};

/// kInvalidArgument: one mistake a line, each with what is wanted.
Result<ParsedCommand> parse_command_line(std::span<const Verb* const> verbs,
                                         const std::vector<std::string>& words);

/// "30s", "2m"; a bare number is seconds, as timeout(1) has it.
Result<Duration> parse_duration(std::string_view text);

}  // namespace rayd::cli
