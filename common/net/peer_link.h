// A connection that is agreed upon, between two machines that know who the other is, and not in a
// loop yet: it can be handed to another thread and put into the loop there.
#pragma once

#include <memory>
#include <utility>

#include "common/base/unique_fd.h"
#include "common/net/bulk_seal.h"
#include "common/net/byte_stream.h"
#include "common/net/poll_loop.h"
#include "common/net/tls_stream.h"

namespace rayd {

struct Link {
  UniqueFd socket;
  std::unique_ptr<TlsSession> tls;  // none: the bytes go on in the clear (bulk only)
  /// Known to both sides of this connection and to nobody else.
  SealKey seal_key{};
};

inline std::unique_ptr<ByteStream> make_link_stream(std::unique_ptr<ReadySocket> socket,
                                                    std::unique_ptr<TlsSession> tls) {
  if (tls == nullptr) return make_socket_stream(std::move(socket));
  return make_tls_stream(std::move(socket), std::move(tls));
}

/// Puts it into a client's loop; attach_link() of asio_socket.h is the daemon's.
inline std::unique_ptr<ByteStream> attach_link(PollLoop& loop, Link link) {
  return make_link_stream(loop.add_socket(std::move(link.socket)), std::move(link.tls));
}

}  // namespace rayd
