// describe: all that is known of one thing, by its id or name.
#include "cli/exit_status.h"
#include "cli/module_scope.h"
#include "cli/shell.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "cli/workload_parameters.h"

namespace rayd::cli {
namespace {

constexpr const char* kKinds[] = {"nodes",   "jobs",    "tasks",   "actors",
                                  "objects", "workers", "modules", "placement-groups"};

struct Found {
  std::string kind;
  Row row;
};

/// "jobs" → "job".
std::string singular(std::string kind) {
  kind.pop_back();
  return kind;
}

/// What has this id, else this name, else an id that begins so. Jobs and tasks are many of one
/// name, so theirs does not count.
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
      const bool has_own_name = found.kind != "job" && found.kind != "task";
      if (has_own_name && row.text("name") == word) named.push_back(found);
      if (row.id.starts_with(word)) prefixed.push_back(found);
    }
  }
  return !exact.empty() ? exact : !named.empty() ? named : prefixed;
}

/// Functions, classes and workloads by their names.
std::vector<Found> look_in_modules(const std::vector<ModuleContents>& modules,
                                   const std::string& word) {
  constexpr std::pair<NameKind, const char*> kNames[] = {{NameKind::kWorkload, "workload"},
                                                         {NameKind::kFunction, "function"},
                                                         {NameKind::kClass, "class"}};
  std::vector<Found> all;
  for (const auto& [kind, noun] : kNames) {
    const auto found = find_name(modules, kind, word);
    if (!found) continue;
    Row row{found->name, {{"module", found->module_name}}};
    if (found->entry.object() != nullptr) {
      for (const auto& [key, value] : *found->entry.object()) {
        if (key != "name") row.fields.emplace_back(key, value);
      }
    }
    all.push_back({noun, std::move(row)});
  }
  return all;
}

/// For programs: rows, each with its kind.
void print_rows(const Output& output, const std::vector<Found>& found) {
  std::vector<Row> rows;
  for (const Found& one : found) {
    rows.push_back(one.row);
    rows.back().fields.insert(rows.back().fields.begin(), {"kind", one.kind});
  }
  output.print_rows(rows, {});
}

void print(const Output& output, const Found& found) {
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
  const bool is_registered = found->empty();
  if (is_registered) {
    const auto modules = (*client)->modules();
    if (!modules) return shell.output.fail(modules.error());
    *found = look_in_modules(*modules, word);
  }
  // One name may well be a workload's and a function's: both are shown.
  if (found->size() > 1 && !is_registered) {
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
  const Format format = shell.output.options().format;
  if (format != Format::kPlain && format != Format::kTable) {
    print_rows(shell.output, *found);
    return kDone;
  }
  for (const Found& one : *found) {
    if (&one != &found->front()) shell.output.print("\n");
    print(shell.output, one);
  }
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
