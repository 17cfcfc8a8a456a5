// The exit statuses (cli.md §5), and the names of errors in JSON output.
#pragma once

#include <string_view>

#include "common/base/result.h"

namespace rayd::cli {

inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;
inline constexpr int kNotFound = 3;
inline constexpr int kNoCluster = 4;
inline constexpr int kNotAllowed = 5;
inline constexpr int kTimedOut = 6;
inline constexpr int kNeverPlaced = 7;
inline constexpr int kInterrupted = 130;

int exit_status(ErrorCode code);

/// "task_threw", "not_found" …
std::string_view error_name(ErrorCode code);
/// Inverse; kInternal for a name that there is not.
ErrorCode error_code_of(std::string_view name);

}  // namespace rayd::cli
