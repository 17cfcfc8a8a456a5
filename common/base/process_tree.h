// Whose process is this? A tag that every descendant inherits, and a list of one's own children.
//
// A worker's descendants may leave its process group and session, and a double fork takes away
// their parent; what they cannot shed by accident are their resource limits. The soft limit
// RLIMIT_LOCKS, which the kernel has ignored since 2.4.25, is inherited by fork and exec, so it
// carries the tag. A process that changes it on purpose is killed as one that belongs to nobody.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <sys/types.h>

#include "common/base/unique_fd.h"

namespace rayd {

/// Marks the calling process and all it will start. Precondition: tag is not 2^64−1.
void set_process_tag(uint64_t tag);

/// Nothing if the process is gone or was never marked.
std::optional<uint64_t> process_tag(pid_t pid);

/// A descriptor that becomes readable when the process ends (of a child: can be waited for),
/// whatever happens to its number; empty with errno set if there is none. Close-on-exec.
UniqueFd open_pidfd(pid_t pid);

/// The children of the calling process, those that ended and wait to be reaped too.
std::vector<pid_t> own_children();

/// The same from /proc/*/stat alone, for kernels without CONFIG_PROC_CHILDREN.
std::vector<pid_t> own_children_by_parent();

}  // namespace rayd
