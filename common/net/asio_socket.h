// A ReadySocket in an Asio loop.
#pragma once

#include <kj/memory.h>

#include "common/base/unique_fd.h"
#include "common/net/ready_socket.h"

namespace boost::asio {
class io_context;
}

namespace rayd {

kj::Own<ReadySocket> make_asio_socket(boost::asio::io_context& io, UniqueFd socket);

}  // namespace rayd
