// The hot lane for clients by RPC: Rings hands out a local driver's memory, Session carries the
// same messages for a client without shared memory.
#pragma once

#include "common/schema/control.capnp.h"
#include "daemon/shell/control.h"

namespace boost::asio {
class io_context;
}

namespace rayd::shell {

kj::Own<schema::Rings::Server> make_rings(OpenedRings&& opened);
kj::Own<schema::Session::Server> make_session(boost::asio::io_context& io,
                                              std::shared_ptr<RemoteSession> session);

}  // namespace rayd::shell
