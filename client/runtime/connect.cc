#include "client/runtime/connect.h"

#include <errno.h>

#include "client/runtime/private_cluster.h"
#include "client/runtime/remote_session.h"
#include "client/runtime/rpc_open.h"
#include "common/config/environment.h"
#include "common/config/places.h"
#include "common/config/token_words.h"

namespace rayd::client {

namespace api = ray::internal;

namespace {

template <class T>
T value_or_throw(Result<T> result) {
  if (!result) {
    api::throw_error(static_cast<ray::ErrorCode>(result.error().code), result.error().message);
  }
  return std::move(*result);
}

/// The socket of a daemon of this machine; none: HOST:PORT of a head elsewhere.
std::optional<std::string> socket_of(const std::string& address) {
  if (address.starts_with("unix:")) return address.substr(5);
  if (address.starts_with('/')) return address;
  return std::nullopt;
}

std::shared_ptr<api::Runtime> connect_elsewhere(const std::string& address,
                                                const OpenRequest& request,
                                                const Environment& environment) {
  RemoteOpen open;
  open.address = address;
  open.token = value_or_throw(find_token({}, environment));
  open.name = request.name;
  open.name_space = request.name_space;
  auto opened = value_or_throw(open_remote_line(open, environment));
  SessionOptions options;
  options.self = opened.client;
  options.image = opened.image;
  options.name_space = opened.name_space;
  options.default_lifetime = request.default_lifetime;
  options.inline_limit = kMaxInlineInPeer;
  return std::make_shared<RemoteSession>(std::move(options), std::move(opened.line));
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
    const auto socket = socket_of(address);
    if (!socket) return connect_elsewhere(address, request, environment);
    request.socket = *socket;
    return value_or_throw(open_session(request));
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
  return value_or_throw(open_session(request));
}

namespace {
[[maybe_unused]] const bool registered = [] {
  api::set_runtime_factory(&connect);
  return true;
}();
}  // namespace

}  // namespace rayd::client
