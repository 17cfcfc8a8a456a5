#include "daemon/shell/keeper.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/process_memory.h"
#include "common/base/process_socket.h"
#include "common/base/process_tree.h"
#include "common/wire/keeper_wire.h"
#include "daemon/shell/keeper_zygote.h"

namespace rayd {
namespace {

class Keeper {
 public:
  Keeper(UniqueFd daemon, uint64_t tag_base)
      : daemon_(std::move(daemon)), daemon_pidfd_(open_pidfd(getppid())), tag_(tag_base) {
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, nullptr);
    child_signal_.reset(signalfd(-1, &child, SFD_NONBLOCK | SFD_CLOEXEC));
  }

  /// Serves the daemon until it is gone.
  void serve() {
    while (turn() == Daemon::kThere) {
    }
  }
  /// Kills generation after generation: whoever loses its parent becomes a child of the keeper.
  static void end_all();
  void remove_guarded_files() const;

 private:
  enum class Daemon : uint8_t { kThere, kGone };

  struct Zygote {
    pid_t pid = 0;
    PacketSocket socket;
    uint64_t tag = 0;
  };
  struct Worker {
    uint32_t zygote = 0;
    uint64_t tag = 0;
    pid_t pid = 0;                       // 0: not started yet
    std::optional<ProcessStatus> ended;  // reaped; its descendants may not be
  };
  struct GuardedFile {
    std::string path;
    dev_t device;
    ino_t inode;
  };

  Daemon turn();
  void send(const keeper::FromKeeper& message) { daemon_.send({keeper::encode(message), {}}); }

  void on_order(Packet packet);
  void on_start_zygote(const keeper::StartZygote& order, std::vector<UniqueFd> fds);
  void on_end_zygote(const keeper::EndZygote& order);
  void on_start_worker(keeper::StartWorker order, std::vector<UniqueFd> fds);
  void on_signal_worker(const keeper::SignalWorker& order);
  void on_guard_file(const keeper::GuardFile& order);

  void drain_zygotes();
  void on_report(uint32_t zygote, const Zygote& sender, const keeper::FromZygote& report);
  void reap();
  void on_zygote_end(uint32_t zygote, ProcessStatus status);
  void sweep();
  void report_deaths(const std::vector<uint64_t>& tags_left, const std::vector<pid_t>& children);

  Worker* worker_of(pid_t pid);
  bool is_zygote(pid_t pid) const;
  bool is_tag_of_living(uint64_t tag) const;

  PacketSocket daemon_;
  UniqueFd daemon_pidfd_;
  UniqueFd child_signal_;
  uint64_t tag_;  // the last one given
  std::map<uint32_t, Zygote> zygotes_;
  std::map<ClientId, Worker> workers_;
  std::vector<GuardedFile> guarded_;
};

Keeper::Daemon Keeper::turn() {
  const auto interest = [](const PacketSocket& socket) -> short {
    return socket.wants_write() ? POLLIN | POLLOUT : POLLIN;
  };
  std::vector<pollfd> polled;
  polled.push_back({daemon_.fd(), interest(daemon_), 0});
  polled.push_back({daemon_pidfd_.get(), POLLIN, 0});
  polled.push_back({child_signal_.get(), POLLIN, 0});
  for (auto& [id, zygote] : zygotes_) {
    if (zygote.socket.fd() >= 0) polled.push_back({zygote.socket.fd(), interest(zygote.socket), 0});
  }
  if (poll(polled.data(), polled.size(), -1) < 0) return Daemon::kThere;

  if (polled[1].revents != 0) return Daemon::kGone;
  daemon_.flush();
  for (auto& [id, zygote] : zygotes_) zygote.socket.flush();
  drain_zygotes();
  signalfd_siginfo info;
  while (read(child_signal_.get(), &info, sizeof info) > 0) {
  }
  reap();
  sweep();
  for (;;) {
    Packet packet;
    switch (daemon_.receive(packet)) {
      case PacketSocket::Received::kPacket: on_order(std::move(packet)); break;
      case PacketSocket::Received::kNothing: return Daemon::kThere;
      case PacketSocket::Received::kClosed: return Daemon::kGone;
    }
  }
}

// What the daemon orders.

void Keeper::on_order(Packet packet) {
  auto order = keeper::decode_to_keeper(packet.bytes);
  if (!order) {
    std::fprintf(stderr, "keeper: %s\n", order.error().message.c_str());
    return;
  }
  if (const auto* start = std::get_if<keeper::StartZygote>(&*order)) {
    on_start_zygote(*start, std::move(packet.fds));
  } else if (const auto* end = std::get_if<keeper::EndZygote>(&*order)) {
    on_end_zygote(*end);
  } else if (auto* worker = std::get_if<keeper::StartWorker>(&*order)) {
    on_start_worker(std::move(*worker), std::move(packet.fds));
  } else if (const auto* signal = std::get_if<keeper::SignalWorker>(&*order)) {
    on_signal_worker(*signal);
  } else {
    on_guard_file(std::get<keeper::GuardFile>(*order));
  }
}

void Keeper::on_start_zygote(const keeper::StartZygote& order, std::vector<UniqueFd> fds) {
  auto pair = make_packet_pair();
  if (fds.size() != 1 || !pair || zygotes_.contains(order.zygote)) {
    if (!pair && !fds.empty()) dprintf(fds[0].get(), "%s\n", pair.error().message.c_str());
    send(keeper::ZygoteEnded{order.zygote, ProcessStatus::lost()});
    return;
  }
  const uint64_t tag = ++tag_;
  const pid_t pid = start_zygote_process(order, fds[0], pair->second, tag);
  if (pid < 0) {
    dprintf(fds[0].get(), "fork: %s\n", std::strerror(errno));
    send(keeper::ZygoteEnded{order.zygote, ProcessStatus::lost()});
    return;
  }
  zygotes_.emplace(order.zygote, Zygote{pid, PacketSocket{std::move(pair->first)}, tag});
}

void Keeper::on_end_zygote(const keeper::EndZygote& order) {
  const auto zygote = zygotes_.find(order.zygote);
  if (zygote != zygotes_.end()) kill(zygote->second.pid, SIGKILL);
}

void Keeper::on_start_worker(keeper::StartWorker order, std::vector<UniqueFd> fds) {
  const auto zygote = zygotes_.find(order.zygote);
  if (zygote == zygotes_.end()) {
    send(keeper::WorkerFailed{order.worker, "its zygote has ended"});
    return;
  }
  order.tag = ++tag_;
  workers_.emplace(order.worker, Worker{order.zygote, order.tag, 0, {}});
  zygote->second.socket.send({keeper::encode(keeper::ToZygote{order}), std::move(fds)});
}

void Keeper::on_signal_worker(const keeper::SignalWorker& order) {
  const auto worker = workers_.find(order.worker);
  if (worker == workers_.end()) return;  // died already
  const auto zygote = zygotes_.find(worker->second.zygote);
  if (zygote == zygotes_.end()) return;  // it is being killed
  zygote->second.socket.send({keeper::encode(keeper::ToZygote{order}), {}});
}

void Keeper::on_guard_file(const keeper::GuardFile& order) {
  struct stat now {};
  if (lstat(order.path.c_str(), &now) != 0) return;
  guarded_.push_back({order.path, now.st_dev, now.st_ino});
}

// What zygotes report.

void Keeper::drain_zygotes() {
  for (auto& [id, zygote] : zygotes_) {
    Packet packet;
    while (zygote.socket.fd() >= 0) {
      const auto received = zygote.socket.receive(packet);
      if (received == PacketSocket::Received::kNothing) break;
      if (received == PacketSocket::Received::kClosed) {
        zygote.socket = PacketSocket{};  // the process is dead or as good as that
        kill(zygote.pid, SIGKILL);
        break;
      }
      const auto report = keeper::decode_from_zygote(packet.bytes);
      if (report) on_report(id, zygote, *report);
    }
  }
}

void Keeper::on_report(uint32_t id, const Zygote& sender, const keeper::FromZygote& report) {
  if (std::holds_alternative<keeper::Ready>(report)) {
    send(keeper::ZygoteReady{id, sender.pid});
  } else if (const auto* started = std::get_if<keeper::WorkerStarted>(&report)) {
    const auto worker = workers_.find(started->worker);
    if (worker == workers_.end()) return;
    worker->second.pid = started->pid;
    send(*started);
  } else if (const auto* failed = std::get_if<keeper::WorkerFailed>(&report)) {
    if (workers_.erase(failed->worker) != 0) send(*failed);
  } else {
    const auto& died = std::get<keeper::WorkerDied>(report);
    const auto worker = workers_.find(died.worker);
    if (worker != workers_.end()) worker->second.ended = died.status;
  }
}

// Deaths.

Keeper::Worker* Keeper::worker_of(pid_t pid) {
  for (auto& [id, worker] : workers_) {
    if (worker.pid == pid && !worker.ended) return &worker;
  }
  return nullptr;
}

bool Keeper::is_zygote(pid_t pid) const {
  return std::any_of(zygotes_.begin(), zygotes_.end(),
                     [&](const auto& entry) { return entry.second.pid == pid; });
}

bool Keeper::is_tag_of_living(uint64_t tag) const {
  const auto has_tag = [&](const auto& entry) { return entry.second.tag == tag; };
  const auto lives = [&](const auto& entry) {
    return has_tag(entry) && !entry.second.ended && zygotes_.contains(entry.second.zygote);
  };
  return std::any_of(zygotes_.begin(), zygotes_.end(), has_tag) ||
         std::any_of(workers_.begin(), workers_.end(), lives);
}

void Keeper::reap() {
  for (;;) {
    // Looked at first, reaped second: what a zygote wrote before its workers became the keeper's
    // children is then in its socket, so a worker's pid is known before the worker is reaped.
    siginfo_t info{};
    const int found = waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT);
    if (found != 0 || info.si_pid == 0) return;
    drain_zygotes();
    const pid_t pid = info.si_pid;
    Worker* worker = worker_of(pid);
    if (worker != nullptr) kill(-pid, SIGKILL);  // its group, while the number is still its own
    int wait_status = 0;
    waitpid(pid, &wait_status, 0);
    const ProcessStatus status = ProcessStatus::from_wait(wait_status);
    if (worker != nullptr) {
      worker->ended = status;
      continue;
    }
    for (const auto& [id, zygote] : zygotes_) {
      if (zygote.pid != pid) continue;
      on_zygote_end(id, status);
      break;
    }
  }
}

void Keeper::on_zygote_end(uint32_t id, ProcessStatus status) {
  zygotes_.erase(id);
  std::erase_if(workers_, [&](const auto& entry) {
    const auto& [worker, state] = entry;
    if (state.zygote != id || state.pid != 0 || state.ended) return false;
    send(keeper::WorkerFailed{worker, "its zygote ended with " + to_string(status)});
    return true;
  });
  send(keeper::ZygoteEnded{id, status});
}

/// Kills the orphans that belong to nobody who lives, and reports the workers of which none is
/// left.
void Keeper::sweep() {
  const std::vector<pid_t> children = own_children();
  std::vector<uint64_t> tags_left;
  for (const pid_t child : children) {
    if (is_zygote(child)) continue;
    const uint64_t tag = process_tag(child).value_or(0);  // 0: it shed its tag, so it is nobody's
    if (is_tag_of_living(tag)) continue;
    // What we may not kill (sudo gave it another user) must not keep a death from being reported.
    if (kill(child, SIGKILL) == 0) tags_left.push_back(tag);
  }
  report_deaths(tags_left, children);
}

void Keeper::report_deaths(const std::vector<uint64_t>& tags_left,
                           const std::vector<pid_t>& children) {
  const auto contains = [](const auto& list, auto value) {
    return std::find(list.begin(), list.end(), value) != list.end();
  };
  for (auto entry = workers_.begin(); entry != workers_.end();) {
    auto& [id, worker] = *entry;
    // Started, its zygote gone, and not handed over to us: the zygote reaped it but did not tell.
    if (!worker.ended && !zygotes_.contains(worker.zygote) && !contains(children, worker.pid)) {
      worker.ended = ProcessStatus::lost();
    }
    if (!worker.ended || contains(tags_left, worker.tag)) {
      ++entry;
      continue;
    }
    send(keeper::WorkerDied{id, *worker.ended});
    entry = workers_.erase(entry);
  }
}

// The end.

void Keeper::end_all() {
  for (;;) {
    bool killed = false;
    for (const pid_t child : own_children()) killed |= kill(child, SIGKILL) == 0;
    // Without a child that we may kill there is none to wait for.
    const pid_t reaped = waitpid(-1, nullptr, killed ? 0 : WNOHANG);
    if (reaped < 0 && errno == ECHILD) return;
    if (reaped == 0 && !killed) return;
  }
}

void Keeper::remove_guarded_files() const {
  for (const GuardedFile& file : guarded_) {
    // A daemon that was started meanwhile may have put its own there.
    struct stat now {};
    if (lstat(file.path.c_str(), &now) != 0) continue;
    if (now.st_dev == file.device && now.st_ino == file.inode) unlink(file.path.c_str());
  }
}

void become_undisturbed() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGTSTP, SIGTTIN, SIGTTOU,
                           SIGUSR1, SIGUSR2, SIGALRM}) {
    std::signal(signal, SIG_IGN);
  }
  std::signal(SIGCHLD, SIG_DFL);
  sigset_t none;  // it was started with all of them blocked
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  setsid();
  prctl(PR_SET_NAME, "rayd-keeper");
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  const int null = open("/dev/null", O_RDONLY);
  if (null > STDIN_FILENO) {
    dup2(null, STDIN_FILENO);
    close(null);
  }
  close_range(kKeeperSocketFd + 1, ~0u, 0);
  fcntl(kKeeperSocketFd, F_SETFD, FD_CLOEXEC);
}

}  // namespace

bool is_keeper(int argc, char** argv) {
  return argc == 3 && std::string_view{argv[1]} == "--keeper";
}

int keeper_main(int, char** argv) {
  become_undisturbed();
  const uint64_t tag_base = std::strtoull(argv[2], nullptr, 10);
  set_process_tag(tag_base);
  Keeper keeper{UniqueFd{kKeeperSocketFd}, tag_base};
  drop_file_pages();  // of rayd's libraries it needs almost nothing
  keeper.serve();
  keeper.remove_guarded_files();
  Keeper::end_all();
  return 0;
}

}  // namespace rayd
