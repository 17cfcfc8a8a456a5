// The inside of WorkerProcesses: what is known of keeper, zygotes and workers.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/base/process_socket.h"
#include "daemon/shell/process_watch.h"
#include "daemon/shell/worker_processes.h"
#include "daemon/shell/worker_processes_output.h"

namespace rayd {

class WorkerProcesses::State : public std::enable_shared_from_this<State> {
 public:
  State(boost::asio::io_context& io, WorkerEvents& events, Options options);

  Status start_keeper();
  pid_t keeper_pid() const { return keeper_pid_; }
  void start_worker(WorkerStart start);
  void kill_worker(ClientId worker, Force force);
  void hold_output(ClientId worker);
  void release_output(ClientId worker);
  void guard_file(const std::string& path);
  void stop(std::function<void()> on_stopped);
  /// The owner is gone: no events, no keeper.
  void abandon();

 private:
  using Descriptor = boost::asio::posix::stream_descriptor;
  using Reader = std::shared_ptr<OutputReader>;

  struct Zygote {
    uint32_t id = 0;
    WorkerImage image;
    enum class Phase : uint8_t { kStarting, kReady, kEnding } phase = Phase::kStarting;
    Reader output;
    std::string tail;  // the last of what it printed: says why it does not start
    std::string note;  // why the daemon ended it
    std::deque<WorkerStart> waiting;
    size_t starting = 0;                               // sent to the keeper and not answered
    size_t workers = 0;                                // asked for and not yet failed or dead
    std::unique_ptr<boost::asio::steady_timer> timer;  // its start's deadline, then its idle time
  };
  struct Worker {
    uint32_t zygote = 0;
    enum class Phase : uint8_t { kWaiting, kStarting, kRunning } phase = Phase::kWaiting;
    bool held = false;
    Reader output;
    Reader errors;
  };

  void watch_socket();
  void watch_socket_writable();
  void read_socket();
  void send(const keeper::ToKeeper& message, std::vector<UniqueFd> fds = {});
  void on_keeper_end();
  void kill_adopted();

  Zygote& zygote_for(const WorkerImage& image);
  void launch_waiting(Zygote& zygote);
  void launch(Zygote& zygote, WorkerStart start);
  void on_start_answered(const Worker& worker);
  void fail(ClientId worker, std::string text);
  void release_zygote(uint32_t id);
  void arm(Zygote& zygote, std::chrono::milliseconds delay);
  void on_timer(uint32_t id);
  void end_zygote(Zygote& zygote, std::string note);
  Reader read_output(UniqueFd pipe, ClientId worker, OutputStream stream);

  void on(const keeper::ZygoteReady& report);
  void on(const keeper::ZygoteEnded& report);
  void on(const keeper::WorkerStarted& report);
  void on(const keeper::WorkerFailed& report);
  void on(const keeper::WorkerDied& report);

  boost::asio::io_context& io_;
  WorkerEvents* events_;  // null once stopped or abandoned
  Options options_;

  pid_t keeper_pid_ = 0;
  uint64_t tag_base_ = 0;
  PacketSocket socket_;
  std::unique_ptr<Descriptor> socket_watch_;
  std::unique_ptr<ProcessWatch> process_watch_;
  std::unique_ptr<boost::asio::steady_timer> adopted_timer_;
  bool writing_ = false;
  std::function<void()> on_stopped_;

  uint32_t last_zygote_ = 0;
  std::map<uint32_t, Zygote> zygotes_;
  std::map<ClientId, Worker> workers_;
};

}  // namespace rayd
