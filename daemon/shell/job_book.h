// The job book: what people follow of jobs: log lines, progress, metrics, result files, outcome.
//
//   log_dir/jobs/JOB.log          every line with time and source (bounded, the oldest half goes):
//                                 "TIME (SOURCE) TEXT", of standard error "TIME [SOURCE] TEXT"
//   state_dir/jobs/JOB/parameters as submitted (job.capnp)
//   state_dir/jobs/JOB/files/…    finished result files
//
// In memory: the last lines of each job and of everything, by cursor, so that `submit` and
// `logs -f` wait for what is new. Those of a job that an earlier daemon ran are read from its log
// when somebody asks for the job. Belongs to the control thread; the files are written by it, in
// whole lines, and synced by nobody: what a crash of the machine loses is told by the journal.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/config.h"
#include "common/config/places.h"
#include "common/types/head_io.h"
#include "common/types/job.h"

namespace rayd::shell {

struct BookLine {
  int64_t unix_ms = 0;
  std::string source;  // "square pid=812 node=n1"
  enum class Stream : uint8_t { kOutput, kErrors };
  Stream stream = Stream::kOutput;
  std::string text;
};

struct JobProgress {
  uint64_t done = 0;
  uint64_t total = 0;
  std::string text;
  std::vector<std::pair<std::string, double>> metrics;
};

struct JobFileInfo {
  std::string name;
  uint64_t bytes = 0;
};

/// What happened to a job since a cursor.
struct JobNews {
  uint64_t cursor = 0;
  std::vector<BookLine> lines;
  JobRow row;
  JobProgress progress;
  std::vector<JobFileInfo> files;
};

enum class FilePart : uint8_t { kMore, kLast };

class JobBook {
 public:
  JobBook(const Places& places, const Config& config);
  ~JobBook();

  /// Of no job (nil): the daemon's own news, seen by those who follow everything.
  void add_line(JobId job, BookLine line);
  void set_row(const JobRow& row);
  void set_progress(JobId job, JobProgress progress);
  /// Parts in order; kInvalidArgument: a part that does not continue the file, or a bad name.
  Status write_file(JobId job, const std::string& name, uint64_t offset, std::string_view bytes,
                    FilePart part);
  Result<std::string> read_file(JobId job, const std::string& name, uint64_t offset,
                                uint32_t max_bytes) const;
  Result<uint64_t> file_size(JobId job, const std::string& name) const;

  Status keep_parameters(JobId job, const std::vector<JobParameter>& parameters);
  Result<std::vector<JobParameter>> parameters(JobId job) const;

  const JobRow* find(JobId job) const;
  /// Everything after `cursor`, now.
  Result<JobNews> news(JobId job, uint64_t cursor);
  /// The lines whose job ("job-7") or source ("worker-1.3") is named, all for "", after `cursor`,
  /// and the new cursor.
  std::pair<std::vector<BookLine>, uint64_t> lines(const std::string& source, uint64_t cursor);

  /// Called once, at the next change of the job (none: of anything). Returns a ticket to forget it.
  uint64_t on_change(std::optional<JobId> job, std::function<void()> wake);
  void forget(uint64_t ticket);

 private:
  struct Book;
  struct Waiter {
    std::optional<JobId> job;
    std::function<void()> wake;
  };

  Book& book_of(JobId job);
  void find_files(Book& book, JobId job) const;
  void find_lines(Book& book, JobId job) const;
  void changed(Book& book, JobId job);
  void trim();
  std::string folder_of(JobId job) const;
  std::string log_of(JobId job) const;
  void append_to_log(Book& book, JobId job, const BookLine& line);

  std::string jobs_dir_;
  std::string logs_dir_;
  uint64_t max_log_bytes_;
  size_t jobs_kept_;
  uint64_t cursor_ = 1;  // 1: of lines that an earlier daemon wrote
  uint64_t next_ticket_ = 1;
  std::map<JobId, std::unique_ptr<Book>> books_;
  std::map<uint64_t, Waiter> waiters_;
};

}  // namespace rayd::shell
