// The table of every setting: one row says its name, type, unit, default, bounds, meaning and which
// programs take it. Flags, environment variables, JSON keys, --help, completions and the man page
// are made from it, so a setting cannot exist in one of them only.
//
//   row num_cpus  →  flag --num-cpus, variable RAYD_NUM_CPUS, JSON key "num_cpus"
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/result.h"
#include "common/config/config.h"
#include "common/config/json.h"
#include "common/config/machine.h"

namespace rayd {

/// How a value is written.
enum class Form : uint8_t {
  kText,
  kChoice,  // one of Option::choices
  kName,    // letters, digits, '.', '_', '-': see check_name()
  kInteger,
  kNumber,
  kBytes,      // "512MiB"; JSON may give the number
  kMillis,     // "30s"; JSON may give the number
  kResources,  // a JSON object of numbers
  kLabels,     // a JSON object of strings, or K=V,K=V
};

/// Who takes an option. kEveryVerb: every verb of rayctl. rayctl start takes the daemon's as well.
enum Program : uint8_t { kDaemon = 1, kEveryVerb = 2, kClient = 4 };
inline constexpr uint8_t kEverywhere = kDaemon | kEveryVerb | kClient;

using Field = std::variant<std::string Config::*, int64_t Config::*, double Config::*,
                           std::map<std::string, double> Config::*,
                           std::map<std::string, std::string> Config::*>;

struct Option {
  std::string_view name;  // snake_case, with the unit last
  Field field;
  Form form = Form::kText;
  std::string_view unit;
  std::string_view fallback;  // the default as one would type it, or in words if `measure` is set
  std::string_view meaning;   // one sentence, no full stop
  uint8_t programs = kDaemon;
  double least = 0;
  double most = 1e15;
  std::string_view choices = {};  // "a|b|c"
  void (*measure)(Config&, const Machine&) = nullptr;
};

/// All options, in the order in which people read them and defaults are computed.
std::span<const Option> options();
const Option* find_option(std::string_view name);
std::vector<std::string_view> option_names();

std::string flag_of(const Option& option);      // "--num-cpus"
std::string variable_of(const Option& option);  // "RAYD_NUM_CPUS"; address: "RAY_ADDRESS"

/// Puts a value into its field, or says what is wanted instead ("wants …, got …").
Status set_option_text(const Option& option, std::string_view text, Config& config);
Status set_option_json(const Option& option, const Json& value, Config& config);

/// The value as it would be written in a JSON file; the text reads back by set_option_text.
Json option_value(const Option& option, const Config& config);
std::string option_text(const Option& option, const Config& config);

/// "1 … 64 characters of a-z A-Z 0-9 . _ -, not beginning with . or -" or ok.
Status check_name(std::string_view name);

/// One paragraph an option, for --help: flag, unit, meaning, default, variable.
std::string describe_options(uint8_t programs);

}  // namespace rayd
