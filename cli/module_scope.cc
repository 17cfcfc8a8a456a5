#include "cli/module_scope.h"

#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <random>

namespace rayd::cli {
namespace {

/// "./libforest.so:burn" as file and name.
std::pair<std::string, std::string> split_path(const std::string& word) {
  const size_t slash = word.rfind('/');
  if (slash == word.npos) return {"", word};
  const size_t colon = word.find(':', slash);
  if (colon == word.npos) return {word, ""};
  return {word.substr(0, colon), word.substr(colon + 1)};
}

const char* list_of(NameKind kind) {
  switch (kind) {
    case NameKind::kWorkload: return "workloads";
    case NameKind::kFunction: return "functions";
    case NameKind::kClass: break;
  }
  return "classes";
}

}  // namespace

Result<std::string> module_path(const std::string& file) {
  for (const char* suffix : {".cc", ".cpp", ".cxx"}) {
    if (!file.ends_with(suffix)) continue;
    return Error{ErrorCode::kInvalidArgument,
                 "compiling " + file +
                     " is not there yet. Do it by hand: g++ -std=c++20 -shared -fPIC " + file +
                     " -o libmine.so $(pkg-config --cflags --libs rayclient)"};
  }
  char resolved[PATH_MAX];
  if (realpath(file.c_str(), resolved) == nullptr) {
    return Error{ErrorCode::kNotFound, file + ": " + std::strerror(errno)};
  }
  return std::string{resolved};
}

Result<std::unique_ptr<ModuleScope>> ModuleScope::open(
    DaemonClient& client, const std::optional<std::string>& module_flag, const std::string& word) {
  auto [file, name] = split_path(word);
  if (module_flag) {
    file = *module_flag;
    name = word;
  }
  std::unique_ptr<ModuleScope> scope{new ModuleScope{client, name}};
  if (file.empty()) {
    auto modules = client.modules();
    if (!modules) return modules.error();
    scope->modules_ = std::move(*modules);
    return scope;
  }
  const auto path = module_path(file);
  if (!path) return path.error();
  // Of this process, on whatever machine it is.
  scope->once_ = "once-" + std::to_string(getpid()) + "-" + std::to_string(std::random_device{}());
  auto module = client.add_module(scope->once_, *path);
  if (!module) {
    scope->once_.clear();
    return module.error();
  }
  scope->modules_.push_back(std::move(*module));
  return scope;
}

ModuleScope::~ModuleScope() {
  // If the daemon went away, so did the name's use.
  if (!once_.empty()) static_cast<void>(client_.remove_module(once_));
}

Result<FoundName> ModuleScope::find(NameKind kind) const {
  if (!word_.empty()) return find_name(modules_, kind, word_);
  const Json* entries = modules_.front().description.find(list_of(kind));
  const size_t count =
      entries == nullptr || entries->array() == nullptr ? 0 : entries->array()->size();
  if (count == 1) {
    const Json& entry = entries->array()->front();
    return FoundName{modules_.front().hash, once_, text_member(entry, "name"), entry};
  }
  std::string names;
  for (size_t i = 0; i < count; ++i) {
    names += (i == 0 ? "" : ", ") + text_member((*entries->array())[i], "name");
  }
  return Error{ErrorCode::kInvalidArgument,
               std::string("this file registers ") + (count == 0 ? "no " : "several ") +
                   list_of(kind) + (count == 0 ? "" : " (" + names + "); name one: FILE:NAME")};
}

std::string text_member(const Json& json, std::string_view key) {
  const Json* member = json.find(key);
  return member == nullptr || member->string() == nullptr ? "" : *member->string();
}

std::vector<std::string> parameter_types(const Json& entry) {
  std::vector<std::string> types;
  const Json* parameters = entry.find("parameters");
  if (parameters == nullptr || parameters->array() == nullptr) return types;
  for (const Json& type : *parameters->array()) {
    types.push_back(type.string() == nullptr ? "" : *type.string());
  }
  return types;
}

}  // namespace rayd::cli
