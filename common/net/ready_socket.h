// A non-blocking socket inside somebody's event loop: it can be asked, once at a time, to tell when
// it may be read, when it may be written, and when the loop has run what is ready.
//
// Two loops have one: Asio's (asio_socket.h, the daemon) and poll(2)'s (poll_loop.h, the clients).
// The message stream above it does not know which. Everything happens on the loop's thread.
#pragma once

#include "common/base/unique_fd.h"

namespace rayd {

class ReadySocket {
 public:
  class Events {
   public:
    virtual void on_readable() = 0;
    virtual void on_writable() = 0;
    virtual void on_flush() = 0;

   protected:
    ~Events() = default;
  };

  /// Closes the socket. No event is told afterwards.
  virtual ~ReadySocket() = default;

  virtual int fd() const = 0;
  /// Takes the socket out of the loop, still open; no event is told afterwards.
  virtual UniqueFd release() = 0;
  /// Must be called before anything is asked for; nullptr silences the socket.
  virtual void set_events(Events* events) = 0;

  /// Each asks for one call of the event of its name, later, from the loop. Asking twice before it
  /// was told is asking once. An error or the peer's end makes a socket readable and writable.
  virtual void ask_readable() = 0;
  virtual void ask_writable() = 0;
  /// Flushing after what is ready has run is what puts many messages into one system call.
  virtual void ask_flush() = 0;
};

}  // namespace rayd
