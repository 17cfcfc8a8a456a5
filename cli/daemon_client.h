// A connection to a daemon's control lane as plain calls: the verbs see neither Cap'n Proto nor
// sockets. Every call waits for its answer; all errors are values.
//
// One thread. A descriptor given to set_interrupt() ends waits early (Ctrl-C), with kCancelled.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/rows.h"
#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/config/module_names.h"
#include "common/types/client_messages.h"
#include "common/types/head_messages.h"
#include "common/types/job.h"
#include "common/types/token.h"

namespace rayd {
class HeadDial;
}

namespace rayd::cli {

struct DaemonFacts {
  std::string version;
  std::string cluster;
  NodeId node;
  int32_t pid = 0;
  int64_t started_unix_ms = 0;
  bool is_head = false;  // the head of its cluster runs in it
};

struct StatusReport {
  DaemonFacts facts;
  std::vector<Row> nodes;
  std::vector<Row> jobs;
  std::vector<Row> workers;
  std::vector<Row> pending;
  uint64_t store_used_bytes = 0;
  uint64_t store_capacity_bytes = 0;
};

struct LogLine {
  int64_t unix_ms = 0;
  std::string source;  // "square pid=812 node=node-1"
  std::string text;
};

struct JobFile {
  std::string name;
  uint64_t bytes = 0;
};

struct JobProgress {
  uint64_t done = 0;
  uint64_t total = 0;
  std::string text;
  std::vector<std::pair<std::string, double>> metrics;
};

/// What happened to a job since a cursor.
struct JobUpdate {
  uint64_t cursor = 0;
  JobState state = JobState::kPending;
  std::vector<LogLine> lines;
  JobProgress progress;
  std::vector<JobFile> files;  // all that are finished
  std::string result_json;
  std::optional<ErrorInfo> error;
  std::string pending_reason;
  bool infeasible = false;
};

struct JobSubmission {
  std::string workload;
  std::vector<JobParameter> parameters;
  std::string name;
  std::string name_space;
  int32_t retries = 0;
  enum class Queue : bool { kNo, kYes };
  Queue queue = Queue::kNo;
  ResourceSet demand;  // of the driver
  Placement placement;
  std::vector<std::pair<std::string, std::string>> environment;
  /// Of this submission alone; repeated with it, it gets the same job.
  OperationId operation;
};

struct LogPart {
  std::vector<LogLine> lines;
  uint64_t cursor = 0;
};

/// Something that happened on a machine of the cluster.
struct ClusterEvent {
  int64_t unix_ms = 0;
  NodeId node;
  std::string level;  // "debug", "info", "warn", "error"
  std::string name;   // "node_joined"
  std::string text;
};

struct EventPart {
  std::vector<ClusterEvent> events;
  uint64_t cursor = 0;
};

struct FilePart {
  std::string bytes;
  bool complete = false;
};

enum class Force : bool { kNo, kYes };

/// The hot lane by RPC: tasks and actors from the shell. The job ends with it.
class TaskSession {
 public:
  virtual ~TaskSession() = default;
  virtual ClientId client() const = 0;
  virtual JobId job() const = 0;
  virtual Status send(const ClientMessage& message) = 0;
  /// What has arrived; waits for something to arrive at most `patience`.
  virtual Result<std::vector<ClientAnswer>> receive(Duration patience) = 0;
};

class DaemonClient {
 public:
  /// Connects and says hello. kUnavailable: nobody serves there, or another protocol.
  static Result<std::unique_ptr<DaemonClient>> connect(const std::string& socket);
  /// The same with a head elsewhere.
  static Result<std::unique_ptr<DaemonClient>> connect(const HeadDial& head);
  virtual ~DaemonClient() = default;

  virtual void set_interrupt(int fd) = 0;
  virtual const DaemonFacts& facts() const = 0;
  virtual Result<StatusReport> status() = 0;
  virtual Result<std::vector<Row>> list(const std::string& kind) = 0;

  virtual Result<JobId> submit(const JobSubmission& submission) = 0;
  virtual Result<JobUpdate> watch(JobId job, uint64_t cursor, Duration patience) = 0;
  virtual Status cancel(JobId job, Force force) = 0;
  virtual Result<std::vector<JobFile>> files(JobId job) = 0;
  virtual Result<FilePart> read_file(JobId job, const std::string& name, uint64_t offset) = 0;

  virtual Result<ModuleContents> add_module(const std::string& name, const std::string& path) = 0;
  virtual Status remove_module(const std::string& name) = 0;
  virtual Result<std::vector<ModuleContents>> modules() = 0;

  /// The word. `lifetime_ms` 0: it does not expire.
  virtual Result<std::string> create_token(TokenRole role, const std::string& label,
                                           int64_t lifetime_ms) = 0;
  virtual Status revoke_token(const std::string& id) = 0;

  /// `source` is a job's, worker's, actor's or node's id; empty: everything.
  virtual Result<LogPart> logs(const std::string& source, uint64_t cursor, Duration patience) = 0;
  /// What happened lately in the cluster; waits for something to happen at most `patience`.
  virtual Result<EventPart> events(uint64_t cursor, Duration patience) = 0;
  virtual Status stop(Force force) = 0;
  /// Every daemon of the cluster. An answer may be lost with the daemon that would have brought it.
  virtual Status stop_all(Force force) = 0;
  virtual Result<std::unique_ptr<TaskSession>> open_session(const std::string& job_name,
                                                            const std::string& name_space) = 0;
};

}  // namespace rayd::cli
