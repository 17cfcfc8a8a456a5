// The parameters of a submitted workload: words, -p and -f become what is sent, checked against the
// module's description before anything is scheduled.
#pragma once

#include <ray/workload_params.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/config/json.h"
#include "common/types/job.h"

namespace rayd::cli {

/// A workload's part of a module's description (ray::to_json). Unknown kinds read as text.
ray::WorkloadInfo read_workload_info(const Json& entry);

using ReadFile = std::function<std::optional<std::string>(const std::string& name)>;

struct ParameterSources {
  std::vector<std::string> words;       // KEY=VALUE
  std::vector<std::string> json_files;  // objects of many
};

/// kInvalidArgument: all mistakes, one a line. `read` gets "-" for standard input.
Result<std::vector<JobParameter>> make_parameters(const ray::WorkloadInfo& info,
                                                  const ParameterSources& sources,
                                                  const ReadFile& read);

/// `rayctl submit NAME --help`.
std::string describe(const ray::WorkloadInfo& info);

/// The content of a file, "-": standard input; nothing if it cannot be read.
std::optional<std::string> read_whole_file(const std::string& name);

}  // namespace rayd::cli
