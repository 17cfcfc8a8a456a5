// What rayctl remembers between calls, in the user's state folder: the last job, the machines
// that it brought up, and the outcomes of tasks that ran detached.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/config/json.h"

namespace rayd::cli {

class StateFolder {
 public:
  /// `folder` is Places::state_dir; made when something is written.
  explicit StateFolder(std::string folder) : folder_(std::move(folder)) {}

  /// Best effort: a full disk is no reason to fail work that runs.
  void remember_last_job(JobId job) const;
  std::optional<JobId> last_job() const;

  /// The machines that `up` made nodes and `down` has not ended. Best effort, as above.
  void remember_hosts(const std::set<std::string>& hosts) const;
  std::set<std::string> hosts() const;

  /// Kept for the newest hundred.
  Status keep_outcome(JobId job, const Json& outcome) const;
  std::optional<Json> outcome(JobId job) const;
  void forget_outcome(JobId job) const;

 private:
  std::string outcomes() const { return folder_ + "/outcomes"; }
  std::string outcome_file(JobId job) const { return outcomes() + "/" + to_string(job) + ".json"; }
  Status write(const std::string& path, const std::string& text) const;

  std::string folder_;
};

}  // namespace rayd::cli
