// Words of control.capnp as plain values of the command line, and back.
#pragma once

#include <string>
#include <vector>

#include "cli/daemon_client.h"
#include "common/schema/control.capnp.h"

namespace rayd::cli {

DaemonFacts read_facts(schema::DaemonInfo::Reader info);
std::vector<Row> read_rows(capnp::List<schema::Item>::Reader items);
StatusReport read_status(schema::Status::Reader status);
std::vector<ClusterEvent> read_events(capnp::List<schema::ClusterEvent>::Reader events);
std::vector<LogLine> read_lines(capnp::List<schema::LogLine>::Reader lines);
std::vector<JobFile> read_files(capnp::List<schema::JobFile>::Reader files);
JobUpdate read_update(schema::JobUpdate::Reader update);
/// kCorrupt: the description is no JSON.
Result<ModuleContents> read_module(const std::string& name, capnp::Data::Reader hash,
                                   capnp::Text::Reader description);

}  // namespace rayd::cli
