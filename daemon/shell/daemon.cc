// Start, the loop, the end.
#include "daemon/shell/daemon.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <stdexcept>

#include "common/base/process_memory.h"
#include "common/base/process_tree.h"
#include "common/config/environment.h"
#include "common/net/crypto.h"
#include "daemon/shell/daemon_core.h"
#include "daemon/shell/daemon_log.h"
#include "daemon/shell/rpc_front.h"

namespace rayd::shell {
namespace {

constexpr uint64_t kAddressesPerByte = 8;  // the segment's addresses against its capacity

std::optional<HeadOptions> head_options(const DaemonOptions& daemon) {
  if (daemon.role != DaemonRole::kHead) return std::nullopt;
  const Config& config = daemon.config;
  HeadOptions options;
  fill_with_chance(options.cluster.bytes);
  options.suspect_after = Duration::millis(config.suspect_after_ms);
  options.dead_after = Duration::millis(config.lease_wait_ms);
  options.cancel_grace = Duration::millis(config.cancel_grace_ms);
  return options;
}

ResourceSet total_of(const Config& config) {
  ResourceSet total;
  total.cpu = static_cast<Quantity>(std::llround(config.num_cpus * kUnit));
  total.gpu = static_cast<Quantity>(std::llround(config.num_gpus * kUnit));
  total.memory_bytes = config.memory;
  for (const auto& [name, amount] : config.resources) {
    ResourceSet one;
    one.custom.emplace_back(name, static_cast<Quantity>(std::llround(amount * kUnit)));
    if (one.custom[0].second != 0) total.add(one);
  }
  return total;
}

Duration spin_budget(const Config& config) {
  if (config.spin_budget_us >= 0) return Duration::micros(config.spin_budget_us);
  return shm::default_spin_budget(shm::measure_wake_latency());
}

}  // namespace

int64_t unix_ms_now() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

DaemonCore::DaemonCore(DaemonOptions options)
    : options_(std::move(options)),
      io_(1),
      timer_(io_),
      signals_(io_, SIGTERM, SIGINT, SIGHUP),
      store_(static_cast<uint64_t>(options_.config.object_store_memory) * kAddressesPerByte),
      images_(options_.places.modules_dir()),
      book_(options_.places, options_.config),
      spin_budget_(spin_budget(options_.config)),
      cores_(*this, clock_, head_options(options_), static_cast<uint64_t>(now_boottime().ns)),
      hot_(io_, *this, clock_, spin_budget_),
      sessions_(io_, *this, store_, Duration::millis(options_.config.remote_client_timeout_ms)),
      processes_(io_, *this, [&] {
        WorkerProcesses::Options given;
        given.worker_program = options_.worker_program;
        return given;
      }()) {
  started_unix_ms_ = unix_ms_now();
  if (cores_.has_head()) open_journal();
  if (const Status status = processes_.start_keeper(); !status.ok()) {
    throw std::runtime_error{status.error().message};
  }
  rpc_ = std::make_unique<RpcFront>(io_, *this);
  if (const Status status = rpc_->listen(options_.places.socket()); !status.ok()) {
    throw std::runtime_error{status.error().message};
  }
  processes_.guard_file(options_.places.socket());
  watch_signals();
  watch_owner();
  begin();
}

DaemonCore::~DaemonCore() = default;

void DaemonCore::open_journal() {
  journal_ = std::make_unique<Journal>(options_.places.journal());
  for (JournalRow& row : journal_->load()) cores_.load(std::move(row));
  journal_->start(
      [this](uint64_t number) {
        boost::asio::post(io_, [this, number] { cores_.on_committed(number); });
      },
      [this](std::string why) {
        boost::asio::post(io_, [this, why] {
          log(Event::Level::kError, "journal_failed", why + "; the daemon ends, nothing is lost");
          stop(StopWorker::How::kGraceful);
        });
      });
}

void DaemonCore::begin() {
  open_network();  // nobody arrives before the loop runs
  if (!cores_.has_head()) return join();
  cores_.begin(node_options());
  if (network_) network_->peers().set_cluster(cores_.head().cluster());
}

NodeOptions DaemonCore::node_options() const {
  const Config& config = options_.config;
  NodeOptions node;
  char host[256] = "localhost";
  gethostname(host, sizeof host - 1);
  node.name = host;
  node.total = total_of(config);
  node.max_workers = static_cast<uint32_t>(config.max_workers);
  node.idle_worker_timeout = Duration::millis(config.idle_worker_timeout_ms);
  node.store_full_timeout = Duration::millis(config.store_full_timeout_ms);
  node.store_capacity_bytes = static_cast<uint64_t>(config.object_store_memory);
  node.store_virtual_bytes = node.store_capacity_bytes * kAddressesPerByte;
  node.lease = Duration::millis(config.lease_ms);
  node.cancel_grace = Duration::millis(config.cancel_grace_ms);
  node.labels = config.labels;
  if (network_) {
    node.address = network_->address();
    node.identity = network_->identity().hash();
  }
  return node;
}

void DaemonCore::watch_signals() {
  signals_.async_wait([this](boost::system::error_code error, int) {
    if (error) return;
    stop(StopWorker::How::kGraceful);
    watch_signals();
  });
}

void DaemonCore::watch_owner() {
  if (options_.owner_pid == 0) return;
  UniqueFd process = open_pidfd(options_.owner_pid);
  if (!process) throw std::runtime_error{"the process that --owner-pid names is gone"};
  owner_ = std::make_unique<ProcessWatch>(io_, std::move(process),
                                          [this] { stop(StopWorker::How::kKill); });
}

void DaemonCore::say_ready(const std::string& line) {
  if (options_.ready_fd < 0) return;
  const std::string text = line + "\n";
  // Whoever waits for it may be gone; that is no reason not to serve.
  [[maybe_unused]] const ssize_t written = write(options_.ready_fd, text.data(), text.size());
  close(options_.ready_fd);
  options_.ready_fd = -1;
}

int DaemonCore::run() {
  drop_file_pages();
  while (!stopping_) {
    const bool any = drain();
    io_.poll();
    hot_.ring();
    if (options_.ready_fd >= 0 && serves()) say_ready("ready");
    if (any || stopping_) continue;  // asked to stop just now, nothing else would end the sleep
    if (hot_.is_active() || (network_ && network_->peers().is_active())) {
      sched_yield();
    } else {
      sleep_until(cores_.next_deadline());
    }
  }
  shut_down();
  return exit_status_;
}

bool DaemonCore::drain() {
  BatchClock::Batch batch{clock_};
  cores_.tick();  // what expired during a pause goes before what came during it
  return hot_.drain();
}

// Who was told so may ask anything: a node of another machine's head has its line there.
bool DaemonCore::serves() const {
  return cores_.has_joined() && (cores_.has_head() || rpc_->links().knows_head());
}

void DaemonCore::sleep_until(std::optional<Time> deadline) {
  if (deadline) {
    const Duration left = *deadline - now_boottime();
    if (left.ns <= 0) return;
    timer_.expires_after(std::chrono::nanoseconds{left.ns});
    timer_.async_wait([](boost::system::error_code) {});
  }
  io_.run_one();
  if (deadline) timer_.cancel();
}

void DaemonCore::shut_down() {
  rpc_->stop_listening();
  if (network_) network_->stop_listening();
  bool stopped = false;
  processes_.stop([&] { stopped = true; });
  while (!stopped) io_.run_one();
  leave();
  journal_.reset();
  log(Event::Level::kInfo, "stopped", "");
}

int run_daemon(DaemonOptions options) {
  const int ready_fd = options.ready_fd;
#ifndef __SANITIZE_ADDRESS__  // whose leak check traces its own process
  // Nobody of the same user looks into its memory by ptrace or /proc (design.md §5).
  prctl(PR_SET_DUMPABLE, 0);
#endif
  try {
    const Environment environment = Environment::of_process();
    if (const Status made = make_places(options.places, environment); !made.ok()) {
      throw std::runtime_error{made.error().message};
    }
    open_daemon_log(options.places.daemon_log(), options.config);
    for (;;) {
      DaemonCore daemon{options};
      const int status = daemon.run();
      if (!daemon.begins_anew()) return status;
      options.ready_fd = -1;
    }
  } catch (const std::exception& failure) {
    const std::string line = std::string{failure.what()} + "\n";
    std::fprintf(stderr, "rayd: %s", line.c_str());
    if (ready_fd >= 0) [[maybe_unused]]
      const ssize_t n = write(ready_fd, line.data(), line.size());
    return 1;
  }
}

}  // namespace rayd::shell
