// A ByteStream over TLS, in whatever loop its socket is.
#pragma once

#include <memory>

#include "common/net/byte_stream.h"
#include "common/net/tls.h"

namespace rayd {

/// The session's handshake is done, and it is that of the socket.
std::unique_ptr<ByteStream> make_tls_stream(std::unique_ptr<ReadySocket> socket,
                                            std::unique_ptr<TlsSession> session);

}  // namespace rayd
