// A KJ event loop over poll(2), for programs that have no loop of their own: the shell's verbs and
// the client runtime. Cheap to make (one descriptor), and unlike KJ's own it touches no signals,
// which belong to the program we are a guest in.
//
// One a thread; everything made on it is used in that thread and dropped before it. Only wake(),
// which kj::Executor calls, may come from another.
#pragma once

#include <kj/async.h>

#include <memory>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "common/net/ready_socket.h"

namespace rayd {

struct PollLoopOptions {
  /// How long a wait polls and yields before it sleeps; 0 = not at all. Worth it while an answer is
  /// on its way: being woken costs more than most answers take.
  Duration spin;
};

class PollLoop {
 public:
  explicit PollLoop(PollLoopOptions options = {});
  ~PollLoop();
  PollLoop(const PollLoop&) = delete;
  PollLoop& operator=(const PollLoop&) = delete;

  kj::WaitScope& wait_scope();
  std::unique_ptr<ReadySocket> add_socket(UniqueFd socket);

  /// Ready once the descriptor can be read, or has failed: for what is waited for beside answers,
  /// as a signalfd or a bell. The descriptor must stay open until then.
  kj::Promise<void> when_readable(int fd);

  /// Runs the loop until the promise is done, or drops it. kTimeout when `timeout` passed before,
  /// else what the promise was rejected with, translated.
  Status run_until(kj::Promise<void> promise, Duration timeout);

 private:
  class Port;
  class Socket;
  class Watch;

  std::unique_ptr<Port> port_;
  kj::EventLoop loop_;
  kj::WaitScope scope_;
};

}  // namespace rayd
