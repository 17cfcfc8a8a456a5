// A verb of rayctl as data: its name, flags, operands and function. Parsing, --help, and later the
// completions and the man page are made from these rows.
//
// Rows are constant-initialised: a start of rayctl runs no constructors for them.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "common/config/options.h"

namespace rayd::cli {

struct Shell;

enum class FlagType : uint8_t {
  kSwitch,
  kText,
  kChoice,  // one of Flag::choices
  kInteger,
  kNumber,
  kDuration,  // "30s"; a bare number is seconds
  kBytes,     // "512MiB"
  kJson,
};

enum class Repeat : bool { kNo, kYes };

struct Flag {
  std::string_view name;   // "--out"; "-o" where there is no long form
  std::string_view value;  // what stands behind it: "DIR"; empty for a switch
  std::string_view meaning;
  FlagType type = FlagType::kText;
  char letter = 0;  // 'f' for -f
  std::string_view choices = {};
  Repeat repeat = Repeat::kNo;
};

/// Flags that several verbs share.
enum FlagGroup : uint8_t {
  kNoGroup = 0,
  kDemandFlags = 1,    // --num-cpus …: what it needs while it runs
  kProgressFlags = 2,  // --progress
};

struct Verb {
  std::string_view name;  // "submit", "actor create"
  std::string_view summary;
  std::string_view operands;  // "WORKLOAD [KEY=VALUE]…"
  std::string_view details;   // further lines of its --help
  std::span<const Flag> flags;
  uint8_t groups = kNoGroup;
  uint8_t programs = kEveryVerb;  // whose options (common/config/options.h) it takes
  uint8_t least_operands = 0;
  uint8_t most_operands = 255;  // 255: any number
  /// Returns the exit status.
  int (*run)(Shell& shell) = nullptr;
  /// kYes: `VERB WHAT --help` is the function's business.
  enum class OwnHelp : bool { kNo, kYes };
  OwnHelp own_help = OwnHelp::kNo;
};

inline constexpr uint8_t kAnyNumber = 255;

/// All of them, in the order in which people read them.
std::span<const Verb* const> verbs();

/// Verbs of the contract that this version does not have yet; they get a sentence, not a guess.
std::span<const std::string_view> later_verbs();

/// The flags that every verb takes, and those of a group.
std::span<const Flag> common_flags();
std::span<const Flag> demand_flags();
std::span<const Flag> progress_flags();

}  // namespace rayd::cli
