// WorkerProcesses: the keeper's own life, and the socket to it.

#include <cerrno>
#include <csignal>
#include <cstring>

#include <spawn.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>
#include <boost/asio/post.hpp>

#include "common/base/process_tree.h"
#include "daemon/shell/keeper.h"
#include "daemon/shell/worker_processes_state.h"

namespace rayd {
namespace {

constexpr std::chrono::milliseconds kAdoptedInterval{2};

/// The high half of every tag under one keeper; never all ones, which would be "no limit".
uint64_t random_tag_base() {
  uint32_t random = 0;
  if (getrandom(&random, sizeof random, 0) != sizeof random)
    random = static_cast<uint32_t>(getpid());
  return uint64_t{random >> 1 | 1} << 32;
}

Result<pid_t> spawn_keeper(const std::string& program, const UniqueFd& socket, uint64_t tag_base) {
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t signals;
  sigfillset(
      &signals);  // until it ignores them: a terminal's signal must not hit it while it starts
  posix_spawnattr_setsigmask(&attributes, &signals);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, socket.get(), kKeeperSocketFd);
  std::string name = "rayd-keeper";
  std::string option = "--keeper";
  std::string base = std::to_string(tag_base);
  char* argv[] = {name.data(), option.data(), base.data(), nullptr};
  pid_t pid = 0;
  const int failure = posix_spawn(&pid, program.c_str(), &files, &attributes, argv, environ);
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  if (failure == 0) return pid;
  return Error{ErrorCode::kInternal,
               "cannot start the keeper " + program + ": " + std::strerror(failure)};
}

}  // namespace

WorkerProcesses::State::State(boost::asio::io_context& io, WorkerEvents& events, Options options)
    : io_(io), events_(&events), options_(std::move(options)) {}

Status WorkerProcesses::State::start_keeper() {
  RAY_CHECK(keeper_pid_ == 0);
  // If the keeper is killed, what it would have adopted becomes ours to kill.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  auto pair = make_packet_pair();
  if (!pair) return pair.error();
  tag_base_ = random_tag_base();
  const auto pid = spawn_keeper(options_.keeper_program, pair->second, tag_base_);
  if (!pid) return pid.error();
  UniqueFd pidfd = open_pidfd(*pid);
  if (!pidfd) {
    const Error error{ErrorCode::kInternal, std::string{"pidfd_open: "} + std::strerror(errno)};
    kill(*pid, SIGKILL);
    waitpid(*pid, nullptr, 0);
    return error;
  }
  keeper_pid_ = *pid;
  socket_ = PacketSocket{std::move(pair->first)};
  socket_watch_ = std::make_unique<Descriptor>(io_, socket_.fd());
  watch_socket();
  process_watch_ =
      std::make_unique<ProcessWatch>(io_, std::move(pidfd), [this] { on_keeper_end(); });
  return {};
}

void WorkerProcesses::State::watch_socket() {
  socket_watch_->async_wait(Descriptor::wait_read, [weak = weak_from_this()](const auto& error) {
    const auto self = weak.lock();
    if (error || self == nullptr || self->socket_watch_ == nullptr) return;
    self->read_socket();
  });
}

void WorkerProcesses::State::read_socket() {
  for (;;) {
    Packet packet;
    switch (socket_.receive(packet)) {
      case PacketSocket::Received::kPacket: break;
      case PacketSocket::Received::kNothing: return watch_socket();
      case PacketSocket::Received::kClosed: return;  // the pidfd tells when the keeper is dead
    }
    const auto report = keeper::decode_from_keeper(packet.bytes);
    RAY_CHECK(report.ok());  // the keeper is ourselves
    std::visit([this](const auto& alternative) { on(alternative); }, *report);
    if (socket_watch_ == nullptr) return;  // an event's receiver has stopped us
  }
}

void WorkerProcesses::State::send(const keeper::ToKeeper& message, std::vector<UniqueFd> fds) {
  if (keeper_pid_ == 0 || socket_.fd() < 0) return;  // its end is told to everyone who waits
  socket_.send({keeper::encode(message), std::move(fds)});
  watch_socket_writable();
}

void WorkerProcesses::State::watch_socket_writable() {
  if (writing_ || !socket_.wants_write()) return;
  writing_ = true;
  socket_watch_->async_wait(Descriptor::wait_write, [weak = weak_from_this()](const auto& error) {
    const auto self = weak.lock();
    if (error || self == nullptr || self->socket_watch_ == nullptr) return;
    self->writing_ = false;
    self->socket_.flush();
    self->watch_socket_writable();
  });
}

void WorkerProcesses::State::guard_file(const std::string& path) { send(keeper::GuardFile{path}); }

void WorkerProcesses::State::on_keeper_end() {
  if (socket_watch_ != nullptr) read_socket();  // what it said last
  if (socket_watch_ != nullptr) socket_watch_->release();
  socket_watch_.reset();
  socket_ = PacketSocket{};
  writing_ = false;
  process_watch_.reset();
  waitpid(keeper_pid_, nullptr, 0);
  kill_adopted();
}

/// The keeper is dead; until nothing is left of what it kept, this process kills what it adopts.
void WorkerProcesses::State::kill_adopted() {
  bool some_left = false;
  for (const pid_t child : own_children()) {
    const auto tag = process_tag(child);
    if (!tag || *tag >> 32 != tag_base_ >> 32) continue;
    some_left = true;  // reaped or not: its own children come to us only now
    kill(child, SIGKILL);
    waitpid(child, nullptr, WNOHANG);
  }
  if (some_left) {
    adopted_timer_ = std::make_unique<boost::asio::steady_timer>(io_, kAdoptedInterval);
    adopted_timer_->async_wait([weak = weak_from_this()](const auto& error) {
      const auto self = weak.lock();
      if (!error && self != nullptr) self->kill_adopted();
    });
    return;
  }
  adopted_timer_.reset();
  keeper_pid_ = 0;
  for (const auto& [id, zygote] : std::exchange(zygotes_, {})) {
    for (const WorkerStart& start : zygote.waiting) fail(start.worker, "the keeper has died");
  }
  while (!workers_.empty()) {
    const auto& [worker, state] = *workers_.begin();
    if (state.phase == Worker::Phase::kRunning) {
      on(keeper::WorkerDied{worker, ProcessStatus::signalled(SIGKILL)});
    } else {
      fail(worker, "the keeper has died");
    }
  }
  if (on_stopped_) {
    std::exchange(on_stopped_, {})();
  } else if (events_ != nullptr) {
    events_->on_keeper_died();
  }
}

void WorkerProcesses::State::stop(std::function<void()> on_stopped) {
  events_ = nullptr;
  if (keeper_pid_ == 0) {
    boost::asio::post(io_, std::move(on_stopped));
    return;
  }
  on_stopped_ = std::move(on_stopped);
  if (socket_watch_ != nullptr) socket_watch_->release();
  socket_watch_.reset();
  socket_ = PacketSocket{};  // the keeper takes this for our end
}

void WorkerProcesses::State::abandon() {
  events_ = nullptr;
  on_stopped_ = {};
  if (socket_watch_ != nullptr) socket_watch_->release();
  socket_watch_.reset();
  process_watch_.reset();
  adopted_timer_.reset();
  socket_ = PacketSocket{};
}

}  // namespace rayd
