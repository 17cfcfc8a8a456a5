// A daemon's process side inside a test: starts workers of the test programs, gives them orders,
// and waits for what is reported by running the event loop, never by sleeping.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "daemon/shell/worker_processes.h"

namespace process_test {

using namespace rayd;

/// A path from the environment that meson sets (tests/integration/meson.build).
std::string test_path(const char* variable);

class Processes : public WorkerEvents {
 public:
  struct Seen {
    pid_t pid = 0;
    std::string failure;
    bool failed = false;
    bool died = false;
    ProcessStatus status;
    std::vector<std::string> output;
    std::vector<std::string> errors;
    UniqueFd channel;
    bool ended() const { return failed || died; }
  };

  explicit Processes(WorkerProcesses::Options options = default_options());
  ~Processes() override;
  static WorkerProcesses::Options default_options();

  /// Asks for a worker of a program (or, with the kind, a module). Does not wait.
  ClientId start(const std::string& path, std::vector<std::string> environment = {},
                 ImageKind kind = ImageKind::kProgram);
  /// … and waits until it runs.
  ClientId run(const std::string& path, std::vector<std::string> environment = {},
               ImageKind kind = ImageKind::kProgram);

  /// Gives an order and waits for the answer.
  std::string ask(ClientId worker, const std::string& order);
  void tell(ClientId worker, const std::string& order);

  template <class Condition>
  void wait_until(Condition condition) {
    while (!condition()) io.run_one();
  }
  void wait_end(ClientId worker) {
    wait_until([&] { return seen[worker].ended(); });
  }

  void on_worker_started(ClientId worker, pid_t pid) override;
  void on_worker_failed(ClientId worker, std::string text) override;
  void on_worker_died(ClientId worker, ProcessStatus status) override;
  void on_worker_output(ClientId worker, OutputStream stream, std::string_view line) override;
  void on_keeper_died() override { keeper_died = true; }

  boost::asio::io_context io;
  WorkerProcesses processes;
  std::map<ClientId, Seen> seen;
  std::string directory = "/tmp";                  // of the workers to come
  std::optional<keeper::Credentials> credentials;  // theirs, too
  bool keeper_died = false;

 private:
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io.get_executor()};
  uint32_t last_serial_ = 0;
};

/// Waits (on its pidfd) until the process is gone; false if it is still there after 20 seconds.
bool wait_gone(pid_t pid);

}  // namespace process_test
