// describe: all that is known of one thing, by its id or name.
#include "cli/exit_status.h"
#include "cli/module_scope.h"
#include "cli/shell.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "cli/workload_parameters.h"

namespace rayd::cli {
namespace {

constexpr const char* kKinds[] = {"nodes",   "jobs",    "tasks",  "actors",
                                  "objects", "workers", "modules"};

struct Found {
  std::string kind;
  Row row;
};

/// "jobs" → "job".
std::string singular(std::string kind) {
  kind.pop_back();
  return kind;
}

/// What has this id, else this name, else an id that begins so.
Result<std::vector<Found>> look(DaemonClient& client, const std::string& word) {
  std::vector<Found> exact;
  std::vector<Found> named;
  std::vector<Found> prefixed;
  for (const char* kind : kKinds) {
    const auto rows = client.list(kind);
    if (!rows) return rows.error();
    for (const Row& row : *rows) {
      const Found found{singular(kind), row};
      if (row.id == word) exact.push_back(found);
      if (row.text("name") == word) named.push_back(found);
      if (row.id.starts_with(word)) prefixed.push_back(found);
    }
  }
  return !exact.empty() ? exact : !named.empty() ? named : prefixed;
}

/// Functions, classes and workloads by their names; nothing if it is none of them.
std::optional<Found> look_in_modules(const std::vector<ModuleContents>& modules,
                                     const std::string& word) {
  constexpr std::pair<NameKind, const char*> kNames[] = {{NameKind::kWorkload, "workload"},
                                                         {NameKind::kFunction, "function"},
                                                         {NameKind::kClass, "class"}};
  for (const auto& [kind, noun] : kNames) {
    const auto found = find_name(modules, kind, word);
    if (!found) continue;
    Row row{found->name, {{"module", found->module_name}}};
    if (found->entry.object() != nullptr) {
      for (const auto& [key, value] : *found->entry.object()) {
        if (key != "name") row.fields.emplace_back(key, value);
      }
    }
    return Found{noun, std::move(row)};
  }
  return std::nullopt;
}

void print(const Output& output, Found found) {
  if (output.options().format != Format::kPlain && output.options().format != Format::kTable) {
    found.row.fields.insert(found.row.fields.begin(), {"kind", found.kind});
    return output.print_rows({found.row}, {});
  }
  if (found.kind == "workload") {
    return output.print(describe(read_workload_info(to_json(found.row).set("name", found.row.id))));
  }
  std::vector<std::vector<std::string>> cells{{"kind", found.kind}, {"id", found.row.id}};
  for (const auto& [key, value] : found.row.fields) cells.push_back({key, plain_text(value)});
  output.print(format_table({"KEY", "VALUE"}, cells, {}));
}

int run_describe(Shell& shell) {
  const auto client = shell.connect();
  if (!client) return shell.output.fail(client.error());
  const std::string& word = shell.command.operands.front();
  auto found = look(**client, word);
  if (!found) return shell.output.fail(found.error());
  if (found->empty()) {
    const auto modules = (*client)->modules();
    if (!modules) return shell.output.fail(modules.error());
    if (auto registered = look_in_modules(*modules, word)) found->push_back(std::move(*registered));
  }
  if (found->size() > 1) {
    std::string names;
    for (const Found& one : *found) names += (names.empty() ? "" : ", ") + one.row.id;
    return shell.output.fail(
        {ErrorCode::kInvalidArgument, "'" + word + "' may mean " + names + "; name one of them"});
  }
  if (found->empty()) {
    return shell.output.fail({ErrorCode::kNotFound, "there is nothing with the id or name '" +
                                                        word +
                                                        "'; rayctl list KIND shows what there is"});
  }
  print(shell.output, std::move(found->front()));
  return kDone;
}

}  // namespace

constinit const Verb kDescribe{
    .name = "describe",
    .summary = "all that is known of one thing, and why it waits",
    .operands = "ID|NAME",
    .details = "An id may be shortened to a unique beginning.",
    .least_operands = 1,
    .most_operands = 1,
    .run = &run_describe,
};

}  // namespace rayd::cli
