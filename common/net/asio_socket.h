// A ReadySocket in an Asio loop.
#pragma once

#include <kj/io.h>
#include <kj/memory.h>

#include "common/net/ready_socket.h"

namespace boost::asio {
class io_context;
}

namespace rayd {

kj::Own<ReadySocket> make_asio_socket(boost::asio::io_context& io, kj::AutoCloseFd socket);

}  // namespace rayd
