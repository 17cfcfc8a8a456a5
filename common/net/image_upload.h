// Brings a program or module to a cluster from a machine without a daemon: by content, once.
#pragma once

#include <string>

#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/net/rpc_client.h"
#include "common/schema/control.capnp.h"

namespace rayd {

/// The file's hash, when the daemon has all of it. kNotFound, kInvalidArgument: the file cannot be
/// read; else what the daemon or the connection says.
Result<ImageHash> upload_image(RpcClient& client, schema::Daemon::Client daemon,
                               const std::string& path);

}  // namespace rayd
