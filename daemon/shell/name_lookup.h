// Names from the shell: which registered workload or function a word means (cli.md §2).
//
// A word is the shortest unique suffix of a qualified name ("Counter" for "bank::Counter"), or
// MODULE:NAME. An exact name wins over suffixes. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/types/head_io.h"

namespace rayd::shell {

struct FoundName {
  ImageHash module;
  std::string module_name;
  std::string name;  // qualified
};

/// kNotFound with the nearest name; kInvalidArgument with all candidates when several fit.
Result<FoundName> find_workload(const std::vector<ModuleRow>& modules, std::string_view word);

/// "libmodels.so" → "models", "two.cc" → "two".
std::string default_module_name(std::string_view file_name);

}  // namespace rayd::shell
