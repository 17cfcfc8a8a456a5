// What a verb's function gets: its parsed command, the settings in force, output, and the way to
// the daemon.
#pragma once

#include <memory>
#include <string>

#include "cli/command_line.h"
#include "cli/daemon_client.h"
#include "cli/output.h"
#include "common/config/config_load.h"
#include "common/config/places.h"

namespace rayd::cli {

struct Shell {
  const ParsedCommand& command;
  const Environment& environment;
  const LoadedConfig& loaded;
  const Output& output;

  const Config& config() const { return loaded.config; }
  std::string name_space() const { return loaded.config.ray_namespace; }

  /// The sockets that are looked at, in this order: --address or $RAY_ADDRESS alone, else the
  /// user's and the system's of --cluster. Precondition: not is_elsewhere().
  std::vector<std::string> sockets() const;
  /// --address is HOST:PORT: the head of a cluster that has no daemon on this machine.
  bool is_elsewhere() const;
  /// The word that lets in there.
  Result<std::string> token() const;
  /// kUnavailable with what to do next.
  Result<std::unique_ptr<DaemonClient>> connect() const;
  /// The places of this user's cluster of the name in force.
  Result<Places> places() const;
};

}  // namespace rayd::cli
