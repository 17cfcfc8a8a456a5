// The rows. A new setting is one line here and one field of Config.
#include <algorithm>

#include "common/config/options.h"

namespace rayd {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;
constexpr int64_t kGiB = int64_t{1} << 30;

void measure_cpus(Config& config, const Machine& machine) {
  config.num_cpus = static_cast<double>(machine.cpus);
}

void measure_gpus(Config& config, const Machine& machine) {
  config.num_gpus = static_cast<double>(machine.gpus);
}

void measure_store(Config& config, const Machine& machine) {
  constexpr int64_t kMost = 200 * kGiB;
  const int64_t share = machine.memory_bytes / 10 * 3 / kMiB * kMiB;
  config.object_store_memory = std::clamp(share, 64 * kMiB, kMost);
}

void measure_memory(Config& config, const Machine& machine) {
  config.memory = std::max<int64_t>(0, machine.memory_bytes - config.object_store_memory);
}

void measure_workers(Config& config, const Machine&) {
  config.max_workers = static_cast<int64_t>(8 * config.num_cpus) + 64;
}

constexpr double kMostMillis = 1e12;
constexpr double kMostResource = 1e9;

const Option kOptions[] = {
    {"cluster", &Config::cluster, Form::kName, "", "default",
     "name of the cluster; several may run on one host", kEverywhere},
    {"address", &Config::address, Form::kText, "", "",
     "where the cluster is: unix:PATH or HOST:PORT (empty: on this machine)",
     kEveryVerb | kClient | kDaemon},
    {"namespace", &Config::ray_namespace, Form::kName, "", "default",
     "where names of actors and kept objects live", kEveryVerb | kClient},

    {"bind", &Config::bind, Form::kText, "", "",
     "where other machines may connect: ADDR[:PORT], *[:PORT] for all (empty: nobody may)",
     kDaemon},
    {"advertise", &Config::advertise, Form::kText, "", "",
     "where other machines find this one, ADDR[:PORT], if that is not where it listens", kDaemon},
    {"bulk_encryption", &Config::bulk_encryption, Form::kChoice, "", "on",
     "whether objects travel encrypted between machines; the rest always does", kDaemon, 0, 0,
     "on|off"},

    {"num_cpus",
     &Config::num_cpus,
     Form::kNumber,
     "CPUs",
     "the CPUs this process may use",
     "CPUs that tasks and actors may use",
     kDaemon,
     0,
     kMostResource,
     {},
     measure_cpus},
    {"num_gpus",
     &Config::num_gpus,
     Form::kNumber,
     "GPUs",
     "the NVIDIA devices in /dev",
     "GPUs that tasks and actors may use",
     kDaemon,
     0,
     kMostResource,
     {},
     measure_gpus},
    {"object_store_memory",
     &Config::object_store_memory,
     Form::kBytes,
     "bytes",
     "30% of RAM, at most 200GiB",
     "shared memory for objects",
     kDaemon,
     double(kMiB),
     0x1p50,
     {},
     measure_store},
    {"memory",
     &Config::memory,
     Form::kBytes,
     "bytes",
     "RAM less the object store",
     "memory that tasks and actors may reserve",
     kDaemon,
     0,
     0x1p50,
     {},
     measure_memory},
    {"resources", &Config::resources, Form::kResources, "", "{}",
     "further resources of this node by name, such as '{\"disk\": 2}'", kDaemon, 0, kMostResource},
    {"labels", &Config::labels, Form::kLabels, "", "{}",
     "labels of this node, such as zone=a,rack=7", kDaemon},

    {"store_full_timeout_ms", &Config::store_full_timeout_ms, Form::kMillis, "ms", "10000",
     "how long a producer waits for room in the object store before it gets an error",
     kDaemon | kClient, 0, kMostMillis},
    {"max_pending_tasks", &Config::max_pending_tasks, Form::kInteger, "tasks", "2000000",
     "unfinished tasks of one client before Remote() waits", kDaemon | kClient, 1, 1e9},
    {"remote_timeout_ms", &Config::remote_timeout_ms, Form::kMillis, "ms", "60000",
     "how long Remote() waits at its limit before it throws", kDaemon | kClient, 0, kMostMillis},
    {"max_workers",
     &Config::max_workers,
     Form::kInteger,
     "processes",
     "8 x CPUs + 64",
     "worker processes of this node, blocked ones included",
     kDaemon,
     1,
     100'000,
     {},
     measure_workers},
    {"idle_worker_timeout_ms", &Config::idle_worker_timeout_ms, Form::kMillis, "ms", "60000",
     "how long a worker without work lives on", kDaemon, 0, kMostMillis},
    {"cancel_grace_ms", &Config::cancel_grace_ms, Form::kMillis, "ms", "5000",
     "how long what is cancelled with its job or its parent may run on before it is killed",
     kDaemon, 0, kMostMillis},
    {"spin_budget_us", &Config::spin_budget_us, Form::kInteger, "us", "-1",
     "how long a waiter polls and yields before it sleeps (0: never, -1: measured at start)",
     kDaemon | kClient, -1, 1e6},

    {"lease_ms", &Config::lease_ms, Form::kMillis, "ms", "4000",
     "how long a node may act for the cluster after a renewal that was acknowledged", kDaemon, 100,
     kMostMillis},
    {"lease_wait_ms", &Config::lease_wait_ms, Form::kMillis, "ms", "4500",
     "silence after which the head declares a node dead; longer than lease_ms", kDaemon, 100,
     kMostMillis},
    {"renewal_interval_ms", &Config::renewal_interval_ms, Form::kMillis, "ms", "500",
     "how often a node renews its lease", kDaemon, 10, kMostMillis},
    {"suspect_after_ms", &Config::suspect_after_ms, Form::kMillis, "ms", "2000",
     "silence after which a node is suspect and its tasks may move", kDaemon, 10, kMostMillis},
    {"remote_client_timeout_ms", &Config::remote_client_timeout_ms, Form::kMillis, "ms", "30000",
     "silence after which a remote client is taken for dead", kDaemon, 100, kMostMillis},
    {"relay_after_ms", &Config::relay_after_ms, Form::kMillis, "ms", "10000",
     "silence between two nodes after which their messages go through the head", kDaemon, 100,
     kMostMillis},

    {"log_level", &Config::log_level, Form::kChoice, "", "info",
     "error: data or work lost; warn: coped; info: for operators; debug: for developers",
     kEverywhere, 0, 0, "error|warn|info|debug"},
    {"log_file_size", &Config::log_file_size, Form::kBytes, "bytes", "16MiB",
     "size at which the daemon's log file is rotated", kDaemon, 4096, 0x1p40},
    {"log_files", &Config::log_files, Form::kInteger, "files", "4",
     "rotated log files of the daemon that are kept", kDaemon, 1, 1000},
    {"job_log_size", &Config::job_log_size, Form::kBytes, "bytes", "64MiB",
     "output of one job that is kept; the oldest goes first", kDaemon, 4096, 0x1p44},
    {"job_retention_ms", &Config::job_retention_ms, Form::kMillis, "ms", "7d",
     "how long an ended job's record, output and files are kept", kDaemon, 0, kMostMillis},
    {"jobs_kept", &Config::jobs_kept, Form::kInteger, "jobs", "1000",
     "ended jobs that are kept; the oldest goes first", kDaemon, 1, 1e6},
};

}  // namespace

std::span<const Option> options() { return kOptions; }

}  // namespace rayd
