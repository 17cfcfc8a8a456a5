#include "client/runtime/zygote.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/runtime/start_hook.h"
#include "common/base/process_socket.h"
#include "common/base/process_status.h"
#include "common/base/process_tree.h"
#include "common/wire/keeper_wire.h"

namespace rayd {
namespace {

using ray::internal::WorkerFds;

constexpr int kExitSetup = 127;  // a worker could not be set up; its standard error says why
constexpr char kWorkerOomScore[] = "800";  // workers are replaceable: they go before anything else
constexpr size_t kPidDigits = 10;

/// More than main's? A thread that a constructor started does not survive a fork.
bool has_other_threads() {
  struct stat tasks {};
  return stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink > 3;  // ".", "..", and one a thread
}

/// Descriptors 0 to 2 are standard; one that arrives there (a constructor closed them) is moved.
UniqueFd above_standard(UniqueFd fd) {
  if (fd.get() > STDERR_FILENO) return fd;
  return UniqueFd{fcntl(fd.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1)};
}

[[noreturn]] void fail_setup(const char* what) {
  dprintf(STDERR_FILENO, "rayd: a worker cannot begin: %s: %s\n", what, std::strerror(errno));
  _exit(kExitSetup);
}

ProcessStatus status_of(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) return ProcessStatus::exited(info.si_status);
  return ProcessStatus::signalled(info.si_status);
}

/// All that a forked child needs to become a worker, made before the fork: between fork and exec of
/// a program with several threads only system calls are safe.
struct WorkerPlan {
  keeper::StartWorker order;
  UniqueFd output;
  UniqueFd errors;
  std::vector<UniqueFd> channel;
  pid_t zygote = 0;

  std::string variable;  // "RAYD_WORKER_FDS=0000000000:…", for an executed worker
  std::vector<char*> environment;
};

/// The same for a forked and an executed worker. Runs in the child; system calls only.
void settle(const WorkerPlan& plan) {
  setpgid(0, 0);
  if (dup2(plan.output.get(), STDOUT_FILENO) < 0 || dup2(plan.errors.get(), STDERR_FILENO) < 0) {
    fail_setup("its standard output");
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != plan.zygote) _exit(kExitSetup);  // the zygote died before the line above
  set_process_tag(plan.order.tag);
  const int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (score >= 0) {
    [[maybe_unused]] const auto written = write(score, kWorkerOomScore, sizeof kWorkerOomScore - 1);
    close(score);
  }
  if (chdir(plan.order.directory.c_str()) != 0) fail_setup(plan.order.directory.c_str());
}

[[noreturn]] void execute(WorkerPlan& plan, char** argv) {
  char* digits = plan.variable.data() + plan.variable.find('=') + 1;
  pid_t rest = getpid();
  for (size_t i = kPidDigits; i > 0; --i, rest /= 10) {
    digits[i - 1] = static_cast<char>('0' + rest % 10);
  }
  for (const UniqueFd& fd : plan.channel) fcntl(fd.get(), F_SETFD, 0);
  execve("/proc/self/exe", argv, plan.environment.data());
  fail_setup("cannot execute the program again");
}

class Zygote {
 public:
  explicit Zygote(ParkedProgram program)
      : socket_(std::move(program.socket)), argv_(program.argv), environment_(program.environment) {
    send(keeper::Ready{});
  }

  /// Waits for something to do and does it. A value: this is a new worker.
  std::optional<WorkerFds> turn();

 private:
  struct Child {
    ClientId worker;
    pid_t pid;
    UniqueFd pidfd;
  };

  void send(const keeper::FromZygote& message) { socket_.send({keeper::encode(message), {}}); }
  std::optional<WorkerFds> on_order(Packet packet);
  std::optional<WorkerFds> on_start(const keeper::StartWorker& order, std::vector<UniqueFd> fds);
  void on_signal(const keeper::SignalWorker& order);
  void on_child_end(const Child& child);
  void prepare_execution(WorkerPlan& plan) const;

  PacketSocket socket_;
  std::vector<Child> children_;
  char** argv_;
  char** environment_;
};

std::optional<WorkerFds> Zygote::turn() {
  std::vector<pollfd> polled;
  const short events = socket_.wants_write() ? POLLIN | POLLOUT : POLLIN;
  polled.push_back({socket_.fd(), events, 0});
  for (const Child& child : children_) polled.push_back({child.pidfd.get(), POLLIN, 0});
  if (poll(polled.data(), polled.size(), -1) < 0) return std::nullopt;  // a signal of the program's

  for (size_t i = children_.size(); i > 0; --i) {
    if (polled[i].revents == 0) continue;
    on_child_end(children_[i - 1]);
    children_.erase(children_.begin() + static_cast<std::ptrdiff_t>(i - 1));
  }
  if ((polled[0].revents & POLLOUT) != 0) socket_.flush();
  if ((polled[0].revents & ~POLLOUT) == 0) return std::nullopt;
  Packet packet;
  switch (socket_.receive(packet)) {
    case PacketSocket::Received::kPacket: return on_order(std::move(packet));
    case PacketSocket::Received::kNothing: return std::nullopt;
    case PacketSocket::Received::kClosed: break;
  }
  _exit(0);  // the keeper is gone, or ends this zygote; its workers follow by their death signal
}

std::optional<WorkerFds> Zygote::on_order(Packet packet) {
  const auto order = keeper::decode_to_zygote(packet.bytes);
  if (!order) {
    dprintf(STDERR_FILENO, "zygote: %s\n", order.error().message.c_str());
    _exit(kExitSetup);
  }
  if (const auto* start = std::get_if<keeper::StartWorker>(&*order)) {
    return on_start(*start, std::move(packet.fds));
  }
  on_signal(std::get<keeper::SignalWorker>(*order));
  return std::nullopt;
}

std::optional<WorkerFds> Zygote::on_start(const keeper::StartWorker& order,
                                          std::vector<UniqueFd> fds) {
  if (fds.size() < 2 || fds.size() > 2 + kMaxChannelFds) {
    send(keeper::WorkerFailed{order.worker, "wrong number of descriptors"});
    return std::nullopt;
  }
  WorkerPlan plan;
  plan.order = order;
  plan.zygote = getpid();
  plan.output = above_standard(std::move(fds[0]));
  plan.errors = above_standard(std::move(fds[1]));
  for (size_t i = 2; i < fds.size(); ++i) plan.channel.push_back(above_standard(std::move(fds[i])));
  const bool executes = has_other_threads();
  if (executes) prepare_execution(plan);
  std::fflush(nullptr);  // or every worker would print again what is still in the buffers
  std::cout.flush();
  std::clog.flush();

  const pid_t pid = fork();
  if (pid == 0) {
    settle(plan);
    if (executes) execute(plan, argv_);
    prepare_output();
    WorkerFds worker{order.worker, {}};
    for (UniqueFd& fd : plan.channel) worker.channel.push_back(fd.release());
    return worker;
  }
  if (pid < 0) {
    send(keeper::WorkerFailed{order.worker, std::string{"fork: "} + std::strerror(errno)});
    return std::nullopt;
  }
  setpgid(pid, pid);  // here too: whoever comes first
  UniqueFd pidfd = open_pidfd(pid);
  if (!pidfd) {
    const int failure = errno;
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    send(keeper::WorkerFailed{order.worker, std::string{"pidfd_open: "} + std::strerror(failure)});
    return std::nullopt;
  }
  children_.push_back({order.worker, pid, std::move(pidfd)});
  send(keeper::WorkerStarted{order.worker, pid});
  return std::nullopt;
}

void Zygote::prepare_execution(WorkerPlan& plan) const {
  plan.variable = std::string{kWorkerVariable} + '=' + std::string(kPidDigits, '0') + ':' +
                  std::to_string(plan.order.worker.bits());
  char separator = ':';
  for (const UniqueFd& fd : plan.channel) {
    plan.variable += separator + std::to_string(fd.get());
    separator = ',';
  }
  for (char** entry = environment_; *entry != nullptr; ++entry) plan.environment.push_back(*entry);
  plan.environment.push_back(plan.variable.data());
  plan.environment.push_back(nullptr);
}

void Zygote::on_signal(const keeper::SignalWorker& order) {
  for (const Child& child : children_) {
    if (child.worker != order.worker) continue;
    if (order.reach == keeper::Reach::kGroup) kill(-child.pid, order.signal);
    kill(child.pid, order.signal);  // it may have left the group
  }
}

void Zygote::on_child_end(const Child& child) {
  // The group is killed while its leader is still unreaped: until then its number is not reused.
  siginfo_t info{};
  const auto id = static_cast<id_t>(child.pidfd.get());
  waitid(P_PIDFD, id, &info, WEXITED | WNOWAIT);
  kill(-child.pid, SIGKILL);
  waitid(P_PIDFD, id, &info, WEXITED);
  send(keeper::WorkerDied{child.worker, status_of(info)});
}

}  // namespace

ray::internal::WorkerFds run_zygote(ParkedProgram program) {
  // A program that inherited or chose to ignore SIGCHLD would lose how its workers ended.
  struct sigaction action {};
  sigaction(SIGCHLD, nullptr, &action);
  if (action.sa_handler == SIG_IGN) std::signal(SIGCHLD, SIG_DFL);
  Zygote zygote{std::move(program)};
  for (;;) {
    if (auto worker = zygote.turn()) return std::move(*worker);
  }
}

void prepare_output() {
  // With a buffer of its own: a stream that was used before keeps filling the old one otherwise.
  static char buffer[BUFSIZ];
  std::fflush(stdout);
  std::setvbuf(stdout, buffer, _IOLBF, sizeof buffer);
}

}  // namespace rayd
