#include "cli/head_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/unique_fd.h"

namespace rayd::cli {
namespace {

/// The address by which this machine reaches others, without asking any; empty: none.
std::string primary_address() {
  const UniqueFd probe{socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(9);
  inet_pton(AF_INET, "192.0.2.1", &address.sin_addr);  // nobody's; no packet is sent
  socklen_t length = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (!probe || connect(probe.get(), any, length) != 0) return {};
  if (getsockname(probe.get(), any, &length) != 0) return {};
  char text[INET_ADDRSTRLEN] = {};
  inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
  return text;
}

std::string host_name() {
  char host[256] = "localhost";
  gethostname(host, sizeof host - 1);
  return host;
}

}  // namespace

Result<std::string> head_address(DaemonClient& client) {
  const auto nodes = client.list("nodes");
  if (!nodes) return nodes.error();
  for (const Row& node : *nodes) {
    if (node.id != to_string(client.facts().node)) continue;
    const std::string address = node.text("address");
    if (!address.starts_with(':')) return address;
    std::string host = primary_address();
    if (host.empty()) host = host_name();
    return host + address;
  }
  return Error{ErrorCode::kNotFound, "the head lists itself nowhere"};
}

}  // namespace rayd::cli
