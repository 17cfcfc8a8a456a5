// Waiting for a daemon's end: its process by a pidfd, then its socket.
#pragma once

#include <sys/types.h>

#include <string>

#include "common/base/clock.h"
#include "common/base/process_tree.h"
#include "common/base/result.h"

namespace rayd::cli {

/// kTimeout: it is still there.
Status wait_for_end(const UniqueFd& process, Duration patience);

/// kTimeout: somebody still listens there, or the name stays.
Status wait_for_socket_gone(const std::string& path, Duration patience);

/// The process that listens on a Unix socket, asked without its help: a daemon that answers nobody
/// can still be killed. 0: nobody listens.
pid_t listener_of(const std::string& path);

}  // namespace rayd::cli
