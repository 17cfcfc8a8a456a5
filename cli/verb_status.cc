// status: what there is, what runs, and what waits for what.
#include <algorithm>

#include "cli/exit_status.h"
#include "cli/shell.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "common/base/iso_time.h"

namespace rayd::cli {
namespace {

Json items(const std::vector<Row>& rows) {
  Json list{Json::Array{}};
  for (const Row& row : rows) list.push(to_json(row));
  return list;
}

Json document_of(const StatusReport& report) {
  Json json{Json::Object{}};
  json.set("v", 1);
  json.set("cluster", report.facts.cluster);
  json.set("version", report.facts.version);
  json.set("pid", report.facts.pid);
  json.set("started", iso_time(report.facts.started_unix_ms));
  json.set("nodes", items(report.nodes));
  json.set("jobs", items(report.jobs));
  json.set("workers", items(report.workers));
  json.set("pending", items(report.pending));
  json.set("store_used_bytes", report.store_used_bytes);
  json.set("store_capacity_bytes", report.store_capacity_bytes);
  return json;
}

/// "16.5GiB": near enough for people; the JSON has it exactly.
std::string about_bytes(double bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  while (bytes >= 1024 && unit + 1 < std::size(kUnits)) {
    bytes /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f%s" : "%.1f%s", bytes, kUnits[unit]);
  return text;
}

std::string amount(const std::string& resource, double units) {
  if (resource == "memory") return about_bytes(units);
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", units);
  return text;
}

double units_of(const Row& node, const std::string& use, const std::string& resource) {
  const Json* value = node.find("resources." + use + "." + resource);
  return value == nullptr ? 0 : value->number().value_or(0);
}

/// One line a resource of a node: in use, lent, free and in all.
std::vector<std::vector<std::string>> resource_lines(const Row& node) {
  std::vector<std::vector<std::string>> lines;
  const Json* total = node.find("resources.total");
  if (total == nullptr || total->object() == nullptr) return lines;
  for (const auto& [name, value] : *total->object()) {
    const double all = value.number().value_or(0);
    const double used = units_of(node, "used", name);
    const double lent = units_of(node, "lent", name);
    lines.push_back({lines.empty() ? node.id : "", lines.empty() ? node.text("state") : "", name,
                     amount(name, used), amount(name, lent),
                     amount(name, std::max(0.0, all - used + lent)), amount(name, all)});
  }
  return lines;
}

std::string counts_of(const std::vector<Row>& rows) {
  std::vector<std::pair<std::string, int>> counts;
  for (const Row& row : rows) {
    const std::string state = row.text("state");
    const auto known = std::find_if(counts.begin(), counts.end(),
                                    [&](const auto& count) { return count.first == state; });
    if (known == counts.end()) {
      counts.emplace_back(state, 1);
    } else {
      ++known->second;
    }
  }
  std::string text;
  for (const auto& [state, count] : counts) {
    text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + state;
  }
  return text.empty() ? "none" : text;
}

std::string text_of(const StatusReport& report, const TableStyle& style) {
  std::string text = "cluster " + report.facts.cluster + " (rayd " + report.facts.version +
                     ", pid " + std::to_string(report.facts.pid) + ", since " +
                     iso_time(report.facts.started_unix_ms) + ")\n\n";
  std::vector<std::vector<std::string>> lines;
  for (const Row& node : report.nodes) {
    if (node.text("state") == "dead") continue;  // list nodes and the JSON have them
    for (auto& line : resource_lines(node)) lines.push_back(std::move(line));
  }
  text +=
      format_table({"NODE", "STATE", "RESOURCE", "USED", "LENT", "FREE", "TOTAL"}, lines, style);
  text += "\nobject store  " + about_bytes(static_cast<double>(report.store_used_bytes)) + " of " +
          about_bytes(static_cast<double>(report.store_capacity_bytes)) + " used\n";
  text += "workers       " + counts_of(report.workers) + "\n";
  text += "jobs          " + counts_of(report.jobs) + "\n";
  if (report.pending.empty()) return text;
  lines.clear();
  for (const Row& row : report.pending) {
    lines.push_back({row.id, row.text("name"), row.text("pending_reason")});
  }
  return text + "\n" + format_table({"PENDING", "NAME", "WHY"}, lines, style);
}

int run_status(Shell& shell) {
  const auto client = shell.connect();
  if (!client) return shell.output.fail(client.error());
  const auto report = (*client)->status();
  if (!report) return shell.output.fail(report.error());
  const OutputOptions& options = shell.output.options();
  if (shell.output.wants_json()) {
    shell.output.print(document_of(*report).dump() + "\n");
  } else if (options.format == Format::kCsv) {
    shell.output.print_rows(report->nodes, {});
  } else {
    TableStyle style;
    style.colour = options.terminal.colour;
    if (options.terminal.output && options.format != Format::kWide) {
      style.columns = options.terminal.columns;
    }
    shell.output.print(text_of(*report, style));
  }
  return kDone;
}

}  // namespace

constinit const Verb kStatus{
    .name = "status",
    .summary = "nodes, resources, workers, jobs, and what waits for what",
    .operands = "",
    .most_operands = 0,
    .run = &run_status,
};

}  // namespace rayd::cli
