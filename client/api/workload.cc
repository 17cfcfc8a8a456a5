#include "client/api/ray/workload.h"

#include <algorithm>

namespace ray {
namespace {

// Filled by constructors of static objects, in any order, hence made on first use.
std::vector<Workload>& registry() {
  static std::vector<Workload> workloads;
  return workloads;
}

std::vector<std::string>& clashes() {
  static std::vector<std::string> names;
  return names;
}

Json json(const ParamInfo& param) {
  Json json = Json::object();
  json.set("name", param.name).set("kind", kind_name(param.kind)).set("meaning", param.meaning);
  const auto set = [&](std::string_view key, const std::string& value) {
    if (!value.empty()) json.set(key, value);
  };
  set("unit", param.unit);
  set("default", param.default_text);
  set("minimum", param.minimum);
  set("maximum", param.maximum);
  if (!param.choices.empty()) json.set("choices", param.choices);
  set("default_word", param.default_word);
  if (param.execution) json.set("execution", true);
  if (param.list) json.set("list", true);
  return json;
}

}  // namespace

std::string to_json(const WorkloadInfo& info) {
  Json params = Json::array();
  for (const ParamInfo& param : info.params) params.add(json(param));
  return Json::object()
      .set("name", info.name)
      .set("summary", info.summary)
      .set("params", params)
      .text();
}

bool is_result_name(std::string_view name) {
  if (name.empty() || name.size() > 255 || name.back() == '/') return false;
  const bool control = std::any_of(
      name.begin(), name.end(), [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7F; });
  if (control) return false;
  while (!name.empty()) {
    const std::string_view segment = name.substr(0, name.find('/'));
    if (segment.empty() || segment == "." || segment == "..") return false;
    name.remove_prefix(std::min(name.size(), segment.size() + 1));
  }
  return true;
}

const std::vector<Workload>& workloads() { return registry(); }

const Workload* find_workload(std::string_view name) {
  for (const Workload& workload : registry()) {
    if (workload.name == name) return &workload;
  }
  return nullptr;
}

const std::vector<std::string>& workload_clashes() { return clashes(); }

namespace internal {

void register_workload(Workload workload) {
  std::vector<Workload>& all = registry();
  const auto place =
      std::lower_bound(all.begin(), all.end(), workload,
                       [](const Workload& a, const Workload& b) { return a.name < b.name; });
  if (place == all.end() || place->name != workload.name) {
    all.insert(place, std::move(workload));
  } else if (place->run != workload.run) {
    clashes().push_back(workload.name);
  }
}

void add_unless_named(Mistakes& mistakes, const Mistakes& own) {
  const size_t named = mistakes.size();
  for (const Mistake& mistake : own) {
    const bool known =
        std::any_of(mistakes.begin(), mistakes.begin() + static_cast<std::ptrdiff_t>(named),
                    [&](const Mistake& other) { return other.parameter == mistake.parameter; });
    if (!known) mistakes.push_back(mistake);
  }
}

}  // namespace internal
}  // namespace ray
