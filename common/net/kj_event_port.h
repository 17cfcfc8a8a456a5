// KJ's event loop inside Asio's: promises run in the io_context's thread, between its handlers.
//
//   something fulfils a promise ──▶ KJ is runnable ──▶ one handler is posted ──▶ it runs a slice
//   of KJ's turns, and posts itself again if some are left
//
// So io.run(), io.run_one() and io.poll() run KJ too, and a sleep in any of them ends when KJ has
// work. A program that fulfils promises outside of handlers and does not want to go through the
// io_context calls run_ready() instead. A KjLoop counts as work: io.run() returns when stopped.
//
// Turns are never nested: an io_context run from inside of a KJ callback runs Asio's handlers and
// leaves KJ's events where they are. One a thread, made and used there; it needs the io_context for
// as long as it lives, and whatever holds promises is dropped before it.
#pragma once

#include <kj/async.h>

#include <memory>

namespace boost::asio {
class io_context;
}

namespace rayd {

class KjLoop {
 public:
  explicit KjLoop(boost::asio::io_context& io);
  ~KjLoop();
  KjLoop(const KjLoop&) = delete;
  KjLoop& operator=(const KjLoop&) = delete;

  /// promise.wait(wait_scope()) runs the io_context until the promise is done: for tests and
  /// start-up. Throws if the io_context was stopped.
  kj::WaitScope& wait_scope();

  /// Runs what is ready, up to a slice of turns; does nothing inside of a turn.
  void run_ready();

  /// Says that another thread's promises reach this loop (kj::Executor needs it).
  const kj::Executor& executor();

 private:
  class Port;

  std::shared_ptr<Port> port_;  // shared with the handlers still posted
  kj::EventLoop loop_;
  kj::WaitScope scope_;
};

}  // namespace rayd
