// RayConfig: how a program joins a cluster. The `--ray_…` flags override it (see ray::Init).
#pragma once

#include <string>
#include <vector>

namespace ray {

enum class ActorLifetime { DETACHED, NON_DETACHED };

class RayConfig {
 public:
  /// Where the cluster is. Empty: $RAY_ADDRESS, else this machine's running daemon, else a private
  /// one-node cluster that ends with the process.
  std::string address = "";

  /// Runs everything in this process, for debugging. Nothing else need be installed or running.
  bool local_mode = false;

  /// Directories or `.so` files with more code for the workers.
  std::vector<std::string> code_search_path;

  /// Flags of `rayctl start` for the private cluster, like {"--num-cpus", "2"}. local_mode honours
  /// --num-cpus, --num-gpus and --resources.
  std::vector<std::string> head_args = {};

  /// The lifetime of actors that do not say.
  ActorLifetime default_actor_lifetime = ActorLifetime::NON_DETACHED;

  /// Where this job's named actors live. Empty: a namespace of its own.
  std::string ray_namespace = "";
};

namespace internal {

/// Applies the `--ray_…` flags of a command line ("--ray_address=X" or "--ray_address X"). Others
/// are left alone; an unknown `--ray_…` flag throws RayException that lists the known ones.
void apply_flags(RayConfig& config, int argc, const char* const* argv);

}  // namespace internal
}  // namespace ray
