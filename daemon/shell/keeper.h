// The keeper: parent of all zygotes and, as subreaper, of every orphan among their descendants. It
// is rayd executed again as `rayd --keeper`: small, one thread, in a session of its own, deaf to
// the terminal's signals.
//
//   daemon ── keeper ──┬─ zygote ──┬─ worker ── what user code started
//                      │           └─ worker
//                      └─ orphans: killed once the worker (or zygote) they come from is dead
//
// * The daemon gone (its pidfd, or the end of its socket): everything is killed, generation after
//   generation, guarded files are removed, the keeper exits.
// * A worker gone: reported when nothing of it is left.
// * The keeper gone: zygotes, and with them their workers, get SIGKILL as their parents' death
//   signal; what those leave is re-parented to the daemon, a subreaper too.
#pragma once

namespace rayd {

/// The descriptor on which a keeper finds its socket to the daemon.
inline constexpr int kKeeperSocketFd = 3;

/// Whether the command line is a keeper's: NAME --keeper BASE. Ask first thing in main.
bool is_keeper(int argc, char** argv);

/// Runs until the daemon is gone and no descendant is left. Returns the exit status.
int keeper_main(int argc, char** argv);

}  // namespace rayd
