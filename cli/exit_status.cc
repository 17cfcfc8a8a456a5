#include "cli/exit_status.h"

namespace rayd::cli {
namespace {

struct Entry {
  ErrorCode code;
  int status;
  std::string_view name;
};

constexpr Entry kEntries[] = {
    {ErrorCode::kOk, kDone, "ok"},
    {ErrorCode::kTaskThrew, kFailed, "task_threw"},
    {ErrorCode::kWorkerDied, kFailed, "worker_died"},
    {ErrorCode::kNodeDied, kFailed, "node_died"},
    {ErrorCode::kActorDied, kFailed, "actor_died"},
    {ErrorCode::kOwnerDied, kFailed, "owner_died"},
    {ErrorCode::kObjectLost, kFailed, "object_lost"},
    {ErrorCode::kCancelled, kFailed, "cancelled"},
    {ErrorCode::kFunctionNotFound, kNotFound, "function_not_found"},
    {ErrorCode::kRuntimeEnv, kFailed, "runtime_env"},
    {ErrorCode::kTimeout, kTimedOut, "timeout"},
    {ErrorCode::kPendingCallsLimit, kFailed, "pending_calls_limit"},
    {ErrorCode::kStoreFull, kFailed, "store_full"},
    {ErrorCode::kWorkersLimit, kFailed, "workers_limit"},
    {ErrorCode::kOwnerDrained, kFailed, "owner_drained"},
    {ErrorCode::kInvalidArgument, kUsage, "invalid_argument"},
    {ErrorCode::kNotFound, kNotFound, "not_found"},
    {ErrorCode::kUnavailable, kNoCluster, "unavailable"},
    {ErrorCode::kNotAllowed, kNotAllowed, "not_allowed"},
    {ErrorCode::kInfeasible, kNeverPlaced, "infeasible"},
    {ErrorCode::kAlreadyExists, kUsage, "already_exists"},
    {ErrorCode::kCorrupt, kFailed, "corrupt"},
    {ErrorCode::kInternal, kFailed, "internal"},
};

const Entry& entry_of(ErrorCode code) {
  for (const Entry& entry : kEntries) {
    if (entry.code == code) return entry;
  }
  return kEntries[std::size(kEntries) - 1];
}

}  // namespace

int exit_status(ErrorCode code) { return entry_of(code).status; }
std::string_view error_name(ErrorCode code) { return entry_of(code).name; }

ErrorCode error_code_of(std::string_view name) {
  for (const Entry& entry : kEntries) {
    if (entry.name == name) return entry.code;
  }
  return ErrorCode::kInternal;
}

}  // namespace rayd::cli
