// Config: the validated settings of one process, as plain values. options.h says what each means,
// config_load.h where they come from.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace rayd {

struct Config {
  // Which cluster.
  std::string cluster;
  std::string address;
  std::string ray_namespace;

  // Other machines.
  std::string bind;
  std::string advertise;
  std::string bulk_encryption;

  // What this node offers.
  double num_cpus = 0;
  double num_gpus = 0;
  int64_t memory = 0;
  std::map<std::string, double> resources;
  std::map<std::string, std::string> labels;

  // The object store.
  int64_t object_store_memory = 0;
  int64_t store_full_timeout_ms = 0;

  // Tasks and workers.
  int64_t max_pending_tasks = 0;
  int64_t remote_timeout_ms = 0;
  int64_t max_workers = 0;
  int64_t idle_worker_timeout_ms = 0;
  int64_t cancel_grace_ms = 0;
  int64_t spin_budget_us = 0;

  // Membership (protocols.md §5).
  int64_t lease_ms = 0;
  int64_t lease_wait_ms = 0;
  int64_t renewal_interval_ms = 0;
  int64_t suspect_after_ms = 0;
  int64_t remote_client_timeout_ms = 0;
  int64_t relay_after_ms = 0;

  // What is kept.
  std::string log_level;
  int64_t log_file_size = 0;
  int64_t log_files = 0;
  int64_t job_log_size = 0;
  int64_t job_retention_ms = 0;
  int64_t jobs_kept = 0;
};

}  // namespace rayd
