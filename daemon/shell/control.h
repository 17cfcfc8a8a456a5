// Control: what the control lane can ask of a daemon, without Cap'n Proto. The RPC objects
// (rpc_daemon.cc) only translate to and from this; the daemon implements it.
//
// Belongs to the control thread. What cannot be answered at once takes a callback, which is called
// once, unless the daemon ends before.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/unique_fd.h"
#include "common/shm/channel.h"
#include "common/types/client_messages.h"
#include "common/types/identity.h"
#include "daemon/head/head_core.h"
#include "daemon/node/snapshot.h"
#include "daemon/shell/event_book.h"
#include "daemon/shell/job_book.h"

namespace rayd::shell {

template <class T>
using Callback = std::function<void(Result<T>)>;

struct DaemonFacts {
  std::string version;
  std::string cluster;
  NodeId node;
  int32_t pid = 0;
  int64_t started_unix_ms = 0;
  enum class Head : bool { kElsewhere, kHere };
  Head head = Head::kElsewhere;
};

/// A driver's session over rings; its process is watched.
struct OpenedRings {
  ClientId client;
  JobId job;
  std::string name_space;
  ImageHash image;
  shm::ChannelFds channel;
  UniqueFd store_writable;
  UniqueFd store_readable;
};

/// A session without rings: the same messages, with copies (control.capnp, Session).
class RemoteSession {
 public:
  virtual ~RemoteSession() = default;
  virtual ClientId client() const = 0;
  /// Somebody speaks on it: it lives on. kNotFound: it is over.
  virtual Status touch() = 0;
  /// The connection that it was opened or resumed on is gone.
  virtual void on_connection_gone() = 0;
  virtual void end() = 0;

  /// The number of the last message that was taken.
  virtual uint64_t taken() const = 0;
  /// False: its answers are to be fetched first.
  virtual bool has_room() const = 0;
  /// The next one: `taken() + 1`. Inline values may be as large as kMaxInlineInPeer.
  virtual Status take(ClientMessage&& message) = 0;

  struct Answers {
    uint64_t first = 0;
    std::vector<ClientAnswer> answers;
    uint64_t finished = 0;
  };
  /// Those behind `after`, as many as fit one reply; those up to it are forgotten.
  virtual Result<Answers> answers(uint64_t after) = 0;
  /// Called once, when there is one behind `after`, or many tasks have ended.
  virtual void on_answers(uint64_t after, std::function<void()> wake) = 0;

  virtual void reserve(uint64_t value, uint64_t bytes, Callback<uint64_t> done) = 0;
  virtual Status write(uint64_t value, uint64_t offset, ByteSpan bytes) = 0;
  /// In the store; to be copied at once.
  virtual Result<ByteSpan> read(ObjectId object, uint64_t offset, uint64_t max_bytes) = 0;
};

struct SessionRequest {
  std::string name;
  std::string name_space;
  ImageHash image;                      // nil: it has no program of its own
  std::optional<KeyHash> resumable_by;  // none: it ends with its connection
};

struct OpenedSession {
  JobId job;
  std::string name_space;
  std::shared_ptr<RemoteSession> session;
  Duration silence;  // it ends after so long a one
};

struct JobRequest {
  std::string workload;  // as typed: the shortest unique suffix, or module:name
  std::vector<JobParameter> parameters;
  std::string name;
  std::string name_space;
  int32_t retries = 0;
  SubmitJob::QueueIfInfeasible queue = SubmitJob::QueueIfInfeasible::kNo;
  ResourceSet demand;  // of the root
  Placement placement;
  std::vector<std::pair<std::string, std::string>> environment;
  OperationId operation;  // nil: it is not repeated
};

struct StoreUse {
  uint64_t used_bytes = 0;
  uint64_t capacity_bytes = 0;
};

/// What a node tells the head's books.
struct JobLine {
  JobId job;
  BookLine line;
};
using NodeNews = std::variant<JobLine, ClusterEvent>;

class Images;

struct ModuleFile {
  std::string path;                  // of this machine; else only what it is called elsewhere
  std::optional<ImageHash> brought;  // it was uploaded
};

class Control {
 public:
  virtual ~Control() = default;

  virtual DaemonFacts facts() const = 0;
  virtual void open_rings(int32_t pid, const std::string& name, const std::string& name_space,
                          Callback<OpenedRings> done) = 0;
  virtual void open_session(const SessionRequest& request, Callback<OpenedSession> done) = 0;
  /// kNotFound: it is over, or another's.
  virtual Result<std::shared_ptr<RemoteSession>> resume_session(ClientId client,
                                                                const KeyHash& key) = 0;

  virtual node::Snapshot node_snapshot() const = 0;
  virtual head::HeadSnapshot head_snapshot() const = 0;

  virtual void submit_job(JobRequest request, Callback<JobId> done) = 0;
  virtual void cancel_job(JobId job, CancelJob::Force force, Callback<JobId> done) = 0;
  virtual JobBook& book() = 0;
  virtual EventBook& events() = 0;
  /// The job whose root runs in this worker; none elsewhere.
  virtual std::optional<JobId> root_job_of(ClientId worker) const = 0;
  virtual bool is_cancelled(JobId job) const = 0;

  virtual void add_module(const std::string& name, const ModuleFile& file,
                          Callback<ModuleRow> done) = 0;
  /// At the head; its image is here.
  virtual void put_module(ModuleRow row, Callback<ModuleRow> done) = 0;
  virtual Images& images() = 0;
  /// The payload of an object in this node's store. kObjectLost.
  virtual Result<std::string> read_stored(ObjectId object) const = 0;
  virtual void remove_module(const std::string& name, Callback<std::string> done) = 0;

  /// The word itself; it is not kept. `lifetime_ms` 0: it does not expire.
  virtual void create_token(TokenRole role, const std::string& label, int64_t lifetime_ms,
                            Callback<std::string> done) = 0;
  virtual void revoke_token(const std::string& id, Callback<std::string> done) = 0;

  /// Ends the daemon soon, after replies have left.
  virtual void stop(StopWorker::How how) = 0;
};

}  // namespace rayd::shell
