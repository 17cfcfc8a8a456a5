// The daemon's side of worker processes: asks the keeper for them, follows their lives, reads what
// they print.
//
//   start_worker ─▶ waiting ─▶ starting ─▶ running ─▶ dying ─▶ on_worker_died
//                      └──────────┴─▶ on_worker_failed
//
// waiting: its zygote's constructors run · starting: the fork was asked for · dying: told dead, its
// last output is being read. A zygote serves all workers of one image, environment and user; it is
// started with the first, and ended when it was idle for a while.
//
// One thread (the control thread), Asio only for waiting. Events arrive from the event loop, never
// from inside a call. The daemon never forks: the keeper is spawned.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>
#include <boost/asio/io_context.hpp>

#include "common/base/ids.h"
#include "common/base/process_status.h"
#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "common/wire/keeper_wire.h"

namespace rayd {

enum class ImageKind : uint8_t { kProgram, kSharedObject };
enum class OutputStream : uint8_t { kOutput, kErrors };
enum class Force : uint8_t { kNo, kYes };

/// What a worker runs and as whom: workers that agree in it share a zygote.
struct WorkerImage {
  ImageKind kind = ImageKind::kProgram;
  ImageHash hash;                        // of the file: another content, another zygote
  std::string path;                      // absolute
  std::vector<std::string> environment;  // all of it, NAME=value
  std::optional<keeper::Credentials> credentials;
  auto operator<=>(const WorkerImage&) const = default;
};

struct WorkerStart {
  ClientId worker;
  WorkerImage image;
  std::string directory = "/";    // the working directory
  std::vector<UniqueFd> channel;  // passed on in this order, at most 32
};

/// What the owner of WorkerProcesses hears. It may call WorkerProcesses then, but not destroy it.
class WorkerEvents {
 public:
  virtual ~WorkerEvents() = default;
  virtual void on_worker_started(ClientId worker, pid_t pid) = 0;
  /// There was no process. The text names the image and contains what it printed.
  virtual void on_worker_failed(ClientId worker, std::string text) = 0;
  /// Nothing of it is left, descendants included, and all its output was delivered before.
  virtual void on_worker_died(ClientId worker, ProcessStatus status) = 0;
  /// One line without its end, any bytes, at most kMaxLine; longer ones come in pieces, and what is
  /// left without an end comes when the stream ends.
  virtual void on_worker_output(ClientId worker, OutputStream stream, std::string_view line) = 0;
  /// Not asked for. Every worker was reported dead before; start_keeper may be called again.
  virtual void on_keeper_died() = 0;
};

class WorkerProcesses {
 public:
  struct Options {
    std::string keeper_program = "/proc/self/exe";  // answers to --keeper
    std::string worker_program;                     // rayd-worker, for shared objects
    std::chrono::milliseconds zygote_start_timeout{60'000};
    std::chrono::milliseconds zygote_idle{300'000};
  };
  static constexpr size_t kMaxLine = 64 * 1024;

  WorkerProcesses(boost::asio::io_context& io, WorkerEvents& events, Options options);
  /// Lets the keeper go, which ends every process; does not wait for it.
  ~WorkerProcesses();

  /// Makes this process a subreaper and spawns the keeper. Precondition: there is none.
  Status start_keeper();
  pid_t keeper_pid() const;

  /// Answered by on_worker_started or on_worker_failed. Precondition: the keeper runs; the id is
  /// new.
  void start_worker(WorkerStart start);

  /// kNo: SIGTERM to its process. kYes: SIGKILL to its process group; the keeper then ends the
  /// rest. A worker that waits for its zygote fails; an unknown one is ignored.
  void kill_worker(ClientId worker, Force force);

  /// Back-pressure: while held, output stays in the worker's pipes (64 KiB each), and the worker
  /// waits when they are full. What is there at its death is delivered all the same.
  void hold_output(ClientId worker);
  void release_output(ClientId worker);

  /// A file that the keeper removes if the daemon dies without doing so. It must exist already.
  void guard_file(const std::string& path);

  /// Ends every process, then calls back. No further worker events; not to be called twice.
  void stop(std::function<void()> on_stopped);

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace rayd
