#include "daemon/shell/worker_processes.h"

#include <csignal>
#include <utility>

#include <fcntl.h>
#include <unistd.h>
#include <boost/asio/post.hpp>

#include "daemon/shell/worker_processes_state.h"

namespace rayd {
namespace {

constexpr size_t kMaxTail = 4096;  // of what a zygote printed, kept for its failure's text
constexpr size_t kMaxTailLine = 1024;
constexpr size_t kMaxStarting = 16;  // at once: each has some ten descriptors on their way

struct Pipe {
  UniqueFd reader;
  UniqueFd writer;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return Error{ErrorCode::kInternal, "no descriptor is left"};
  return Pipe{UniqueFd{ends[0]}, UniqueFd{ends[1]}};
}

std::string start_failure(const WorkerImage& image, const std::string& why,
                          const std::string& printed) {
  std::string text = "cannot start a worker of " + image.path + " (" + why + ")";
  if (!printed.empty()) return text + ": " + printed;
  return text +
         ": it ended before main would have begun and printed nothing; a program must be "
         "linked with librayclient, not with -static";
}

}  // namespace

// Starting and stopping workers.

void WorkerProcesses::State::start_worker(WorkerStart start) {
  RAY_CHECK(!workers_.contains(start.worker));
  Worker& worker = workers_[start.worker];
  if (keeper_pid_ == 0) {
    boost::asio::post(io_, [self = shared_from_this(), id = start.worker] {
      self->on(keeper::WorkerFailed{id, "there is no keeper"});
    });
    return;
  }
  Zygote& zygote = zygote_for(start.image);
  ++zygote.workers;
  worker.zygote = zygote.id;
  zygote.waiting.push_back(std::move(start));
  launch_waiting(zygote);
}

void WorkerProcesses::State::launch_waiting(Zygote& zygote) {
  while (zygote.phase == Zygote::Phase::kReady && zygote.starting < kMaxStarting &&
         !zygote.waiting.empty()) {
    WorkerStart start = std::move(zygote.waiting.front());
    zygote.waiting.pop_front();
    launch(zygote, std::move(start));
  }
}

WorkerProcesses::State::Zygote& WorkerProcesses::State::zygote_for(const WorkerImage& image) {
  for (auto& [id, zygote] : zygotes_) {
    if (zygote.phase != Zygote::Phase::kEnding && zygote.image == image) return zygote;
  }
  const uint32_t id = ++last_zygote_;
  Zygote& zygote = zygotes_[id];
  zygote.id = id;
  zygote.image = image;
  keeper::StartZygote order{id, image.path, image.environment, image.credentials};
  if (image.kind == ImageKind::kSharedObject) {
    order.program = options_.worker_program;
    order.environment.push_back(std::string{keeper::kModuleVariable} + '=' + image.path);
  }
  auto pipe = make_pipe();
  if (!pipe || keeper::encode(keeper::ToKeeper{order}).size() > PacketSocket::kMaxBytes) {
    zygote.phase = Zygote::Phase::kEnding;
    zygote.note = pipe ? "its environment is larger than 128 KiB" : pipe.error().message;
    boost::asio::post(io_, [self = shared_from_this(), id] {
      self->on(keeper::ZygoteEnded{id, ProcessStatus::lost()});
    });
    return zygote;
  }
  zygote.output = std::make_shared<OutputReader>(io_, std::move(pipe->reader), kMaxTailLine,
                                                 [this, id](std::string_view line) {
                                                   const auto known = zygotes_.find(id);
                                                   if (known == zygotes_.end()) return;
                                                   std::string& tail = known->second.tail;
                                                   if (!tail.empty()) tail += '\n';
                                                   tail += line;
                                                   if (tail.size() > kMaxTail)
                                                     tail.erase(0, tail.size() - kMaxTail);
                                                 });
  zygote.output->start();
  std::vector<UniqueFd> fds;
  fds.push_back(std::move(pipe->writer));
  send(order, std::move(fds));
  arm(zygote, options_.zygote_start_timeout);
  return zygote;
}

void WorkerProcesses::State::launch(Zygote& zygote, WorkerStart start) {
  ++zygote.starting;
  Worker& worker = workers_[start.worker];
  worker.phase = Worker::Phase::kStarting;
  auto output = make_pipe();
  auto errors = make_pipe();
  const keeper::StartWorker order{start.worker, zygote.id, std::move(start.directory), 0};
  if (!output || !errors ||
      keeper::encode(keeper::ToKeeper{order}).size() > PacketSocket::kMaxBytes) {
    boost::asio::post(io_, [self = shared_from_this(), id = start.worker] {
      self->on(keeper::WorkerFailed{id, "no descriptor is left, or too long a directory"});
    });
    return;
  }
  worker.output = read_output(std::move(output->reader), start.worker, OutputStream::kOutput);
  worker.errors = read_output(std::move(errors->reader), start.worker, OutputStream::kErrors);
  if (worker.held) hold_output(start.worker);
  std::vector<UniqueFd> fds;
  fds.push_back(std::move(output->writer));
  fds.push_back(std::move(errors->writer));
  for (UniqueFd& fd : start.channel) fds.push_back(std::move(fd));
  send(order, std::move(fds));
}

WorkerProcesses::State::Reader WorkerProcesses::State::read_output(UniqueFd pipe, ClientId worker,
                                                                   OutputStream stream) {
  // Readers never outlive the state: it alone holds them, and they hold themselves only in a turn.
  auto reader = std::make_shared<OutputReader>(io_, std::move(pipe), kMaxLine,
                                               [this, worker, stream](std::string_view line) {
                                                 if (events_ != nullptr)
                                                   events_->on_worker_output(worker, stream, line);
                                               });
  reader->start();
  return reader;
}

void WorkerProcesses::State::kill_worker(ClientId worker, Force force) {
  const auto known = workers_.find(worker);
  if (known == workers_.end()) return;
  const auto zygote = zygotes_.find(known->second.zygote);
  if (zygote != zygotes_.end() &&
      std::erase_if(zygote->second.waiting,
                    [&](const WorkerStart& start) { return start.worker == worker; }) != 0) {
    boost::asio::post(io_, [self = shared_from_this(), worker] {
      self->on(keeper::WorkerFailed{worker, "it was ended before it began"});
    });
    return;
  }
  send(
      keeper::SignalWorker{worker, force == Force::kYes ? SIGKILL : SIGTERM,
                           force == Force::kYes ? keeper::Reach::kGroup : keeper::Reach::kProcess});
}

void WorkerProcesses::State::hold_output(ClientId worker) {
  const auto known = workers_.find(worker);
  if (known == workers_.end()) return;
  known->second.held = true;
  if (known->second.output == nullptr) return;  // not launched yet
  known->second.output->hold();
  known->second.errors->hold();
}

void WorkerProcesses::State::release_output(ClientId worker) {
  const auto known = workers_.find(worker);
  if (known == workers_.end()) return;
  known->second.held = false;
  if (known->second.output == nullptr) return;
  known->second.output->release();
  known->second.errors->release();
}

// What the keeper reports.

void WorkerProcesses::State::on(const keeper::ZygoteReady& report) {
  const auto known = zygotes_.find(report.zygote);
  if (known == zygotes_.end() || known->second.phase != Zygote::Phase::kStarting) return;
  Zygote& zygote = known->second;
  zygote.phase = Zygote::Phase::kReady;
  zygote.timer.reset();
  launch_waiting(zygote);
  if (zygote.workers == 0) arm(zygote, options_.zygote_idle);
}

void WorkerProcesses::State::on(const keeper::ZygoteEnded& report) {
  const auto known = zygotes_.find(report.zygote);
  if (known == zygotes_.end()) return;
  // The reader's lines go to the tail of a zygote that is still known.
  if (known->second.output != nullptr) known->second.output->finish();
  const Zygote zygote = std::move(known->second);
  zygotes_.erase(known);
  const std::string why = zygote.note.empty() ? to_string(report.status) : zygote.note;
  for (const WorkerStart& start : zygote.waiting) {
    fail(start.worker, start_failure(zygote.image, why, zygote.tail));
  }
}

void WorkerProcesses::State::on(const keeper::WorkerStarted& report) {
  const auto known = workers_.find(report.worker);
  if (known == workers_.end()) return;
  on_start_answered(known->second);
  known->second.phase = Worker::Phase::kRunning;
  if (events_ != nullptr) events_->on_worker_started(report.worker, report.pid);
}

void WorkerProcesses::State::on(const keeper::WorkerFailed& report) {
  const auto known = workers_.find(report.worker);
  if (known == workers_.end()) return;
  const auto zygote = zygotes_.find(known->second.zygote);
  const std::string image = zygote == zygotes_.end() ? "" : " of " + zygote->second.image.path;
  fail(report.worker, "cannot start a worker" + image + ": " + report.text);
}

void WorkerProcesses::State::on(const keeper::WorkerDied& report) {
  const auto known = workers_.find(report.worker);
  if (known == workers_.end()) return;
  const Worker worker = std::move(known->second);
  workers_.erase(known);
  if (worker.output != nullptr) worker.output->finish();
  if (worker.errors != nullptr) worker.errors->finish();
  release_zygote(worker.zygote);
  if (events_ != nullptr) events_->on_worker_died(report.worker, report.status);
}

void WorkerProcesses::State::fail(ClientId worker, std::string text) {
  const auto known = workers_.find(worker);
  if (known == workers_.end()) return;
  const Worker gone = std::move(known->second);
  workers_.erase(known);
  on_start_answered(gone);
  release_zygote(gone.zygote);
  if (events_ != nullptr) events_->on_worker_failed(worker, std::move(text));
}

void WorkerProcesses::State::on_start_answered(const Worker& worker) {
  const auto zygote = zygotes_.find(worker.zygote);
  if (worker.phase != Worker::Phase::kStarting || zygote == zygotes_.end()) return;
  --zygote->second.starting;
  launch_waiting(zygote->second);
}

// Zygotes: a deadline to start, a time to be idle.

void WorkerProcesses::State::release_zygote(uint32_t id) {
  const auto known = zygotes_.find(id);
  if (known == zygotes_.end() || --known->second.workers != 0) return;
  if (known->second.phase == Zygote::Phase::kReady) arm(known->second, options_.zygote_idle);
}

void WorkerProcesses::State::arm(Zygote& zygote, std::chrono::milliseconds delay) {
  zygote.timer = std::make_unique<boost::asio::steady_timer>(io_, delay);
  zygote.timer->async_wait([weak = weak_from_this(), id = zygote.id](const auto& error) {
    const auto self = weak.lock();
    if (!error && self != nullptr) self->on_timer(id);
  });
}

void WorkerProcesses::State::on_timer(uint32_t id) {
  const auto known = zygotes_.find(id);
  if (known == zygotes_.end()) return;
  Zygote& zygote = known->second;
  if (zygote.phase == Zygote::Phase::kStarting) {
    end_zygote(zygote, "its constructors did not finish within " +
                           std::to_string(options_.zygote_start_timeout.count()) + " ms");
  } else if (zygote.phase == Zygote::Phase::kReady && zygote.workers == 0) {
    end_zygote(zygote, "idle");
  }
}

void WorkerProcesses::State::end_zygote(Zygote& zygote, std::string note) {
  zygote.phase = Zygote::Phase::kEnding;
  zygote.note = std::move(note);
  send(keeper::EndZygote{zygote.id});
}

// The face.

WorkerProcesses::WorkerProcesses(boost::asio::io_context& io, WorkerEvents& events, Options options)
    : state_(std::make_shared<State>(io, events, std::move(options))) {}
WorkerProcesses::~WorkerProcesses() { state_->abandon(); }
Status WorkerProcesses::start_keeper() { return state_->start_keeper(); }
pid_t WorkerProcesses::keeper_pid() const { return state_->keeper_pid(); }
void WorkerProcesses::start_worker(WorkerStart start) { state_->start_worker(std::move(start)); }
void WorkerProcesses::kill_worker(ClientId worker, Force force) {
  state_->kill_worker(worker, force);
}
void WorkerProcesses::hold_output(ClientId worker) { state_->hold_output(worker); }
void WorkerProcesses::release_output(ClientId worker) { state_->release_output(worker); }
void WorkerProcesses::guard_file(const std::string& path) { state_->guard_file(path); }
void WorkerProcesses::stop(std::function<void()> on_stopped) {
  state_->stop(std::move(on_stopped));
}

}  // namespace rayd
