// The order of the descriptors that a daemon gives a new worker (and a driver by Rings.open): the
// channel's, then the object store's, then the socket of the control lane.
#pragma once

#include <cstddef>

namespace rayd::shm {

enum WorkerFd : size_t {
  kFdClientMemory,
  kFdDaemonMemory,
  kFdDaemonRope,
  kFdClientBell,
  kFdClaimMemory,  // a driver has none: invalid
  kFdStoreWritable,
  kFdStoreReadable,
  kFdControl,  // a driver has its own connection: absent
  kWorkerFdCount,
};

}  // namespace rayd::shm
