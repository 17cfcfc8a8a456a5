// Where a name from the shell is looked up: the modules of the cluster, or one file alone
// (--module FILE, or a name with a "/": ./libforest.so:burn).
//
// A file is registered under a name of its own for as long as this lives: running jobs keep their
// image when the name goes.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/daemon_client.h"

namespace rayd::cli {

class ModuleScope {
 public:
  /// kNotFound, kInvalidArgument: the file is none that can be added.
  static Result<std::unique_ptr<ModuleScope>> open(DaemonClient& client,
                                                   const std::optional<std::string>& module_flag,
                                                   const std::string& word);
  ~ModuleScope();
  ModuleScope(const ModuleScope&) = delete;
  ModuleScope& operator=(const ModuleScope&) = delete;

  /// What the word means here. A file that registers one of the kind only needs no name.
  Result<FoundName> find(NameKind kind) const;

 private:
  ModuleScope(DaemonClient& client, std::string word) : client_(client), word_(std::move(word)) {}

  DaemonClient& client_;
  std::string word_;
  std::vector<ModuleContents> modules_;
  std::string once_;  // the module's name; empty: the cluster's modules
};

/// The path that the daemon is told. kNotFound; kInvalidArgument: a .cc, which this version does
/// not compile.
Result<std::string> module_path(const std::string& file);

/// A member of a description as text; empty where there is none.
std::string text_member(const Json& json, std::string_view key);
/// The demangled types of a function's parameters.
std::vector<std::string> parameter_types(const Json& entry);

}  // namespace rayd::cli
