// Drivers, sessions and workers: their coming and going.
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "common/shm/worker_fds.h"
#include "daemon/shell/daemon_core.h"
#include "daemon/shell/rpc_front.h"

namespace rayd::shell {
namespace {

constexpr size_t kLastErrorLines = 20;

/// What a worker's process starts with; what a task adds comes from its runtime environment.
std::vector<std::string> worker_environment(
    const std::vector<std::pair<std::string, std::string>>& added, const std::string& library_dir) {
  std::vector<std::string> environment;
  const auto is_added = [&](const std::string& name) {
    return std::any_of(added.begin(), added.end(), [&](const auto& a) { return a.first == name; });
  };
  for (const char* name :
       {"PATH", "HOME", "LANG", "LC_ALL", "TZ", "USER", "LOGNAME", "SHELL", "LD_LIBRARY_PATH",
        "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"}) {
    const char* value = getenv(name);
    if (value != nullptr && !is_added(name)) {
      environment.push_back(std::string{name} + "=" + value);
    }
  }
  if (!is_added("LD_LIBRARY_PATH")) {
    const char* given = getenv("LD_LIBRARY_PATH");
    std::string path = given == nullptr ? "" : given;
    if (!library_dir.empty()) path += (path.empty() ? "" : ":") + library_dir;
    if (!path.empty()) environment.push_back("LD_LIBRARY_PATH=" + path);
  }
  for (const auto& [name, value] : added) environment.push_back(name + "=" + value);
  return environment;
}

}  // namespace

// ---- clients ----------------------------------------------------------------------------------

void DaemonCore::on_client_message(ClientId client, ClientMessage&& message) {
  cores_.feed(NodeInput{FromClient{client, std::move(message)}});
}

void DaemonCore::on_client_corrupt(ClientId client, const std::string& why) {
  log(Event::Level::kWarn, "client_refused", to_string(client) + ": " + why);
  if (workers_.contains(client)) {
    processes_.kill_worker(client, rayd::Force::kYes);  // its death says the rest
  } else {
    boost::asio::post(io_, [this, client] { end_client(client); });
  }
}

void DaemonCore::end_client(ClientId client) {
  if (drivers_.erase(client) == 0) return;
  openings_.erase(client);
  hot_.drain_last(client);
  hot_.remove(client);
  cores_.feed(NodeInput{ClientGone{client}});
}

void DaemonCore::on_session_message(ClientId client, ClientMessage&& message) {
  cores_.feed(NodeInput{FromClient{client, std::move(message)}});
}

void DaemonCore::on_session_over(ClientId client, const std::string& why) {
  if (!why.empty()) log(Event::Level::kInfo, "session_over", to_string(client) + ": " + why);
  openings_.erase(client);
  cores_.feed(NodeInput{ClientGone{client}});
}

// ---- workers ----------------------------------------------------------------------------------

Result<std::vector<rayd::UniqueFd>> DaemonCore::worker_channel(ClientId worker) {
  auto channel = hot_.add(worker, ChannelKind::kWorker);
  if (!channel) return channel.error();
  auto writable = store_.writable_fd();
  if (!writable) return writable.error();
  auto readable = store_.readable_fd();
  if (!readable) return readable.error();
  auto control = rpc_->connect_worker(worker);
  if (!control) return control.error();
  std::vector<rayd::UniqueFd> fds(shm::kWorkerFdCount);
  fds[shm::kFdClientMemory].reset(channel->client_memory.release());
  fds[shm::kFdDaemonMemory].reset(channel->daemon_memory.release());
  fds[shm::kFdDaemonRope].reset(channel->daemon_rope.release());
  fds[shm::kFdClientBell].reset(channel->client_bell.release());
  fds[shm::kFdClaimMemory].reset(channel->claim_memory.release());
  fds[shm::kFdStoreWritable].reset(writable->release());
  fds[shm::kFdStoreReadable].reset(readable->release());
  fds[shm::kFdControl].reset(control->release());
  return fds;
}

void DaemonCore::fail_worker(ClientId worker, const std::string& why) {
  hot_.remove(worker);
  rpc_->drop_worker(worker);
  cores_.feed(NodeInput{WorkerStartFailed{worker, why}});
}

void DaemonCore::start_worker(const StartWorker& order) {
  if (const auto image = images_.find(order.image)) return start_worker_of(order, *image);
  if (!network_) return fail_worker(order.worker, images_.find(order.image).error().message);
  rpc_->links().fetch_image(order.image, [this, order](Result<ImageHash> fetched) {
    const auto image = fetched ? images_.find(*fetched) : fetched.error();
    if (!image) return fail_worker(order.worker, image.error().message);
    start_worker_of(order, *image);
  });
}

void DaemonCore::start_worker_of(const StartWorker& order, const Image& image) {
  auto channel = worker_channel(order.worker);
  if (!channel) return fail_worker(order.worker, channel.error().message);
  workers_[order.worker].image = order.image;

  WorkerStart start;
  start.worker = order.worker;
  start.image.kind =
      image.kind == ImageFile::kProgram ? ImageKind::kProgram : ImageKind::kSharedObject;
  start.image.hash = image.hash;
  start.image.path = image.path;
  start.image.environment = worker_environment(order.environment, options_.library_dir);
  start.channel = std::move(*channel);
  processes_.start_worker(std::move(start));
}

void DaemonCore::on_worker_started(ClientId worker, pid_t pid) {
  workers_[worker].pid = pid;
  cores_.feed(NodeInput{WorkerStarted{worker, pid}});
}

void DaemonCore::on_worker_failed(ClientId worker, std::string text) {
  log(Event::Level::kWarn, "worker_failed", to_string(worker) + ": " + text);
  hot_.remove(worker);
  rpc_->drop_worker(worker);
  workers_.erase(worker);
  cores_.feed(NodeInput{WorkerStartFailed{worker, std::move(text)}});
}

void DaemonCore::on_worker_died(ClientId worker, ProcessStatus status) {
  hot_.drain_last(worker);
  WorkerDied death{worker, to_string(status), hot_.claimed(worker)};
  const auto known = workers_.find(worker);
  if (known != workers_.end()) {
    log(Event::Level::kInfo, "worker_ended", label_of(worker) + ": " + death.cause);
    for (const std::string& line : known->second.last_errors) death.cause += "\n  " + line;
    workers_.erase(known);
  }
  hot_.remove(worker);
  rpc_->drop_worker(worker);
  cores_.feed(NodeInput{std::move(death)});
}

void DaemonCore::on_keeper_died() {
  log(Event::Level::kError, "keeper_died", "its workers died with it; starting another");
  if (const Status status = processes_.start_keeper(); !status.ok()) {
    log(Event::Level::kError, "keeper_failed", status.error().message);
    stop(StopWorker::How::kKill);
    return;
  }
  processes_.guard_file(options_.places.socket());
}

std::string DaemonCore::label_of(ClientId worker) const {
  const auto known = workers_.find(worker);
  if (known == workers_.end()) return to_string(worker);
  const std::string& label = known->second.label;
  return (label.empty() ? "worker" : label) + " pid=" + std::to_string(known->second.pid) +
         " node=" + to_string(cores_.node_id());
}

void DaemonCore::on_worker_output(ClientId worker, OutputStream stream, std::string_view line) {
  BookLine book_line{
      unix_ms_now(), label_of(worker),
      stream == OutputStream::kErrors ? BookLine::Stream::kErrors : BookLine::Stream::kOutput,
      std::string{line}};
  JobId job;
  if (const auto known = workers_.find(worker); known != workers_.end()) {
    job = known->second.job;
    if (stream == OutputStream::kErrors) {
      auto& last = known->second.last_errors;
      last.emplace_back(line.substr(0, 500));
      if (last.size() > kLastErrorLines) last.pop_front();
    }
  }
  if (!cores_.has_head()) return rpc_->links().send(JobLine{job, std::move(book_line)});
  book_.add_line(job, std::move(book_line));
}

}  // namespace rayd::shell
