// Environment: what a process finds around it (variables, user), as a value that tests can invent.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace rayd {

struct Environment {
  std::map<std::string, std::string, std::less<>> variables;
  uint32_t uid = 0;

  /// The variable's value; empty if it is unset (an empty one counts as unset).
  std::string get(std::string_view name) const {
    const auto it = variables.find(name);
    return it == variables.end() ? std::string() : it->second;
  }

  static Environment of_process();
};

}  // namespace rayd
