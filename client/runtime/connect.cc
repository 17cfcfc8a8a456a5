#include "client/runtime/connect.h"

#include <errno.h>

#include "client/runtime/private_cluster.h"
#include "client/runtime/rpc_open.h"
#include "common/config/environment.h"
#include "common/config/places.h"

namespace rayd::client {

namespace api = ray::internal;

namespace {

std::shared_ptr<RingSession> open_or_throw(const OpenRequest& request) {
  auto session = open_session(request);
  if (!session) {
    api::throw_error(static_cast<ray::ErrorCode>(session.error().code), session.error().message);
  }
  return *session;
}

std::string socket_of(const std::string& address) {
  if (address.starts_with("unix:")) return address.substr(5);
  if (address.starts_with('/')) return address;
  api::throw_error(
      ray::ErrorCode::kInvalidArgument,
      "address '" + address + "': this version joins the daemon of its own machine, by unix:PATH");
}

}  // namespace

std::shared_ptr<api::Runtime> connect(const ray::RayConfig& config) {
  const Environment environment = Environment::of_process();
  OpenRequest request;
  request.name = program_invocation_short_name;
  request.name_space = config.ray_namespace;
  request.default_lifetime = config.default_actor_lifetime;

  const std::string address =
      config.address.empty() ? environment.get("RAY_ADDRESS") : config.address;
  if (!address.empty()) {
    request.socket = socket_of(address);
    return open_or_throw(request);
  }
  const std::string named = environment.get("RAYD_CLUSTER");
  const std::string cluster = named.empty() ? "default" : named;
  for (const std::string& socket : find_sockets(cluster, environment)) {
    request.socket = socket;
    auto session = open_session(request);
    if (session) return *session;
    if (session.error().code != ErrorCode::kUnavailable) {
      api::throw_error(static_cast<ray::ErrorCode>(session.error().code), session.error().message);
    }
  }
  auto started = PrivateCluster::start(config.head_args);
  if (!started) api::throw_error(ray::ErrorCode::kUnavailable, started.error().message);
  const std::shared_ptr<PrivateCluster> own = std::move(*started);
  request.socket = own->socket();
  // The cluster lives in the session's shutdown, and ends with it.
  auto holder = std::make_shared<std::shared_ptr<PrivateCluster>>(own);
  request.on_shutdown = [holder] { holder->reset(); };
  return open_or_throw(request);
}

namespace {
[[maybe_unused]] const bool registered = [] {
  api::set_runtime_factory(&connect);
  return true;
}();
}  // namespace

}  // namespace rayd::client
