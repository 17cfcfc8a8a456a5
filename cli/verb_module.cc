// module: which code the cluster knows by name.
#include "cli/exit_status.h"
#include "cli/module_scope.h"
#include "cli/shell.h"
#include "cli/verbs.h"

namespace rayd::cli {
namespace {

constexpr const char* kLists[] = {"functions", "classes", "workloads"};

/// The names that a module registers under `list`.
Json names_of(const ModuleContents& module, const char* list) {
  Json names{Json::Array{}};
  const Json* entries = module.description.find(list);
  if (entries == nullptr || entries->array() == nullptr) return names;
  for (const Json& entry : *entries->array()) names.push(text_member(entry, "name"));
  return names;
}

Row row_of(const ModuleContents& module) {
  Row row{module.name, {{"hash", to_string(module.hash)}}};
  for (const char* list : kLists) row.fields.emplace_back(list, names_of(module, list));
  return row;
}

std::string summary_of(const ModuleContents& module) {
  std::string text = "module " + module.name + ":";
  for (const char* list : kLists) {
    const Json names = names_of(module, list);
    text += (list == kLists[0] ? " " : ", ") + std::to_string(names.array()->size()) + " " + list;
  }
  return text;
}

int run_add(Shell& shell) {
  const auto path = module_path(shell.command.operands.front());
  if (!path) return shell.output.fail(path.error());
  const auto client = shell.connect();
  if (!client) return shell.output.fail(client.error());
  const std::string name = shell.command.text("--name").value_or(default_module_name(*path));
  const auto module = (*client)->add_module(name, *path);
  if (!module) return shell.output.fail(module.error());
  shell.output.say(summary_of(*module));
  if (shell.output.options().format == Format::kPlain) {
    shell.output.print(module->name + "\n");
  } else {
    shell.output.print_rows({row_of(*module)}, {});
  }
  return kDone;
}

int run_list(Shell& shell) {
  const auto client = shell.connect();
  if (!client) return shell.output.fail(client.error());
  const auto modules = (*client)->modules();
  if (!modules) return shell.output.fail(modules.error());
  std::vector<Row> rows;
  for (const ModuleContents& module : *modules) {
    Row row = row_of(module);
    if (!shell.output.wants_json()) {
      for (auto& [key, value] : row.fields) {
        if (value.array() != nullptr) value = value.array()->size();
      }
    }
    rows.push_back(std::move(row));
  }
  if (rows.empty()) shell.output.say("no modules; rayctl module add FILE");
  shell.output.print_rows(rows, {});
  return kDone;
}

int run_remove(Shell& shell) {
  const auto client = shell.connect();
  if (!client) return shell.output.fail(client.error());
  const std::string& name = shell.command.operands.front();
  if (const Status removed = (*client)->remove_module(name); !removed.ok()) {
    return shell.output.fail(removed.error());
  }
  shell.output.say("module " + name + " is forgotten; what runs keeps its code");
  return kDone;
}

constexpr Flag kAddFlags[] = {
    {"--name", "NAME", "the module's name (default: the file's, libforest.so is forest)"},
};

}  // namespace

constinit const Verb kModuleAdd{
    .name = "module add",
    .summary = "make a .so's or program's functions, classes and workloads known by name",
    .operands = "FILE",
    .details =
        "The file is kept by its content. Adding a name again serves new jobs; running ones\n"
        "keep theirs.",
    .flags = kAddFlags,
    .least_operands = 1,
    .most_operands = 1,
    .run = &run_add,
};

constinit const Verb kModuleList{
    .name = "module list",
    .summary = "the modules that are known",
    .operands = "",
    .most_operands = 0,
    .run = &run_list,
};

constinit const Verb kModuleRemove{
    .name = "module remove",
    .summary = "forget a module",
    .operands = "NAME",
    .least_operands = 1,
    .most_operands = 1,
    .run = &run_remove,
};

}  // namespace rayd::cli
