// Which job a word means: "job-7", "7", a name, or nothing at all: the last one from here.
#pragma once

#include <optional>
#include <string>

#include "cli/shell.h"

namespace rayd::cli {

/// kNotFound; kInvalidArgument: several have this name.
Result<JobId> find_job(const Shell& shell, DaemonClient& client,
                       const std::optional<std::string>& word);

/// The first operand, if there is one.
std::optional<std::string> first_operand(const Shell& shell);

}  // namespace rayd::cli
