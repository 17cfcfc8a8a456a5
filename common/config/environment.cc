#include "common/config/environment.h"

#include <unistd.h>

namespace rayd {

Environment Environment::of_process() {
  Environment environment;
  environment.uid = geteuid();
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals == text.npos) continue;
    environment.variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

}  // namespace rayd
