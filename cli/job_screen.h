// What a person sees of running work on standard error: worker lines, folded, and the progress
// line, which stay out of each other's way.
#pragma once

#include "cli/daemon_client.h"
#include "cli/line_folder.h"
#include "cli/output.h"
#include "cli/progress.h"

namespace rayd::cli {

class JobScreen {
 public:
  JobScreen(const Output& output, ProgressStyle style);
  ~JobScreen();
  JobScreen(const JobScreen&) = delete;
  JobScreen& operator=(const JobScreen&) = delete;

  void show(const std::vector<LogLine>& lines, const JobProgress& progress);
  /// A line of rayctl's own.
  void say(const std::string& line);
  /// Shows what was held back; the last call.
  void finish();

 private:
  const Output& output_;
  LineFolder folder_;
  Progress progress_;
};

}  // namespace rayd::cli
