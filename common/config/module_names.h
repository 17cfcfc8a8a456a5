// Names from the shell: which registered workload, function or class a word means (cli.md §2).
//
// A word is the shortest unique suffix of a qualified name ("Counter" for "bank::Counter"), or
// MODULE:NAME. An exact name wins over suffixes. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/ids.h"
#include "common/config/json.h"

namespace rayd {

/// A module and what it registers, as it described itself (client/runtime/describe.h).
struct ModuleContents {
  std::string name;
  ImageHash hash;
  Json description;
};

struct FoundName {
  ImageHash module;
  std::string module_name;
  std::string name;  // qualified
  Json entry;        // of the description
};

enum class NameKind : uint8_t { kWorkload, kFunction, kClass };

/// kNotFound with the nearest name; kInvalidArgument with all candidates when several fit.
Result<FoundName> find_name(const std::vector<ModuleContents>& modules, NameKind kind,
                            std::string_view word);

/// The factory of a class that takes so many arguments, or the method of that name.
/// kInvalidArgument / kNotFound with what there is.
Result<Json> find_factory(const FoundName& found_class, size_t argument_count);
Result<Json> find_method(const FoundName& found_class, std::string_view word);

/// "libmodels.so" → "models", "two.cc" → "two".
std::string default_module_name(std::string_view file_name);

}  // namespace rayd
