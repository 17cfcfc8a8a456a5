// A job's result files, brought to a folder here as they are finished.
#pragma once

#include <map>
#include <string>

#include "cli/daemon_client.h"

namespace rayd::cli {

class JobFiles {
 public:
  /// `folder` is made when the first file comes.
  JobFiles(DaemonClient& client, JobId job, std::string folder)
      : client_(client), job_(job), folder_(std::move(folder)) {}

  /// Brings those that are new or have changed. Returns their paths. A file appears under its name
  /// when it is whole.
  Result<std::vector<std::string>> bring(const std::vector<JobFile>& files);

 private:
  Result<std::string> bring(const JobFile& file);

  DaemonClient& client_;
  JobId job_;
  std::string folder_;
  std::map<std::string, uint64_t> brought_;  // by name: its bytes
};

}  // namespace rayd::cli
