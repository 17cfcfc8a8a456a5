// Where a cluster keeps its things on this machine (cli.md §6).
//
//                run_dir                       state_dir                          log_dir
//   as root      /run/rayd/NAME                /var/lib/rayd/NAME /var/log/rayd/NAME as a user
//   $XDG_RUNTIME_DIR/rayd/NAME    $XDG_STATE_HOME/rayd/NAME          state_dir/log without XDG
//   /tmp/rayd-UID/NAME            ~/.local/state/rayd/NAME           state_dir/log
//
// Root with an XDG_RUNTIME_DIR of its own choice (not the /run/user/0 of a login) counts as a user:
// so tests and trials leave the system's places alone.
// run_dir ends with the daemon; state_dir and log_dir stay, bounded in size.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/config/environment.h"

namespace rayd {

struct Places {
  std::string run_dir;
  std::string state_dir;
  std::string log_dir;

  std::string socket() const { return run_dir + "/rayd.sock"; }
  std::string lock_file() const { return run_dir + "/rayd.lock"; }
  std::string journal() const { return state_dir + "/journal.sqlite"; }
  std::string modules_dir() const { return state_dir + "/modules"; }
  std::string jobs_dir() const { return state_dir + "/jobs"; }
  std::string daemon_log() const { return log_dir + "/rayd.log"; }
  std::string job_logs_dir() const { return log_dir + "/jobs"; }
};

/// The places of this user's cluster of that name. kInvalidArgument: the name is none, a variable
/// is no absolute path, or the socket's path is longer than the kernel takes.
Result<Places> find_places(std::string_view cluster, const Environment& environment);

/// Makes the folders that are missing, for the owner alone (as root: readable by all, since users
/// connect to the socket there). kNotAllowed if one belongs to somebody else, is no folder, or
/// others may write to it; kUnavailable if it cannot be made.
Status make_places(const Places& places, const Environment& environment);

/// Where a client looks for the daemon, in this order: the user's own socket, then the system's.
/// Those whose folder belongs to neither this user nor root are left out.
std::vector<std::string> find_sockets(std::string_view cluster, const Environment& environment);

/// The folder of what this user's programs keep for all clusters: the key by which heads elsewhere
/// know them. Made if it is missing; errors as make_places() has them.
Result<std::string> make_client_folder(const Environment& environment);

}  // namespace rayd
