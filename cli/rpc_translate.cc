#include "cli/rpc_translate.h"

#include <algorithm>

#include "cli/exit_status.h"

namespace rayd::cli {
namespace {

std::string text_of(capnp::Text::Reader text) { return {text.begin(), text.size()}; }

/// A value that a daemon of another version wrote otherwise is shown as it came.
Json read_json(capnp::Text::Reader text) {
  auto json = Json::parse({text.begin(), text.size()});
  return json ? std::move(*json) : Json{text_of(text)};
}

/// The daemon tells an error's number; people and scripts get its name.
void name_error_code(Json& value) {
  const Json* code = value.find("code");
  if (code == nullptr || !code->integer()) return;
  value.set("code", std::string(error_name(static_cast<ErrorCode>(*code->integer()))));
}

ErrorInfo read_error(schema::Error::Reader error) {
  ErrorInfo info;
  info.code = static_cast<ErrorCode>(error.getCode());
  info.remote_type = text_of(error.getRemoteType());
  info.message = text_of(error.getMessage());
  info.function = text_of(error.getFunction());
  info.node = NodeId{error.getNode()};
  info.attempt = error.getAttempt();
  return info;
}

}  // namespace

DaemonFacts read_facts(schema::DaemonInfo::Reader info) {
  return {text_of(info.getVersion()),          text_of(info.getCluster()), NodeId{info.getNode()},
          static_cast<int32_t>(info.getPid()), info.getStartedUnixMs(),    info.getHead()};
}

std::vector<Row> read_rows(capnp::List<schema::Item>::Reader items) {
  std::vector<Row> rows;
  for (const auto item : items) {
    Row& row = rows.emplace_back();
    row.id = text_of(item.getId());
    for (const auto field : item.getFields()) {
      row.fields.emplace_back(text_of(field.getKey()), read_json(field.getJson()));
      if (row.fields.back().first == "error") name_error_code(row.fields.back().second);
    }
  }
  return rows;
}

StatusReport read_status(schema::Status::Reader status) {
  StatusReport report;
  report.facts = read_facts(status.getInfo());
  report.nodes = read_rows(status.getNodes());
  report.jobs = read_rows(status.getJobs());
  report.workers = read_rows(status.getWorkers());
  report.pending = read_rows(status.getPending());
  report.store_used_bytes = status.getStoreUsedBytes();
  report.store_capacity_bytes = status.getStoreCapacityBytes();
  return report;
}

std::vector<LogLine> read_lines(capnp::List<schema::LogLine>::Reader lines) {
  std::vector<LogLine> read;
  for (const auto line : lines) {
    read.push_back({line.getUnixMs(), text_of(line.getSource()), text_of(line.getText())});
  }
  return read;
}

std::vector<ClusterEvent> read_events(capnp::List<schema::ClusterEvent>::Reader events) {
  constexpr const char* kLevels[] = {"debug", "info", "warn", "error"};
  std::vector<ClusterEvent> read;
  for (const auto event : events) {
    const size_t level = std::min<size_t>(event.getLevel(), std::size(kLevels) - 1);
    read.push_back({event.getUnixMs(), NodeId{event.getNode()}, kLevels[level],
                    text_of(event.getName()), text_of(event.getText())});
  }
  return read;
}

std::vector<JobFile> read_files(capnp::List<schema::JobFile>::Reader files) {
  std::vector<JobFile> read;
  for (const auto file : files) read.push_back({text_of(file.getName()), file.getBytes()});
  return read;
}

JobUpdate read_update(schema::JobUpdate::Reader update) {
  JobUpdate read;
  read.cursor = update.getCursor();
  read.state = static_cast<JobState>(std::min<uint8_t>(update.getState(), 4));
  read.lines = read_lines(update.getLines());
  read.progress = {
      update.getProgressDone(), update.getProgressTotal(), text_of(update.getProgressText()), {}};
  for (const auto metric : update.getMetrics()) {
    read.progress.metrics.emplace_back(text_of(metric.getName()), metric.getValue());
  }
  read.files = read_files(update.getFiles());
  read.result_json = text_of(update.getResult());
  if (update.hasError()) read.error = read_error(update.getError());
  read.pending_reason = text_of(update.getPendingReason());
  read.infeasible = update.getInfeasible();
  return read;
}

Result<ModuleContents> read_module(const std::string& name, capnp::Data::Reader hash,
                                   capnp::Text::Reader description) {
  ModuleContents module;
  module.name = name;
  if (hash.size() != module.hash.bytes.size()) {
    return Error{ErrorCode::kCorrupt, "the daemon named module " + name + " by a hash of " +
                                          std::to_string(hash.size()) + " bytes"};
  }
  std::copy(hash.begin(), hash.end(), module.hash.bytes.begin());
  auto json = Json::parse({description.begin(), description.size()});
  if (!json) return Error{ErrorCode::kCorrupt, "module " + name + ": " + json.error().message};
  module.description = std::move(*json);
  return module;
}

}  // namespace rayd::cli
