// The daemon: the shell around the cores on one machine. Receives (rings, sockets, worker events),
// decodes, feeds the cores, performs their actions.
//
//   control thread   everything here: rings, Asio, KJ, cores
//   journal thread   SQLite; answers by Committed(n)
//
// One pass of the loop: drain active rings, poll Asio, tick what is due, ring who sleeps; sleep in
// epoll when no channel is active and nothing is due.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/config/config.h"
#include "common/config/places.h"

namespace rayd::shell {

enum class DaemonRole : uint8_t { kHead, kNode };

struct DaemonOptions {
  DaemonRole role = DaemonRole::kHead;
  /// kNode: the word that lets it join; empty: its key is known to the head.
  std::string token;
  Config config;
  Places places;
  std::string worker_program;  // rayd-worker
  /// Where librayclient.so lies: workers are made of copies, which find it no more by a path
  /// relative to themselves. Empty: the system knows.
  std::string library_dir;
  std::string version;
  /// Ends when this process does; 0: none. For private clusters.
  int owner_pid = 0;
  /// Where "ready\n", or why not, is written when it serves; −1: nowhere.
  int ready_fd = -1;
};

/// Runs until SIGTERM, SIGINT, `stop`, or its owner's end. The exit status. What the environment
/// refuses (places, socket, journal) is one sentence on standard error and on ready_fd, and 1.
int run_daemon(DaemonOptions options);

}  // namespace rayd::shell
