// Settings: any file, variables and flags give mistakes or a config that reads back the same.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/check.h"
#include "common/config/config_load.h"
#include "common/config/options.h"
#include "common/config/quantity.h"

namespace {

using namespace rayd;

void check_loaded(const LoadedConfig& loaded, const Machine& machine) {
  ConfigSources again;
  again.flags = split_arguments(flags_for(loaded, kEverywhere), kEverywhere).settings;
  const auto second = load_config(again, machine);
  RAY_CHECK(second.ok());
  for (const Option& option : options()) {
    RAY_CHECK(option_value(option, second->config) == option_value(option, loaded.config));
  }
}

}  // namespace

// The input's lines: a file's text up to the first blank line, then NAME=VALUE lines, which are
// flags if the name is in lower case and variables otherwise.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text{reinterpret_cast<const char*>(data), size};
  const Machine machine{.cpus = 2, .gpus = 0, .memory_bytes = int64_t{1} << 32};
  ConfigSources sources;
  const size_t blank = std::min(text.find("\n\n"), text.size());
  if (blank > 0) {
    sources.files.push_back({Source::kUserFile, "f", std::string(text.substr(0, blank))});
  }
  text.remove_prefix(std::min(blank + 2, text.size()));
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const size_t equals = line.find('=');
    if (equals == line.npos) continue;
    std::string name(line.substr(0, equals));
    std::string value(line.substr(equals + 1));
    if (find_option(name) != nullptr) {
      sources.flags.push_back({std::move(name), std::move(value)});
    } else {
      sources.environment.variables.emplace(std::move(name), std::move(value));
    }
  }
  const auto loaded = load_config(sources, machine);
  if (loaded.ok()) {
    check_loaded(*loaded, machine);
  } else {
    RAY_CHECK(!loaded.error().message.empty());
  }
  for (const auto& flag : sources.flags) {
    if (const auto bytes = parse_bytes(flag.value); bytes.ok()) {
      RAY_CHECK(*parse_bytes(format_bytes(*bytes)) == *bytes);
    }
    if (const auto millis = parse_millis(flag.value); millis.ok()) {
      RAY_CHECK(*parse_millis(format_millis(*millis)) == *millis);
    }
  }
  return 0;
}
