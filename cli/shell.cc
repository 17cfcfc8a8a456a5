#include "cli/shell.h"

#include "cli/version.h"
#include "common/config/token_words.h"
#include "common/net/head_dial.h"

namespace rayd::cli {
namespace {

Result<std::unique_ptr<DaemonClient>> connect_elsewhere(const Shell& shell) {
  const auto word = shell.token();
  if (!word) return word.error();
  const auto access = parse_head_access(shell.config().address, *word);
  if (!access) return access.error();
  const auto identity = client_identity(make_client_folder(shell.environment));
  if (!identity) return identity.error();
  return DaemonClient::connect(HeadDial{*access, *identity, std::string("rayctl ") + kVersion});
}

}  // namespace

bool Shell::is_elsewhere() const {
  const std::string& address = config().address;
  return !address.empty() && !address.starts_with("unix:") && !address.starts_with('/');
}

std::vector<std::string> Shell::sockets() const {
  const std::string& address = config().address;
  if (address.empty()) return find_sockets(config().cluster, environment);
  return {address.starts_with("unix:") ? address.substr(5) : address};
}

Result<std::string> Shell::token() const {
  return find_token({command.text("--token"), command.text("--token-file")}, environment);
}

Result<std::unique_ptr<DaemonClient>> Shell::connect() const {
  if (is_elsewhere()) return connect_elsewhere(*this);
  std::string refusals;
  for (const std::string& path : sockets()) {
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
