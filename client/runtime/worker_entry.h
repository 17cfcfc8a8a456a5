// What a worker is given when it begins: its name, and the descriptors of its channel to the
// daemon.
#pragma once

#include <vector>

#include "common/base/ids.h"

namespace ray::internal {

struct WorkerFds {
  rayd::ClientId worker;
  /// In the order in which the daemon passed them; close-on-exec; owned by worker_main.
  std::vector<int> channel;
};

/// Runs in place of main, after all constructors, on the main thread: the executor. What it returns
/// is the exit status; destructors of statics run, as after main. Standard input is /dev/null,
/// standard output (by line) and error go to the daemon.
int worker_main(const WorkerFds& fds);

}  // namespace ray::internal
