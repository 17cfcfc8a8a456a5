// Where other machines find the head.
#pragma once

#include <string>

#include "cli/daemon_client.h"

namespace rayd::cli {

/// HOST:PORT, at the head's own machine: as advertised or bound, else this machine's own.
Result<std::string> head_address(DaemonClient& client);

}  // namespace rayd::cli
