#include "client/runtime/describe.h"

#include <unistd.h>

#include <cstdio>
#include <map>
#include <vector>

#include "ray/internal/function.h"
#include "ray/workload.h"

namespace rayd::client {

namespace api = ray::internal;

namespace {

using ray::Json;

Json signature(const api::FunctionInfo& info) {
  Json json = Json::object();
  json.set("name", info.name);
  json.set("type", info.type);
  json.set("parameters", info.parameters);
  if (info.kind != api::FunctionKind::kFactory) json.set("result", info.result);
  return json;
}

struct ClassParts {
  Json factories = Json::array();
  Json methods = Json::array();
};

std::string join(const std::vector<std::string>& texts) {
  std::string all = "[";
  for (const std::string& text : texts) {
    if (all.size() > 1) all += ',';
    all += text;
  }
  return all + "]";
}

}  // namespace

std::string describe_program() {
  Json functions = Json::array();
  std::map<std::string, ClassParts> classes;
  for (const api::FunctionEntry* entry : api::registered_functions()) {
    const api::FunctionInfo& info = api::function_info(*entry);
    switch (info.kind) {
      case api::FunctionKind::kFunction: functions.add(signature(info)); break;
      case api::FunctionKind::kFactory:
        classes[info.class_name].factories.add(signature(info));
        break;
      case api::FunctionKind::kMethod: classes[info.class_name].methods.add(signature(info)); break;
    }
  }
  Json class_list = Json::array();
  for (const auto& [name, parts] : classes) {
    Json json = Json::object();
    json.set("name", name);
    json.set("factories", parts.factories);
    json.set("methods", parts.methods);
    class_list.add(json);
  }
  std::vector<std::string> workloads;
  for (const ray::Workload& workload : ray::workloads()) {
    workloads.push_back(ray::to_json(workload.describe()));
  }
  Json all = Json::object();
  all.set("functions", functions);
  all.set("classes", class_list);
  std::string text = all.text();
  text.pop_back();  // the closing brace: workloads are JSON text already
  return text + ",\"workloads\":" + join(workloads) + "}";
}

int describe_main(int fd) {
  std::vector<std::string> errors = api::registration_errors();
  for (const std::string& clash : ray::workload_clashes()) {
    errors.push_back("the workload " + clash + " is registered twice");
  }
  for (const std::string& error : errors) std::fprintf(stderr, "%s\n", error.c_str());
  if (!errors.empty()) return 1;
  const std::string text = describe_program();
  for (size_t written = 0; written < text.size();) {
    const ssize_t size = write(fd, text.data() + written, text.size() - written);
    if (size <= 0) return 1;
    written += static_cast<size_t>(size);
  }
  return 0;
}

}  // namespace rayd::client
