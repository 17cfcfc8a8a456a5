// The daemon's log file: one line an event, with fields; bounded in size. Control thread only.
#pragma once

#include <string>

#include "common/config/config.h"
#include "common/types/node_io.h"

namespace rayd::shell {

/// Throws std::runtime_error when the file cannot be opened.
void open_daemon_log(const std::string& path, const Config& config);
void log_event(Event::Level level, const std::string& name, const std::string& text);

}  // namespace rayd::shell
