// A socket in an Asio loop, and a connection between machines in one.
#pragma once

#include <memory>

#include "common/base/unique_fd.h"
#include "common/net/peer_link.h"
#include "common/net/ready_socket.h"

namespace boost::asio {
class io_context;
}

namespace rayd {

std::unique_ptr<ReadySocket> make_asio_socket(boost::asio::io_context& io, UniqueFd socket);

std::unique_ptr<ByteStream> attach_link(boost::asio::io_context& io, Link link);

}  // namespace rayd
