// Starting the daemon's program, by rayctl start and by a program that makes a cluster of its own:
// where rayd lies, and the wait until it serves.
#pragma once

#include <sys/types.h>

#include <initializer_list>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace rayd {

/// The folder of the file that this code was linked into: a program or librayclient.so. Empty: not
/// known.
std::string folder_of_this_code();

/// The daemon's program: $RAYD_PROGRAM, else beside this library or program (installed or in the
/// build tree), else on the PATH. Empty: not found.
std::string find_daemon_program();

/// The first of these places, relative to a folder, that holds `name`: installed, or in the build
/// tree. Empty: none.
std::string find_beside(const std::string& folder, std::initializer_list<const char*> places,
                        const std::string& name);

/// rayd-worker, beside the daemon's program in `folder`. Empty: not found.
std::string find_worker_program(const std::string& folder);

/// librayclient.so, of which workers are made, beside the daemon's program in `folder`. Empty: not
/// found.
std::string find_client_library(const std::string& folder);

struct DaemonStart {
  std::string program;
  std::vector<std::string> arguments;  // without --ready-fd
  /// kYes: a session of its own, nothing of ours inherited: neither descriptors nor the folder.
  enum class Detached : bool { kNo, kYes };
  Detached detached = Detached::kNo;
  std::string output_file;  // of a detached one: what it prints before its log is open
};

/// What a daemon that does not come to serve says in place of "ready": why, and of which kind.
std::string not_ready_line(const Error& why);

/// Starts it and returns its pid when it serves. Else why not, in its own words (kUnavailable if it
/// had none of not_ready_line), and it has ended.
Result<pid_t> start_daemon(const DaemonStart& start);

}  // namespace rayd
