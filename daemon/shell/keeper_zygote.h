// Starts a zygote: what happens between the keeper's fork and the program's first instruction.
#pragma once

#include <cstdint>

#include <sys/types.h>

#include "common/base/unique_fd.h"
#include "common/wire/keeper_wire.h"

namespace rayd {

/// Forks and executes. The child gets its own process group, SIGKILL when the keeper dies, the tag,
/// the credentials, /dev/null, `output` as standard output and error, and `socket` as descriptor 3;
/// if it cannot execute the program it says so on `output` and ends with status 127.
/// Returns the child's pid, or −1 with errno set.
pid_t start_zygote_process(const keeper::StartZygote& order, const UniqueFd& output,
                           const UniqueFd& socket, uint64_t tag);

}  // namespace rayd
