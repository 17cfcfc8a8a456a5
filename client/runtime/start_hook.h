// The start hook: decides, before anything of the program has run, whether this process is a driver
// or a worker. librayclient defines __libc_start_main, which the C runtime calls with the program's
// main: a driver gets the real one with its own main, a worker with the zygote or the executor in
// its place. So constructors run as ever, and what main does happens once, in the driver.
//
// Works as shared library and as archive, with several source files, under ASan and TSan, and with
// --as-needed; not with -static, where the C library's own definition is the only one.
#pragma once

namespace rayd {

/// "PID:WORKER:FD,FD…", set by a zygote that must not fork: this process, if it is PID, is the
/// worker (its ClientId's bits), with these descriptors as its channel.
inline constexpr char kWorkerVariable[] = "RAYD_WORKER_FDS";

}  // namespace rayd
