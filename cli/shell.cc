#include "cli/shell.h"

namespace rayd::cli {

Result<std::vector<std::string>> Shell::sockets() const {
  const std::string& address = config().address;
  if (address.empty()) return find_sockets(config().cluster, environment);
  if (address.starts_with("unix:")) return std::vector{address.substr(5)};
  if (address.starts_with('/')) return std::vector{address};
  return Error{ErrorCode::kInvalidArgument,
               "address '" + address +
                   "': this version reaches the daemon of its own machine, by "
                   "unix:PATH"};
}

Result<std::unique_ptr<DaemonClient>> Shell::connect() const {
  const auto paths = sockets();
  if (!paths) return paths.error();
  std::string refusals;
  for (const std::string& path : *paths) {
    auto client = DaemonClient::connect(path);
    if (client) return client;
    if (client.error().code != ErrorCode::kUnavailable) return client.error();
    refusals += "\n  " + path + ": " + client.error().message;
  }
  if (!config().address.empty()) {
    return Error{ErrorCode::kUnavailable, "no cluster answers at " + config().address + " (from " +
                                              loaded.origin_of("address").where +
                                              "). Start one here: rayctl start --head" + refusals};
  }
  const std::string named =
      config().cluster == "default" ? "" : " named '" + config().cluster + "'";
  const std::string flag = named.empty() ? "" : " --cluster " + config().cluster;
  return Error{ErrorCode::kUnavailable,
               "no cluster" + named +
                   " runs here (looked at $RAY_ADDRESS and the socket in $XDG_RUNTIME_DIR). Start "
                   "one: rayctl start --head" +
                   flag};
}

Result<Places> Shell::places() const { return find_places(config().cluster, environment); }

}  // namespace rayd::cli
