#include "common/config/config_load.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "common/base/check.h"
#include "common/config/nearest.h"
#include "common/config/options.h"

namespace rayd {
namespace {

constexpr std::string_view kPrefix = "RAYD_";
constexpr JsonLimits kFileLimits{size_t{1} << 20, 16};

size_t index_of(const Option& option) { return static_cast<size_t>(&option - options().data()); }

// Fills a LoadedConfig from the weakest source to the strongest and collects what is wrong.
class Loader {
 public:
  explicit Loader(const ConfigSources& sources) : sources_(sources) {
    mistakes_ = sources.mistakes;
    loaded_.warnings = sources.warnings;
    loaded_.origins.resize(options().size());
  }

  Result<LoadedConfig> run(const Machine& machine) && {
    apply_fallbacks();
    for (auto file = sources_.files.rbegin(); file != sources_.files.rend(); ++file) {
      apply_file(*file);
    }
    apply_environment();
    for (const Setting& flag : sources_.flags) apply_flag(flag);
    // Last, for some are made from others: max_workers from num_cpus.
    for (const Option& option : options()) {
      Origin& origin = loaded_.origins[index_of(option)];
      if (option.measure == nullptr || origin.source != Source::kDefault) continue;
      option.measure(loaded_.config, machine);
      origin = {Source::kMeasured, std::string(option.fallback)};
    }
    check_relations();
    if (mistakes_.empty()) return std::move(loaded_);
    std::string text;
    for (const std::string& mistake : mistakes_) text += (text.empty() ? "" : "\n") + mistake;
    return Error{ErrorCode::kInvalidArgument, text};
  }

 private:
  void apply_fallbacks() {
    for (const Option& option : options()) {
      if (option.measure != nullptr) continue;
      if (option.fallback.empty()) continue;  // the field's own empty value
      RAY_CHECK(set_option_text(option, option.fallback, loaded_.config).ok());
    }
  }

  void took(const Option& option, Origin origin, const Status& status) {
    if (status.ok()) {
      loaded_.origins[index_of(option)] = std::move(origin);
      return;
    }
    const std::string place =
        origin.source == Source::kFlag || origin.source == Source::kEnvironment
            ? origin.where
            : origin.where + ": " + std::string(option.name);
    mistakes_.push_back(place + " " + status.error().message);
  }

  void apply_file(const ConfigFile& file) {
    const auto json = Json::parse(file.text, kFileLimits);
    if (!json.ok()) {
      mistakes_.push_back(file.path + ": " + json.error().message);
      return;
    }
    if (json->object() == nullptr) {
      mistakes_.push_back(file.path + ": wants an object of options, got " +
                          std::string(describe(json->kind())));
      return;
    }
    for (const auto& [name, value] : *json->object()) {
      const Option* option = find_option(name);
      if (option == nullptr) {
        mistakes_.push_back(file.path + ": '" + name + "' is no option" +
                            did_you_mean(name, option_names()));
        continue;
      }
      took(*option, {file.source, file.path}, set_option_json(*option, value, loaded_.config));
    }
  }

  void apply_environment() {
    const Environment& environment = sources_.environment;
    for (const Option& option : options()) {
      const std::string variable = variable_of(option);
      const std::string value = environment.get(variable);
      if (value.empty()) continue;
      took(option, {Source::kEnvironment, variable},
           set_option_text(option, value, loaded_.config));
    }
    // Other programs may own variables of this prefix: only what looks like a slip is mentioned.
    std::vector<std::string> variables;
    for (const Option& option : options()) variables.push_back(variable_of(option));
    const std::vector<std::string_view> known(variables.begin(), variables.end());
    for (const auto& [name, value] : environment.variables) {
      if (!name.starts_with(kPrefix)) continue;
      if (std::find(known.begin(), known.end(), name) != known.end()) continue;
      std::vector<std::string_view> names = option_names();
      const auto near = nearest_name(std::string_view(name).substr(kPrefix.size()), names);
      if (!near) continue;
      loaded_.warnings.push_back(name + " is no setting (did you mean '" +
                                 variable_of(*find_option(*near)) + "'?)");
    }
  }

  void apply_flag(const Setting& flag) {
    const Option* option = find_option(flag.option);
    if (option == nullptr) {
      mistakes_.push_back("'" + flag.option + "' is no option" +
                          did_you_mean(flag.option, option_names()));
      return;
    }
    took(*option, {Source::kFlag, flag_of(*option)},
         set_option_text(*option, flag.value, loaded_.config));
  }

  void check_relations() {
    const Config& config = loaded_.config;
    wants_less("lease_ms", config.lease_ms, "lease_wait_ms", config.lease_wait_ms);
    wants_less("suspect_after_ms", config.suspect_after_ms, "lease_ms", config.lease_ms);
    wants_less("renewal_interval_ms", config.renewal_interval_ms, "suspect_after_ms",
               config.suspect_after_ms);
  }

  void wants_less(std::string_view small, int64_t low, std::string_view large, int64_t high) {
    if (low < high) return;
    mistakes_.push_back(std::string(small) + " (" + std::to_string(low) + ", from " +
                        describe_origin(small) + ") must be less than " + std::string(large) +
                        " (" + std::to_string(high) + ", from " + describe_origin(large) + ")");
  }

  std::string describe_origin(std::string_view option) const {
    const Origin& origin = loaded_.origin_of(option);
    return origin.where.empty() ? "the defaults" : origin.where;
  }

  const ConfigSources& sources_;
  LoadedConfig loaded_;
  std::vector<std::string> mistakes_;
};

bool takes(const Option& option, uint8_t programs) { return (option.programs & programs) != 0; }

// Reads one file; a file that is not there is no mistake.
void read_file(ConfigFile file, ConfigSources& sources) {
  struct stat status {};
  if (stat(file.path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return;
    sources.mistakes.push_back(file.path + " cannot be read: " + std::strerror(errno));
    return;
  }
  const bool foreign = status.st_uid != sources.environment.uid && status.st_uid != 0;
  if (file.source == Source::kFolderFile && foreign) {
    sources.warnings.push_back(file.path + " belongs to another user and is ignored");
    return;
  }
  std::ifstream in(file.path, std::ios::binary);
  std::ostringstream text;
  if (!S_ISREG(status.st_mode) || !in || (status.st_size > 0 && !(text << in.rdbuf()))) {
    sources.mistakes.push_back(file.path + " cannot be read");
    return;
  }
  file.text = text.str();
  sources.files.push_back(std::move(file));
}

}  // namespace

const Origin& LoadedConfig::origin_of(std::string_view option) const {
  const Option* found = find_option(option);
  RAY_CHECK(found != nullptr);
  return origins[index_of(*found)];
}

std::vector<ConfigFile> config_files(const Environment& environment) {
  std::vector<ConfigFile> files;
  files.push_back({Source::kFolderFile, "./rayctl.json", {}});
  const std::string config_home = environment.get("XDG_CONFIG_HOME");
  const std::string home = environment.get("HOME");
  if (!config_home.empty() || !home.empty()) {
    const std::string folder = !config_home.empty() ? config_home : home + "/.config";
    files.push_back({Source::kUserFile, folder + "/rayd/config.json", {}});
  }
  files.push_back({Source::kSystemFile, "/etc/rayd/config.json", {}});
  return files;
}

ConfigSources read_sources(Environment environment, std::vector<Setting> flags) {
  ConfigSources sources;
  sources.environment = std::move(environment);
  sources.flags = std::move(flags);
  for (ConfigFile& file : config_files(sources.environment)) read_file(std::move(file), sources);
  return sources;
}

Result<LoadedConfig> load_config(const ConfigSources& sources, const Machine& machine) {
  return Loader(sources).run(machine);
}

SplitArguments split_arguments(std::span<const std::string> words, uint8_t programs) {
  SplitArguments split;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "--") {
      split.rest.insert(split.rest.end(), words.begin() + static_cast<ptrdiff_t>(i), words.end());
      break;
    }
    const size_t equals = std::min(word.find('='), word.size());
    const std::string flag = word.substr(0, equals);
    const auto option = std::find_if(options().begin(), options().end(), [&](const Option& row) {
      return takes(row, programs) && flag_of(row) == flag;
    });
    if (option == options().end()) {
      split.rest.push_back(word);
    } else if (equals < word.size()) {
      split.settings.push_back({std::string(option->name), word.substr(equals + 1)});
    } else if (i + 1 < words.size() && words[i + 1] != "--") {
      split.settings.push_back({std::string(option->name), words[++i]});
    } else {
      split.mistakes.push_back(flag + " wants a value");
    }
  }
  return split;
}

std::vector<std::string> flags_for(const LoadedConfig& loaded, uint8_t programs) {
  std::vector<std::string> flags;
  for (const Option& option : options()) {
    const Source source = loaded.origins[index_of(option)].source;
    if (!takes(option, programs) || source <= Source::kMeasured) continue;
    flags.push_back(flag_of(option) + "=" + option_text(option, loaded.config));
  }
  return flags;
}

std::string unknown_flag(std::string_view given, uint8_t programs,
                         std::span<const std::string_view> others) {
  std::vector<std::string> flags(others.begin(), others.end());
  for (const Option& option : options()) {
    if (takes(option, programs)) flags.push_back(flag_of(option));
  }
  const std::vector<std::string_view> known(flags.begin(), flags.end());
  const std::string_view name = given.substr(0, given.find('='));
  return std::string(name) + " is no flag" + did_you_mean(name, known);
}

}  // namespace rayd
