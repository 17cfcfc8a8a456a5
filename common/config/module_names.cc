#include "common/config/module_names.h"

#include <algorithm>

#include "common/config/nearest.h"

namespace rayd {
namespace {

struct Kind {
  const char* list;  // in the description
  const char* noun;
};

Kind kind_of(NameKind kind) {
  switch (kind) {
    case NameKind::kWorkload: return {"workloads", "workload"};
    case NameKind::kFunction: return {"functions", "function"};
    case NameKind::kClass: return {"classes", "class"};
  }
  return {"", ""};
}

std::string text_of(const Json& json, std::string_view key) {
  const Json* member = json.find(key);
  return member == nullptr || member->string() == nullptr ? "" : *member->string();
}

/// "Counter" and "bank::Counter" are suffixes of "lab::bank::Counter"; "ounter" is none.
bool is_suffix(std::string_view name, std::string_view word) {
  if (!name.ends_with(word)) return false;
  const std::string_view rest = name.substr(0, name.size() - word.size());
  return rest.empty() || rest.ends_with("::");
}

std::string list_of(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::string hint(std::string_view given, const std::vector<std::string>& names) {
  return did_you_mean(given, std::vector<std::string_view>(names.begin(), names.end()));
}

/// MODULE:NAME, but not the "::" of a qualified name.
std::pair<std::string_view, std::string_view> split_module(std::string_view word) {
  const size_t colon = word.find(':');
  if (colon == std::string_view::npos || colon == 0 || word.substr(colon, 2) == "::") {
    return {{}, word};
  }
  return {word.substr(0, colon), word.substr(colon + 1)};
}

}  // namespace

Result<FoundName> find_name(const std::vector<ModuleContents>& modules, NameKind kind,
                            std::string_view word) {
  const auto [list, noun] = kind_of(kind);
  const auto [module_name, wanted] = split_module(word);
  std::vector<FoundName> exact;
  std::vector<FoundName> suffixes;
  std::vector<std::string> known;
  bool module_exists = module_name.empty();
  for (const ModuleContents& module : modules) {
    if (!module_name.empty() && module.name != module_name) continue;
    module_exists = true;
    const Json* entries = module.description.find(list);
    if (entries == nullptr || entries->array() == nullptr) continue;
    for (const Json& entry : *entries->array()) {
      const std::string name = text_of(entry, "name");
      known.push_back(name);
      if (name == wanted) exact.push_back({module.hash, module.name, name, entry});
      if (is_suffix(name, wanted)) suffixes.push_back({module.hash, module.name, name, entry});
    }
  }
  if (!module_exists) {
    return Error{ErrorCode::kNotFound, "there is no module " + std::string{module_name} +
                                           "; rayctl module list shows them"};
  }
  const std::vector<FoundName>& found = exact.empty() ? suffixes : exact;
  if (found.size() == 1) return found.front();
  if (found.size() > 1) {
    std::vector<std::string> names;
    for (const FoundName& one : found) names.push_back(one.module_name + ":" + one.name);
    return Error{ErrorCode::kInvalidArgument,
                 "'" + std::string{word} + "' may mean " + list_of(names) + "; name one of them"};
  }
  std::string text = "there is no " + std::string{noun} + " '" + std::string{word} + "'";
  text += hint(wanted, known);
  if (known.empty()) text += "; no module registers any: rayctl module add FILE";
  return Error{ErrorCode::kNotFound, text};
}

Result<Json> find_factory(const FoundName& found_class, size_t argument_count) {
  std::vector<std::string> known;
  std::vector<Json> fitting;
  const Json* factories = found_class.entry.find("factories");
  if (factories != nullptr && factories->array() != nullptr) {
    for (const Json& factory : *factories->array()) {
      known.push_back(text_of(factory, "type"));
      const Json* parameters = factory.find("parameters");
      if (parameters != nullptr && parameters->array() != nullptr &&
          parameters->array()->size() == argument_count) {
        fitting.push_back(factory);
      }
    }
  }
  if (fitting.size() == 1) return fitting.front();
  return Error{ErrorCode::kInvalidArgument,
               found_class.name + " has " + (fitting.empty() ? "no factory" : "several factories") +
                   " with " + std::to_string(argument_count) + " arguments; there are " +
                   (known.empty() ? "none" : list_of(known))};
}

Result<Json> find_method(const FoundName& found_class, std::string_view word) {
  std::vector<std::string> known;
  std::vector<Json> fitting;
  const Json* methods = found_class.entry.find("methods");
  if (methods != nullptr && methods->array() != nullptr) {
    for (const Json& method : *methods->array()) {
      const std::string name = text_of(method, "name");
      known.push_back(name.substr(name.rfind(':') + 1));
      if (is_suffix(name, word)) fitting.push_back(method);
    }
  }
  if (fitting.size() == 1) return fitting.front();
  if (fitting.size() > 1) {
    return Error{ErrorCode::kInvalidArgument,
                 found_class.name + " has several methods " + std::string{word}};
  }
  return Error{ErrorCode::kNotFound,
               found_class.name + " has no method '" + std::string{word} + "'" + hint(word, known)};
}

std::string default_module_name(std::string_view file_name) {
  std::string_view name = file_name.substr(file_name.rfind('/') + 1);
  if (name.starts_with("lib")) name.remove_prefix(3);
  const std::string_view stem = name.substr(0, name.find('.'));
  return std::string{stem.empty() ? name : stem};
}

}  // namespace rayd
