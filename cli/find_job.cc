#include "cli/find_job.h"

#include "cli/state_folder.h"
#include "common/config/nearest.h"
#include "common/config/quantity.h"

namespace rayd::cli {

std::optional<std::string> first_operand(const Shell& shell) {
  const auto& operands = shell.command.operands;
  return operands.empty() ? std::nullopt : std::optional(operands.front());
}

Result<JobId> find_job(const Shell& shell, DaemonClient& client,
                       const std::optional<std::string>& word) {
  if (!word) {
    const auto places = shell.places();
    const auto last = places ? StateFolder{places->state_dir}.last_job() : std::nullopt;
    if (last) return *last;
    return Error{ErrorCode::kNotFound,
                 "no job was started from here yet; name one (rayctl list jobs)"};
  }
  if (const auto id = parse_job_id(*word)) return *id;
  const auto number = parse_integer(*word);
  if (number && *number > 0 && *number <= UINT32_MAX) {
    return JobId{static_cast<uint32_t>(*number)};
  }
  const auto rows = client.list("jobs");
  if (!rows) return rows.error();
  std::vector<std::string> names;
  std::vector<std::string> found;
  for (const Row& row : *rows) {
    names.push_back(row.text("name"));
    if (names.back() == *word) found.push_back(row.id);
  }
  if (found.size() == 1) return parse_job_id(found.front());
  if (found.size() > 1) {
    return Error{ErrorCode::kInvalidArgument, "several jobs are named '" + *word + "', the last " +
                                                  found.back() + "; name one by its id"};
  }
  return Error{ErrorCode::kNotFound,
               "there is no job '" + *word + "'" +
                   did_you_mean(*word, std::vector<std::string_view>(names.begin(), names.end())) +
                   "; rayctl list jobs shows them"};
}

}  // namespace rayd::cli
