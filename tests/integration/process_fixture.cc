#include "tests/integration/process_fixture.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <stdexcept>

#include <poll.h>
#include <sys/socket.h>

#include "common/base/process_tree.h"

namespace process_test {

std::string test_path(const char* variable) {
  const char* path = std::getenv(variable);
  if (path == nullptr)
    throw std::runtime_error{std::string{variable} + " is not set: run by meson"};
  return path;
}

WorkerProcesses::Options Processes::default_options() {
  WorkerProcesses::Options options;
  options.keeper_program = test_path("PROCESS_DAEMON");
  options.worker_program = test_path("PROCESS_RAYD_WORKER");
  return options;
}

Processes::Processes(WorkerProcesses::Options options) : processes(io, *this, std::move(options)) {
  const auto started = processes.start_keeper();
  if (!started) throw std::runtime_error{started.error().message};
}

Processes::~Processes() {
  if (processes.keeper_pid() == 0) return;
  bool stopped = false;
  processes.stop([&] { stopped = true; });
  wait_until([&] { return stopped; });
}

ClientId Processes::start(const std::string& path, std::vector<std::string> environment,
                          ImageKind kind) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    throw std::runtime_error{"socketpair"};
  }
  const ClientId worker{1, ++last_serial_};
  seen[worker].channel.reset(ends[0]);
  WorkerStart start;
  start.worker = worker;
  start.image = {kind, {}, path, std::move(environment), credentials};
  for (const char* inherited : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"}) {
    const char* value = std::getenv(inherited);
    if (value != nullptr) start.image.environment.push_back(std::string{inherited} + '=' + value);
  }
  start.directory = directory;
  start.channel.emplace_back(ends[1]);
  processes.start_worker(std::move(start));
  return worker;
}

ClientId Processes::run(const std::string& path, std::vector<std::string> environment,
                        ImageKind kind) {
  const ClientId worker = start(path, std::move(environment), kind);
  wait_until([&] { return seen[worker].pid != 0 || seen[worker].failed; });
  if (seen[worker].failed) throw std::runtime_error{seen[worker].failure};
  return worker;
}

void Processes::tell(ClientId worker, const std::string& order) {
  const int fd = seen[worker].channel.get();
  if (send(fd, order.data(), order.size(), MSG_NOSIGNAL) < 0) throw std::runtime_error{"send"};
}

std::string Processes::ask(ClientId worker, const std::string& order) {
  tell(worker, order);
  char text[4096];
  const ssize_t size = recv(seen[worker].channel.get(), text, sizeof text, 0);
  if (size <= 0) throw std::runtime_error{"no answer to " + order};
  return {text, static_cast<size_t>(size)};
}

void Processes::on_worker_started(ClientId worker, pid_t pid) { seen[worker].pid = pid; }

void Processes::on_worker_failed(ClientId worker, std::string text) {
  seen[worker].failed = true;
  seen[worker].failure = std::move(text);
}

void Processes::on_worker_died(ClientId worker, ProcessStatus status) {
  seen[worker].died = true;
  seen[worker].status = status;
}

void Processes::on_worker_output(ClientId worker, OutputStream stream, std::string_view line) {
  Seen& of = seen[worker];
  (stream == OutputStream::kOutput ? of.output : of.errors).emplace_back(line);
}

bool wait_gone(pid_t pid) {
  const UniqueFd pidfd = open_pidfd(pid);
  if (!pidfd) return errno == ESRCH;
  pollfd polled{pidfd.get(), POLLIN, 0};
  return poll(&polled, 1, 20'000) == 1;
}

}  // namespace process_test
