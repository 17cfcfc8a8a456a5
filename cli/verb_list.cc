// list: rows of one kind, filtered, sorted, cut.
#include <algorithm>

#include "cli/cpp_type.h"
#include "cli/exit_status.h"
#include "cli/shell.h"
#include "cli/verbs.h"
#include "common/config/nearest.h"

namespace rayd::cli {
namespace {

struct Kind {
  std::string_view name;
  std::vector<std::string> (*columns)();  // of a table; empty: all there are
};

using Columns = std::vector<std::string>;

constexpr Kind kKinds[] = {
    {"nodes",
     [] { return Columns{"id", "name", "state", "address", "resources.total", "resources.used"}; }},
    {"jobs",
     [] {
       return Columns{"id", "name", "state", "workload", "error"};
     }},
    {"tasks", [] { return Columns{"id", "name", "state", "node", "attempt", "pending_reason"}; }},
    {"actors",
     [] { return Columns{"id", "name", "class", "state", "node", "pid", "restarts", "error"}; }},
    {"objects", [] { return Columns{}; }},
    {"workers",
     [] {
       return Columns{"id", "pid", "node", "state", "task"};
     }},
    {"functions",
     [] {
       return Columns{"id", "type", "module"};
     }},
    {"classes",
     [] {
       return Columns{"id", "module"};
     }},
    {"workloads",
     [] {
       return Columns{"id", "summary", "module"};
     }},
    {"placement-groups",
     [] { return Columns{"id", "name", "state", "strategy", "bundles", "pending_reason"}; }},
    {"modules",
     [] {
       return Columns{"id", "file", "hash"};
     }},
};

Result<const Kind*> find_kind(const std::string& word) {
  std::vector<std::string_view> names;
  std::string all;
  for (const Kind& kind : kKinds) {
    if (kind.name == word || kind.name == word + "s") return &kind;
    names.push_back(kind.name);
    all += (all.empty() ? "" : ", ") + std::string(kind.name);
  }
  return Error{ErrorCode::kInvalidArgument, "'" + word + "' cannot be listed" +
                                                did_you_mean(word, names) + "; there are " + all};
}

/// The types of functions, for people.
void shorten_types(std::vector<Row>& rows) {
  for (Row& row : rows) {
    for (auto& [key, value] : row.fields) {
      if (key == "type" && value.string() != nullptr) value = short_signature(*value.string());
    }
  }
}

int run_list(Shell& shell) {
  const ParsedCommand& command = shell.command;
  const auto kind = find_kind(command.operands.front());
  if (!kind) return shell.output.fail(kind.error());
  std::vector<Filter> filters;
  for (const std::string& text : command.all("--filter")) {
    auto filter = parse_filter(text);
    if (!filter) return shell.output.fail(filter.error());
    filters.push_back(std::move(*filter));
  }
  const auto limit = command.integer("--limit");
  if (limit && *limit < 0) {
    return shell.output.fail({ErrorCode::kInvalidArgument, "--limit wants 0 or more"});
  }
  const auto client = shell.connect();
  if (!client) return shell.output.fail(client.error());
  auto rows = (*client)->list(std::string((*kind)->name));
  if (!rows) return shell.output.fail(rows.error());
  std::erase_if(*rows, [&](const Row& row) {
    return std::any_of(filters.begin(), filters.end(),
                       [&](const Filter& filter) { return !filter.passes(row); });
  });
  if (const auto key = command.text("--sort")) sort_rows(*rows, *key);
  if (limit && static_cast<size_t>(*limit) < rows->size()) {
    rows->resize(static_cast<size_t>(*limit));
  }
  if (rows->empty()) shell.output.say("no " + std::string((*kind)->name));
  const Format format = shell.output.options().format;
  if (format == Format::kPlain || format == Format::kTable) shorten_types(*rows);
  shell.output.print_rows(*rows, (*kind)->columns());
  return kDone;
}

constexpr Flag kFlags[] = {
    {"--filter",
     "KEY=VALUE",
     "only these; also !=, <, >, and ~ for a part",
     FlagType::kText,
     0,
     {},
     Repeat::kYes},
    {"--sort", "KEY", "by this key; -KEY sorts downwards (--sort=-KEY)"},
    {"--limit", "N", "no more than so many", FlagType::kInteger},
};

}  // namespace

constinit const Verb kList{
    .name = "list",
    .summary = "nodes, jobs, tasks, actors, objects, workers, functions, classes, …",
    .operands =
        "nodes|jobs|tasks|actors|objects|workers|functions|classes|workloads|modules|"
        "placement-groups",
    .flags = kFlags,
    .least_operands = 1,
    .most_operands = 1,
    .run = &run_list,
};

}  // namespace rayd::cli
