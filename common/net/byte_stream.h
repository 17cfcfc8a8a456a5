// Bytes to and from a peer, whatever carries them: a Unix socket, TLS over TCP, or TCP alone where
// a site does not encrypt bulk data. What a message stream or a session of frames runs on.
//
// Events are those of the socket beneath (ready_socket.h), told by the loop it is in; everything
// happens on that loop's thread. "Readable" may be told although nothing can be read yet.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "common/net/ready_socket.h"
#include "common/net/socket_io.h"

namespace rayd {

class ByteStream {
 public:
  using Events = ReadySocket::Events;

  /// Closes it, after one try to send what was accepted and not sent yet. No event is told
  /// afterwards.
  virtual ~ByteStream() = default;

  virtual void set_events(Events* events) = 0;
  virtual void ask_readable() = 0;
  virtual void ask_writable() = 0;
  virtual void ask_flush() = 0;

  /// As receive() and send() of socket_io.h. Only a Unix socket carries descriptors: elsewhere
  /// max_fds and fds must be none. kEnd is an end in order; over TLS a connection that was only cut
  /// is kFailed, because anybody on the way can cut it.
  virtual Received receive(std::span<uint8_t> space, uint32_t max_fds) = 0;
  virtual Sent send(std::span<const iovec> pieces, std::span<const int> fds) = 0;

  /// Tells the peer that nothing more comes, behind all that was sent. It is still read.
  virtual void end_writing() = 0;
  /// Ends both directions; what has arrived already can still be received.
  virtual void give_up() = 0;

  /// What the kernel keeps of what was sent; 0 when it does not say.
  virtual int send_buffer_bytes() const = 0;
};

/// Over a socket as it is.
std::unique_ptr<ByteStream> make_socket_stream(std::unique_ptr<ReadySocket> socket);

}  // namespace rayd
