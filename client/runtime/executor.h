// The executor: what a worker process does instead of main. Takes work from its ring, runs the
// registered function, method or workload, and answers with Done.
//
// One thread, but for an actor with max_concurrency > 1, whose calls run on as many threads; they
// start in the order in which they were made.
#pragma once

#include <memory>

#include "client/runtime/ring_session.h"

namespace rayd::client {

/// The control lane's socket of this worker; −1: none.
struct ControlSocket {
  int fd = -1;
};

/// Returns when the daemon is gone or has asked the worker to end. The exit status is the result.
int run_executor(const std::shared_ptr<RingSession>& session, ControlSocket control);

}  // namespace rayd::client
