#include "client/runtime/private_cluster.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "common/base/daemon_process.h"
#include "common/config/environment.h"
#include "common/config/places.h"

namespace rayd::client {
namespace {

Error failed(const std::string& what) {
  return {ErrorCode::kUnavailable,
          "no cluster runs here, and a private one cannot be started: " + what};
}

}  // namespace

Result<std::unique_ptr<PrivateCluster>> PrivateCluster::start(
    const std::vector<std::string>& head_args) {
  static int count = 0;
  const std::string cluster = "private-" + std::to_string(getpid()) + "-" + std::to_string(++count);
  const auto places = find_places(cluster, Environment::of_process());
  if (!places) return failed(places.error().message);

  DaemonStart start;
  start.program = find_daemon_program();
  start.arguments = {"--head", "--cluster", cluster, "--owner-pid", std::to_string(getpid())};
  start.arguments.insert(start.arguments.end(), head_args.begin(), head_args.end());
  const auto pid = start_daemon(start);
  if (!pid) return failed(pid.error().message);
  return std::unique_ptr<PrivateCluster>{new PrivateCluster{*pid, places->socket()}};
}

PrivateCluster::~PrivateCluster() {
  kill(pid_, SIGTERM);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace rayd::client
