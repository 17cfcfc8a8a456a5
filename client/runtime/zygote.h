// The zygote: a program parked after its constructors, which becomes a worker at each fork.
//
//   keeper ──startWorker, signalWorker──▶ zygote ──fork──▶ worker (returns from run_zygote)
//          ◀─ready, started, failed, died─       ──fork, exec──▶ the program again, as a worker
//
// It forks when it has one thread; when constructors have started others, which a fork would lose,
// it executes the program anew for each worker. It waits for its children by pidfd, one by one: a
// child that the program's own code started is none of its business, nor is SIGCHLD.
// Descriptors, signal handlers and masks that constructors made are the program's and are kept, as
// main would find them; only the zygote's own descriptors are closed in a worker.
#pragma once

#include "client/runtime/worker_entry.h"
#include "common/base/unique_fd.h"

namespace rayd {

inline constexpr int kMaxChannelFds = 32;

/// A program at the point where main would begin.
struct ParkedProgram {
  UniqueFd socket;     // to the keeper
  char** argv;         // to execute it again …
  char** environment;  // … with the environment it was given
};

/// Returns in each worker it forks; ends the process when the keeper's end of the socket is closed.
ray::internal::WorkerFds run_zygote(ParkedProgram program);

/// Makes standard output a stream of lines: it is a pipe, but somebody reads along.
void prepare_output();

}  // namespace rayd
