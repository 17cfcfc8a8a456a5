// Where settings come from, and which source wins:
//
//   flags  >  RAY_ADDRESS, RAYD_*  >  ./rayctl.json  >  the user's config.json  >
//   /etc/rayd/config.json
//          >  defaults, some of them measured on this machine
//
// read_sources() looks at the world, load_config() is a function of what it found. All mistakes are
// reported together, and every value keeps its origin.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/config/config.h"
#include "common/config/environment.h"
#include "common/config/machine.h"

namespace rayd {

enum class Source : uint8_t {
  kDefault,
  kMeasured,
  kSystemFile,
  kUserFile,
  kFolderFile,
  kEnvironment,
  kFlag
};

/// Which source a value is from, and its name there: "/etc/rayd/config.json", "RAYD_NUM_CPUS",
/// "--num-cpus".
struct Origin {
  Source source = Source::kDefault;
  std::string where;
};

struct Setting {
  std::string option;  // the option's name: "num_cpus"
  std::string value;
};

struct ConfigFile {
  Source source = Source::kUserFile;
  std::string path;
  std::string text;
};

struct ConfigSources {
  std::vector<Setting> flags;
  Environment environment;
  std::vector<ConfigFile> files;      // the one that wins first
  std::vector<std::string> mistakes;  // found while reading
  std::vector<std::string> warnings;
};

struct LoadedConfig {
  Config config;
  std::vector<Origin> origins;  // parallel to options()
  std::vector<std::string> warnings;

  const Origin& origin_of(std::string_view option) const;
};

/// The three files that are read, the one that wins first. Without HOME and XDG_CONFIG_HOME there
/// is no user's file.
std::vector<ConfigFile> config_files(const Environment& environment);

/// Reads the files that exist. ./rayctl.json counts only if it is owned by this user or root, so
/// that a shared folder cannot configure those who enter it.
ConfigSources read_sources(Environment environment, std::vector<Setting> flags);

/// kInvalidArgument: one mistake a line, each with its place and what is wanted.
Result<LoadedConfig> load_config(const ConfigSources& sources, const Machine& machine);

/// A command line taken apart: options of these programs, and all other words in their order.
struct SplitArguments {
  std::vector<Setting> settings;
  std::vector<std::string> rest;
  std::vector<std::string> mistakes;  // options without their value
};

/// Takes "--num-cpus 4" and "--num-cpus=4" out of the words, up to the first "--".
SplitArguments split_arguments(std::span<const std::string> words, uint8_t programs);

/// The settings that are not defaults, as flags of these programs: how rayctl starts a daemon with
/// what it resolved itself.
std::vector<std::string> flags_for(const LoadedConfig& loaded, uint8_t programs);

/// "--numcpus is no flag (did you mean '--num-cpus'?)". `others` are further flags, with dashes.
std::string unknown_flag(std::string_view given, uint8_t programs,
                         std::span<const std::string_view> others);

}  // namespace rayd
